"""``dask://host:port``: a cluster that somebody else runs is looked at, used, and left alone."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import dask
import distributed
import pytest

from spark_kernel import __version__
from spark_kernel.common.errors import ClusterError, SettingsError
from spark_kernel.resource_managers.registry import resource_manager
from tests.support.clusters import application, connected
from tests.support.foreign_cluster import foreign_cluster

pytestmark = pytest.mark.cluster

HIDE_PACKAGE = "import sys; sys.modules['spark_kernel'] = None"
OTHER_PACKAGE = "import spark_kernel; spark_kernel.__version__ = '0.0.7'"
OTHER_PYTHON = "import platform; platform.python_version = lambda: '3.9.1'"
OTHER_DASK = """
import importlib.metadata as metadata
metadata.version = (lambda real: lambda name: '1.2.3' if name == 'dask' else real(name))(metadata.version)
"""


class TestARunningCluster:
    def test_is_used_and_left_as_it_was(self) -> None:
        with foreign_cluster(workers=1) as address:
            manager = resource_manager(address.replace("tcp://", "dask://"))
            mine = application()
            cluster = manager.start(mine)
            assert cluster.address == address
            assert (cluster.expected_workers, cluster.cores, cluster.max_task_failures) == (1, 2, 4)
            assert not cluster.owns_workers
            with connected(cluster) as client:
                workers = client.run(os.getpid)
                manager.stop()
                manager.stop()
                assert client.run(os.getpid) == workers
            assert not mine.scratch.exists()
            assert manager.describe()["state"] == "stopped"

    def test_is_not_ours_to_scale(self) -> None:
        manager = resource_manager("dask://127.0.0.1:1")
        with pytest.raises(ClusterError, match="not ours to scale"):
            manager.scale(3)
        with pytest.raises(ClusterError, match="not ours to scale"):
            manager.adapt(1, 3)

    def test_may_get_its_first_worker_while_we_wait(self) -> None:
        with foreign_cluster(workers=1, late=1.0) as address:
            manager = resource_manager(address)
            assert manager.start(application()).expected_workers == 1
            manager.stop()

    def test_speaks_tls_with_the_certificates_of_dasks_configuration(self, tmp_path: Path) -> None:
        pytest.importorskip("cryptography", reason="makes the certificate")
        temporary = distributed.Security.temporary()
        (tmp_path / "ca.pem").write_text(temporary.tls_ca_file)
        (tmp_path / "key.pem").write_text(temporary.tls_client_key)
        certificates = {
            "distributed.comm.tls.ca-file": str(tmp_path / "ca.pem"),
            "distributed.comm.tls.client.cert": str(tmp_path / "ca.pem"),
            "distributed.comm.tls.client.key": str(tmp_path / "key.pem"),
        }
        with foreign_cluster(workers=1, tls=str(tmp_path)) as address:
            assert address.startswith("tls://")
            with dask.config.set(certificates):
                manager = resource_manager(address)
                cluster = manager.start(application())
                with connected(cluster) as client:
                    assert client.submit(sum, [1, 2]).result(timeout=20) == 3
                manager.stop()
            with pytest.raises(SettingsError, match=r"distributed\.comm\.tls"):
                resource_manager(address)
            with pytest.raises(ClusterError, match="tls://host:port"):
                resource_manager(address.replace("tls://", "dask://")).start(application())

    @pytest.mark.parametrize(("kind", "agree"), [("workers", True), ("bare", False)])
    def test_says_whether_strings_hash_alike_in_its_workers(self, kind: str, agree: bool) -> None:
        # Dask's nanny gives its workers a seed; a worker without one has a random seed.
        with foreign_cluster(**{kind: 1}) as address:
            manager = resource_manager(address)
            assert manager.start(application()).string_hashes_agree is agree
            assert manager.describe()["string_hashes_agree"] is agree
            manager.stop()

    def test_with_other_versions_of_dask_is_used_with_a_warning(self) -> None:
        with foreign_cluster(workers=1, preload=OTHER_DASK) as address:
            manager = resource_manager(address)
            with pytest.warns(UserWarning, match=r"the worker tcp://.* has dask 1\.2\.3, but this is "):
                manager.start(application())
            manager.stop()


class TestAClusterThatCannotBeUsed:
    def start(self, url: str, **settings: str) -> str:
        """The message of the error."""
        mine = application()
        with pytest.raises(ClusterError) as caught:
            resource_manager(url, settings).start(mine)
        assert not mine.scratch.exists()
        return str(caught.value)

    def test_nothing_listens_there(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        message = self.start(f"dask://127.0.0.1:{port}")
        assert f"tcp://127.0.0.1:{port}" in message
        assert "refused" in message

    def test_nobody_answers(self) -> None:
        # A listener that accepts nothing: the system completes the connection, and that is all.
        with socket.create_server(("127.0.0.1", 0)) as silent:
            message = self.start(f"dask://127.0.0.1:{silent.getsockname()[1]}")
        assert "does not answer as a Dask scheduler" in message

    def test_there_is_no_such_host(self) -> None:
        message = self.start("dask://no-such-host.invalid:8786")
        assert "no-such-host.invalid" in message

    def test_it_has_no_workers(self) -> None:
        with foreign_cluster() as address:
            message = self.start(address, **{"spark.scheduler.maxRegisteredResourcesWaitingTime": "500ms"})
        assert "has no workers" in message
        assert f"dask worker {address}" in message

    def test_a_worker_lacks_our_package(self) -> None:
        with foreign_cluster(workers=1, preload=HIDE_PACKAGE) as address:
            message = self.start(address)
        assert "the worker tcp://127.0.0.1:" in message
        assert f"pip install spark-kernel=={__version__}" in message

    def test_a_worker_has_another_version_of_our_package(self) -> None:
        with foreign_cluster(workers=1, preload=OTHER_PACKAGE) as address:
            message = self.start(address)
        assert "the worker tcp://127.0.0.1:" in message
        assert f"has spark-kernel 0.0.7, but this is {__version__}" in message

    def test_a_worker_runs_another_python(self) -> None:
        with foreign_cluster(workers=1, preload=OTHER_PYTHON) as address:
            message = self.start(address)
        assert "runs Python 3.9.1" in message
