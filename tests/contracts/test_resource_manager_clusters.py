"""What every resource manager that starts a cluster keeps to; each inherits the whole suite."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import distributed
import pytest

from spark_kernel.common.errors import ClusterError, SettingsError
from spark_kernel.resource_managers.interface import Application, ClusterAddress, ResourceManager
from spark_kernel.resource_managers.registry import resource_manager
from tests.support.clusters import Leftovers, application, connected, listening_addresses, until

pytestmark = pytest.mark.cluster

PRELOADED = "tests.support.preloaded"


@dataclass
class Running:
    """A cluster that the tests of a class share."""

    manager: ResourceManager
    application: Application
    cluster: ClusterAddress
    client: distributed.Client

    @property
    def session(self) -> int:
        return supervisor_of(self.manager)


def supervisor_of(manager: ResourceManager) -> int:
    processes: Any = manager.describe()["processes"]
    return int(processes["supervisor"])


def module_is_loaded(name: str) -> bool:
    return name in sys.modules


def thread_counts() -> dict[str, str | None]:
    return {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}


def take_memory() -> int:
    """Far more than a worker may have, in steps that leave time to notice."""
    import time

    taken = []
    for _ in range(200):
        taken.append(bytearray(os.urandom(1 << 20) * 10))
        time.sleep(0.05)
    return len(taken)


def worker_processes(manager: ResourceManager) -> set[int]:
    processes: Any = manager.describe()["processes"]
    return {pid for pid in processes["workers"].values() if pid is not None}


def temporary_file() -> str:
    import tempfile

    return tempfile.mkstemp()[1]


class ResourceManagerContract:
    url: str
    workers: int
    cores_per_worker: int
    max_task_failures: int

    @pytest.fixture(scope="class")
    @classmethod
    def settings(cls) -> dict[str, str]:
        return {}

    @pytest.fixture(scope="class")
    @classmethod
    def running(cls, settings: dict[str, str]) -> Iterator[Running]:
        manager = resource_manager(cls.url, settings)
        mine = application((PRELOADED,), settings)
        try:
            cluster = manager.start(mine)
            with connected(cluster) as client:
                yield Running(manager, mine, cluster, client)
        finally:
            manager.stop()

    def test_a_bare_client_runs_a_task(self, running: Running) -> None:
        assert running.client.submit(sum, [1, 2, 3]).result(timeout=20) == 6

    def test_it_promises_the_workers_and_cores_that_come(self, running: Running) -> None:
        threads = running.client.nthreads()
        assert len(threads) == running.cluster.expected_workers == self.workers
        assert sum(threads.values()) == running.cluster.cores == self.workers * self.cores_per_worker
        assert set(threads.values()) == {self.cores_per_worker}
        assert running.cluster.max_task_failures == self.max_task_failures
        assert running.cluster.owns_workers

    def test_workers_are_processes_outside_the_driver_and_its_session(self, running: Running) -> None:
        pids = set(running.client.run(os.getpid).values())
        assert len(pids) == self.workers
        assert os.getpid() not in pids
        assert {os.getsid(pid) for pid in pids} == {running.session} != {os.getsid(0)}

    def test_it_listens_on_loopback_only(self, running: Running) -> None:
        addresses = listening_addresses(running.session)
        # At least the scheduler, and a worker and a nanny for each.
        assert len(addresses) >= 1 + 2 * self.workers
        assert {host for host, _ in addresses} == {"127.0.0.1"}

    def test_it_serves_no_web_pages(self, running: Running) -> None:
        assert running.client.scheduler_info()["services"] == {}
        assert {tuple(worker["services"]) for worker in running.client.scheduler_info()["workers"].values()} == {()}
        # The scheduler, a worker and a nanny for each, and nothing else.
        assert len(listening_addresses(running.session)) == 1 + 2 * self.workers
        assert running.manager.describe()["dashboard"] is None

    def test_strings_hash_alike_in_every_worker_as_they_do_in_spark(self, running: Running) -> None:
        # What Spark's launcher sets, unless the user has set another.
        seed = os.environ.get("PYTHONHASHSEED", "0").replace("random", "0")
        spark = subprocess.run(
            [sys.executable, "-c", "print(hash('spark'))"],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        )
        assert set(running.client.run(hash, "spark").values()) == {int(spark.stdout)}
        # Processes that a function starts hash in the same way.
        assert set(running.client.run(os.getenv, "PYTHONHASHSEED").values()) == {seed}
        assert running.cluster.string_hashes_agree

    def test_modules_are_imported_before_the_first_task(self, running: Running) -> None:
        assert set(running.client.run(module_is_loaded, PRELOADED).values()) == {True}

    def test_a_worker_computes_with_its_own_cores_only(self, running: Running) -> None:
        inherited = os.environ.get("OMP_NUM_THREADS")
        expected = inherited or str(self.cores_per_worker)
        for counts in running.client.run(thread_counts).values():
            assert counts["OMP_NUM_THREADS"] == expected

    def test_temporary_files_of_tasks_lie_in_the_applications_folder(self, running: Running) -> None:
        file = Path(running.client.submit(temporary_file, pure=False).result(timeout=20))
        assert running.application.scratch in file.parents

    def test_it_describes_itself(self, running: Running) -> None:
        described: Any = running.manager.describe()
        assert described["master"] == self.url
        assert described["state"] == "running"
        assert described["address"] == running.cluster.address
        assert len(described["workers"]) == self.workers
        assert all(worker["cores"] == self.cores_per_worker for worker in described["workers"])
        assert all(worker["memory"] > 0 for worker in described["workers"])

    def test_it_can_be_started_once_only(self, running: Running) -> None:
        with pytest.raises(ClusterError, match="started already"):
            running.manager.start(running.application)
        assert running.client.submit(sum, [1], pure=False).result(timeout=20) == 1

    def test_it_refuses_sizes_that_make_no_sense(self, running: Running) -> None:
        with pytest.raises(SettingsError, match="0 workers"):
            running.manager.scale(0)
        with pytest.raises(SettingsError, match="between 3 and 2"):
            running.manager.adapt(3, 2)

    def test_it_grows_and_shrinks(self, running: Running) -> None:
        try:
            running.manager.scale(self.workers + 1)
            until(lambda: len(running.client.nthreads()) == self.workers + 1, "one worker more", 20)
        finally:
            running.manager.scale(self.workers)
        until(lambda: len(running.client.nthreads()) == self.workers, "one worker less", 20)
        assert running.client.submit(sum, [1], pure=False).result(timeout=20) == 1

    def test_stop_leaves_nothing_and_may_be_repeated(self, settings: dict[str, str]) -> None:
        manager = resource_manager(self.url, settings)
        mine = application((), settings)
        with connected(manager.start(mine)) as client:
            client.submit(sum, [1]).result(timeout=20)
            leftovers = Leftovers(supervisor_of(manager), mine.scratch)
        assert leftovers.shared_memory
        manager.stop()
        assert leftovers.left() == []
        manager.stop()
        assert manager.describe() == {"master": self.url, "state": "stopped"}
        with pytest.raises(ClusterError, match="stopped already"):
            manager.start(mine)

    def test_stopping_while_it_starts_leaves_nothing(self, settings: dict[str, str]) -> None:
        manager = resource_manager(self.url, settings)
        mine = application((), settings)
        errors: list[ClusterError] = []

        def start() -> None:
            try:
                manager.start(mine)
            except ClusterError as error:
                errors.append(error)

        thread = threading.Thread(target=start)
        thread.start()
        until(lambda: manager.describe()["state"] == "starting", "the start")
        manager.stop()
        thread.join(20)
        assert len(errors) == 1
        assert not mine.scratch.exists()

    def test_a_module_that_workers_cannot_import_is_an_error_that_names_it(self, settings: dict[str, str]) -> None:
        manager = resource_manager(self.url, settings)
        reasons: list[str] = []
        manager.on_lost(reasons.append)
        mine = application(("no_such_module_anywhere",), settings)
        manager.start(mine)
        until(lambda: reasons, "the loss", 30)
        assert "no_such_module_anywhere" in reasons[0]
        described = manager.describe()
        assert described["state"] == "lost"
        assert described["reason"] == reasons[0]
        with pytest.raises(ClusterError, match="no_such_module_anywhere"):
            manager.scale(3)
        manager.stop()
        assert not mine.scratch.exists()


class TestLocal(ResourceManagerContract):
    url = "local[2]"
    workers = 2
    cores_per_worker = 1
    max_task_failures = 1


class TestLocalBySpawning(ResourceManagerContract):
    """As on macOS, and where the folder's name is too long for the socket of a fork server."""

    url = "local[1]"
    workers = 1
    cores_per_worker = 1
    max_task_failures = 1

    @pytest.fixture(scope="class")
    @classmethod
    def settings(cls, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
        return {"spark.local.dir": str(tmp_path_factory.mktemp("a-long-name-" * 8))}


class TestLocalWithFailures(ResourceManagerContract):
    url = "local[1,3]"
    workers = 1
    cores_per_worker = 1
    max_task_failures = 3


class TestLocalCluster(ResourceManagerContract):
    url = "local-cluster[2,2,700]"
    workers = 2
    cores_per_worker = 2
    max_task_failures = 4

    def test_each_worker_has_the_memory_that_the_url_says(self, running: Running) -> None:
        described: Any = running.manager.describe()
        assert [worker["memory"] for worker in described["workers"]] == [700 * 1024**2] * 2

    def test_scheduler_and_nodes_are_processes_of_their_own(self, running: Running) -> None:
        processes: Any = running.manager.describe()["processes"]
        pids = [processes["supervisor"], processes["scheduler"], *processes["nodes"].values()]
        assert len(set(pids)) == 2 + self.workers


class TestSettings:
    def test_executor_memory_is_the_limit_of_each_worker(self) -> None:
        manager = resource_manager("local[1]", {"spark.executor.memory": "600m"})
        try:
            with connected(manager.start(application())) as client:
                workers = client.scheduler_info()["workers"].values()
                assert [worker["memory_limit"] for worker in workers] == [600 * 1024**2]
        finally:
            manager.stop()

    def test_a_worker_that_outgrows_its_limit_is_replaced_and_the_machine_spared(self) -> None:
        manager = resource_manager("local[1]", {"spark.executor.memory": "300m"})
        try:
            with connected(manager.start(application())) as client:
                (before,) = client.run(os.getpid).values()
                distributed.fire_and_forget(client.submit(take_memory, pure=False))
                until(lambda: before not in worker_processes(manager), "the end of the worker", 30)
                until(lambda: worker_processes(manager), "another worker in its place", 30)
                assert manager.describe()["state"] == "running"
        finally:
            manager.stop()

    def test_the_dashboard_is_on_loopback_when_it_is_switched_on(self) -> None:
        manager = resource_manager("local[1]", {"spark.kernel.dashboard": "true"})
        try:
            with connected(manager.start(application())):
                link = str(manager.describe()["dashboard"])
                assert link.startswith("http://127.0.0.1:")
                assert {host for host, _ in listening_addresses(supervisor_of(manager))} == {"127.0.0.1"}
        finally:
            manager.stop()

    def test_the_number_of_workers_follows_the_load_when_it_adapts(self) -> None:
        manager = resource_manager("local[1]")
        try:
            with connected(manager.start(application())) as client:
                manager.adapt(0, 1)
                until(lambda: not client.nthreads(), "an idle cluster without workers", 30)
                assert client.submit(sum, [1, 2]).result(timeout=30) == 3
                manager.scale(2)
                until(lambda: len(client.nthreads()) == 2, "two workers once it is scaled", 30)
        finally:
            manager.stop()

    def test_local_dirs_say_where_the_applications_folder_is(self, tmp_path: Path) -> None:
        settings = {"spark.local.dir": str(tmp_path)}
        manager = resource_manager("local[1]", settings)
        mine = application(settings=settings)
        assert tmp_path in mine.scratch.parents
        try:
            with connected(manager.start(mine)) as client:
                assert client.run(os.getenv, "SPARK_LOCAL_DIRS") == {
                    address: str(mine.scratch) for address in client.nthreads()
                }
        finally:
            manager.stop()
        assert not mine.scratch.exists()
