"""Shuffle blocks from machine to machine: nannies and workers serve, tasks ask. Real processes on one machine, which
treat each other as machines of their own."""

from __future__ import annotations

import dataclasses
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from distributed import Client, LocalCluster, get_worker

from spark_kernel.core.cache.batches import records_of
from spark_kernel.core.cache.block_store import BlockStore
from spark_kernel.core.lineage.shuffle_specs import Aggregator, ShuffleSpec
from spark_kernel.core.lineage.storage_levels import StorageLevel
from spark_kernel.core.shuffle.block_server import BlockServer
from spark_kernel.core.shuffle.fetch_failures import FetchFailedError
from spark_kernel.core.shuffle.map_outputs import MapOutput, NodePlace
from spark_kernel.core.shuffle.reader import read_shuffle
from spark_kernel.core.shuffle.transport import BlockMissingError, PeerUnreachableError
from spark_kernel.core.shuffle.worker_plugin import DaskTransport, ShuffleServer, serve_from_worker, stop_serving
from tests.support.shuffles import partitioner, written
from tests.support.task_scopes import ScopeForTests

pytestmark = pytest.mark.cluster

APP = "app-for-tests"
WIDTH = 4
SPEC = ShuffleSpec(partitioner(WIDTH), Aggregator(lambda v: [v], lambda vs, v: [*vs, v], lambda a, b: a + b))


def install(folder: str, app_id: str) -> str:
    """On a worker: serve, and be able to ask."""
    worker = get_worker()
    store = BlockStore(Path(folder) / "blocks", 1 << 20)
    store.put(7, 1, StorageLevel.MEMORY_ONLY, range(1000))
    serve_from_worker(worker, app_id, BlockServer(Path(folder)), store.batches)
    worker.transport_for_tests = DaskTransport(worker, app_id, machine_id=worker.address)
    return str(worker.nanny)


def ask(place: NodePlace, ranges: list[Any]) -> list[bytes]:
    """On a worker: get bytes from another."""
    future = get_worker().transport_for_tests.fetch(place, ranges)
    return [bytes(data) for data in future.result(timeout=20)]


def read_all(outputs: list[MapOutput], spec: ShuffleSpec, folder: str) -> tuple[list[list[Any]], int]:
    scope = ScopeForTests(Path(folder))
    transport = get_worker().transport_for_tests
    parts = [list(read_shuffle(outputs, reducer, spec, scope, transport, 5)) for reducer in range(WIDTH)]
    return parts, scope.counts.shuffle_remote_bytes_read


class Cluster:
    def __init__(self, client: Client, folder: Path) -> None:
        self.client = client
        self.folder = folder
        self.client.wait_for_workers(2, timeout=60)
        self.workers = list(client.scheduler_info(n_workers=-1)["workers"])
        self.nannies = [self.on(worker, install, str(folder), APP) for worker in self.workers]

    def on(self, worker: str, function: Callable[..., Any], *arguments: Any) -> Any:
        return self.client.submit(function, *arguments, workers=[worker], pure=False).result(timeout=60)

    def place(self, *servers: str) -> NodePlace:
        return NodePlace("other", "other-machine", servers)


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    arguments = {"n_workers": 2, "threads_per_worker": 2, "dashboard_address": ":0", "host": "127.0.0.1"}
    with LocalCluster(processes=True, **arguments) as local, Client(local) as client:
        yield client


@pytest.fixture
def cluster(client: Client, tmp_path: Path) -> Iterator[Cluster]:
    plugin = ShuffleServer(APP, partial(Path, str(tmp_path)))
    client.register_plugin(plugin)
    yield Cluster(client, tmp_path)
    client.unregister_worker_plugin(plugin.name, nanny=True)


def file_of(folder: Path, size: int = 100_000) -> tuple[str, bytes]:
    content = os.urandom(size)
    path = folder / "shuffle" / "5" / "map-0-0"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return str(path), content


def test_nannies_and_workers_give_ranges_of_files_and_nothing_else(cluster: Cluster) -> None:
    path, content = file_of(cluster.folder)
    asker, giver = cluster.workers
    ranges = [(path, 5, 90_000), (path, 0, 3), (path, 7, 7)]
    for server in (cluster.nannies[1], giver):
        assert cluster.on(asker, ask, cluster.place(server), ranges) == [content[5:90_000], content[:3], b""]
        for bad in ("/etc/passwd", f"{cluster.folder}/../x", path + "-missing"):
            with pytest.raises(BlockMissingError, match="no file of this application"):
                cluster.on(asker, ask, cluster.place(server), [(bad, 0, 1)])
    cluster.on(giver, lambda: stop_serving(get_worker(), APP))
    with pytest.raises(PeerUnreachableError):
        cluster.on(asker, ask, cluster.place(giver), ranges)


def test_a_whole_shuffle_between_machines(cluster: Cluster) -> None:
    partitions = [[(i % 97, (part, i, f"{part}-{i}" * 9)) for i in range(3000)] for part in range(4)]
    outputs = [
        dataclasses.replace(output, place=cluster.place(cluster.nannies[i % 2], cluster.workers[i % 2]))
        for i, output in enumerate(written(cluster.folder, partitions, SPEC))
    ]
    assert all(output.inline is None for output in outputs)
    parts, remote = cluster.on(cluster.workers[0], read_all, outputs, SPEC, str(cluster.folder))
    assert remote == sum(output.offsets[-1] for output in outputs)
    expected = {key: [value for pairs in partitions for k, value in pairs if k == key] for key in range(97)}
    assert {key: values for part in parts for key, values in part} == expected


def test_what_a_killed_worker_wrote_is_still_read_from_its_nanny(cluster: Cluster) -> None:
    path, content = file_of(cluster.folder)
    asker, giver = cluster.workers
    pid = cluster.on(giver, os.getpid)
    os.kill(pid, signal.SIGKILL)
    place = cluster.place(cluster.nannies[1], giver)
    assert cluster.on(asker, ask, place, [(path, 0, 100_000)]) == [content]


def test_the_next_address_is_asked_when_the_first_is_dead(cluster: Cluster) -> None:
    path, content = file_of(cluster.folder)
    asker, giver = cluster.workers
    place = cluster.place("tcp://127.0.0.1:9", giver)
    begin = time.monotonic()
    assert cluster.on(asker, ask, place, [(path, 0, 100_000)]) == [content]
    first = time.monotonic() - begin
    cluster.on(asker, lambda: get_worker().transport_for_tests.mark_dead("tcp://127.0.0.1:9"))
    begin = time.monotonic()
    assert cluster.on(asker, ask, place, [(path, 0, 100_000)]) == [content]
    assert time.monotonic() - begin < max(first, 1)


def test_a_dead_machine_is_reported_as_lost(cluster: Cluster) -> None:
    outputs = written(cluster.folder, [[(i, os.urandom(100)) for i in range(2000)]], SPEC)
    outputs = [dataclasses.replace(output, place=cluster.place("tcp://127.0.0.1:9")) for output in outputs]
    cluster.on(cluster.workers[0], lambda: get_worker().transport_for_tests.mark_dead("tcp://127.0.0.1:9"))
    with pytest.raises(FetchFailedError, match="left the cluster") as caught:
        cluster.on(cluster.workers[0], read_all, outputs, SPEC, str(cluster.folder))
    assert caught.value.machine_lost


def hang_then_die(address_of_hanging: str) -> str:
    """On a worker: ask a peer that accepts and never answers, and hear meanwhile that it left."""
    transport = get_worker().transport_for_tests
    future = transport.fetch(NodePlace("h", "h", (address_of_hanging,)), [("/x", 0, 1)])
    timer = threading.Timer(0.5, transport.mark_dead, args=(address_of_hanging,))
    timer.start()
    try:
        future.result(timeout=20)
    except PeerUnreachableError as error:
        return str(error)
    return "answered"


def test_a_request_to_a_machine_that_leaves_meanwhile_is_given_up(cluster: Cluster) -> None:
    asker, giver = cluster.workers
    pid = cluster.on(giver, os.getpid)
    os.kill(pid, signal.SIGSTOP)
    try:
        assert "left the cluster" in cluster.on(asker, hang_then_die, giver)
    finally:
        os.kill(pid, signal.SIGCONT)


def cached(address: str, partition: int) -> list[bytes]:
    future = get_worker().transport_for_tests.fetch_cached(address, 7, partition)
    return [bytes(batch) for batch in future.result(timeout=20)]


def test_cached_blocks_travel_between_workers(cluster: Cluster) -> None:
    asker, giver = cluster.workers
    assert list(records_of(cluster.on(asker, cached, giver, 1))) == list(range(1000))
    with pytest.raises(BlockMissingError, match="not cached here"):
        cluster.on(asker, cached, giver, 2)


def test_applications_do_not_serve_each_other(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> None:
    path, _ = file_of(cluster.folder)
    elsewhere = tmp_path_factory.mktemp("other")
    cluster.client.register_plugin(ShuffleServer("other-app", partial(Path, str(elsewhere))))
    cluster.on(cluster.workers[0], install, str(elsewhere), "other-app")
    for server in (cluster.nannies[0], cluster.workers[0]):
        with pytest.raises(BlockMissingError):
            cluster.on(cluster.workers[0], ask, cluster.place(server), [(path, 0, 1)])
    cluster.on(cluster.workers[0], install, str(cluster.folder), APP)
    assert cluster.on(cluster.workers[0], ask, cluster.place(cluster.nannies[0]), [(path, 0, 1)])


def interrupted(place: NodePlace) -> str:
    scope = ScopeForTests(Path("/tmp"))
    output = MapOutput(0, "w", place, "/x", [0, 10], 1)
    threading.Timer(0.5, lambda: setattr(scope, "cancelled", True)).start()
    try:
        list(read_shuffle([output], 0, SPEC, scope, get_worker().transport_for_tests, 5))
    except Exception as error:
        return type(error).__name__
    return "read"


def test_a_cancelled_task_does_not_wait_for_a_machine_that_hangs(cluster: Cluster) -> None:
    asker, giver = cluster.workers
    pid = cluster.on(giver, os.getpid)
    os.kill(pid, signal.SIGSTOP)
    try:
        assert cluster.on(asker, interrupted, cluster.place(giver)) == "CancelledForTestsError"
    finally:
        os.kill(pid, signal.SIGCONT)
