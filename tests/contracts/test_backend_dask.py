"""What the Dask backend does about processes that die, threads that don't stop, and neighbours on the same cluster."""

from __future__ import annotations

import asyncio
import os
import pickle
import re
import signal
import socket
import time
from pathlib import Path

import pytest
from distributed import Client

from spark_kernel.common.ids import new_application_id
from spark_kernel.core.execution.backend import (
    BackendFailed,
    ExecutorJoined,
    ExecutorLost,
    TaskCancelled,
    TaskFailed,
    TaskStarted,
)
from spark_kernel.core.execution.dask_backend import DaskBackend
from spark_kernel.core.execution.worker_messages import topic_of
from spark_kernel.core.execution.worker_plugin import announce_again, executor_of
from spark_kernel.core.lineage.storage_levels import StorageLevel
from spark_kernel.core.shared_variables.broadcast import Broadcast
from spark_kernel.resource_managers.interface import ClusterAddress
from tests.support.backends import dask_backend, joined, local_cluster, started
from tests.support.clusters import until
from tests.support.programs import ReportLog, batch_of, map_outputs, map_side, mapped, shuffled, source, values

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def cluster():
    with local_cluster("local[2]") as address:
        yield address


@pytest.fixture
def running(cluster):
    with dask_backend(cluster) as pair:
        yield pair


@pytest.fixture
def fragile():
    """For tests that end worker processes. Dask gives a node up that it finds without a worker 3 s after a loss, also
    when that is a second loss, so that tests which follow each other on one cluster would disturb each other."""
    with local_cluster("local[2]") as address, dask_backend(address) as pair:
        yield pair


def numbers(partitions: int):
    return source(*[[i] for i in range(partitions)])


def started_tasks(log: ReportLog) -> list[int]:
    return [report.task_id for report in log.reports if isinstance(report, TaskStarted)]


def note(folder: Path, name: object) -> None:
    """Leave a trace of having run, for each time."""
    with open(folder / str(name), "a") as file:
        file.write("x")


def mark_and_wait(folder: Path):
    def wait(x):
        (folder / f"pid-{os.getpid()}-{x}").touch()
        while not (folder / "go").exists():
            time.sleep(0.01)
        return x

    return wait


def running_pids(folder: Path, count: int) -> dict[int, int]:
    """Process id -> the record it computes, once there are ``count`` of them."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        names = [path.name.split("-") for path in folder.glob("pid-*")]
        if len(names) >= count:
            return {int(pid): int(record) for _, pid, record in names}
        time.sleep(0.01)
    raise AssertionError("the tasks did not begin")


def test_a_killed_worker_costs_its_own_running_task_and_is_replaced(fragile, tmp_path: Path) -> None:
    backend, log = fragile
    batch = batch_of(mapped(numbers(2), mark_and_wait(tmp_path)), stage_id=1)
    backend.submit(batch)
    victim, record = next(iter(running_pids(tmp_path, 2).items()))
    os.kill(victim, signal.SIGKILL)
    lost = log.wait_for(lambda reports: [report for report in reports if isinstance(report, TaskFailed)])[0]
    assert lost.executor_lost
    assert lost.failure.partition == record
    (gone,) = [report for report in log.wait_for(losses) if isinstance(report, ExecutorLost)]
    assert gone.executor_id == lost.executor_id
    log.wait_for(lambda reports: joined(reports) == 3)
    assert gone.executor_id not in {executor.executor_id for executor in backend.executors()}
    assert len(backend.executors()) == 2
    (tmp_path / "go").touch()
    survivor = log.finals(batch)[1 - record]
    assert values([survivor]) == [[1 - record]]


def losses(reports):
    return [report for report in reports if isinstance(report, ExecutorLost)]


def test_a_task_that_ends_its_process_is_not_repeated_by_dask(fragile, tmp_path: Path) -> None:
    backend, log = fragile

    def leave(x):
        note(tmp_path, "attempts")
        os._exit(3)

    batch = batch_of(mapped(numbers(1), leave), stage_id=1)
    backend.submit(batch)
    (report,) = log.finals(batch)
    assert isinstance(report, TaskFailed)
    assert report.executor_lost
    assert report.failure.error_type == "ExecutorLost"
    log.wait_for(lambda reports: joined(reports) == 3)
    after = batch_of(numbers(4), stage_id=2)
    backend.submit(after)
    assert values(log.finals(after)) == [[0], [1], [2], [3]]
    assert (tmp_path / "attempts").read_text() == "x"


def test_tasks_of_a_bundle_that_were_done_before_the_worker_died_stay_done(fragile, tmp_path: Path) -> None:
    backend, log = fragile

    def last_one_leaves(x):
        if x == 19:
            # The results before it leave the worker with the next message, which a process that is gone can't send.
            time.sleep(0.2)
            os._exit(3)
        return x

    batch = batch_of(mapped(numbers(20), last_one_leaves), stage_id=1)
    backend.submit(batch)
    *done, lost = log.finals(batch)
    assert lost.executor_lost
    assert sum(isinstance(report, TaskFailed) for report in done) <= 1
    log.wait_for(lambda reports: joined(reports) == 3)


def test_shuffle_files_outlive_the_worker_that_wrote_them(fragile, tmp_path: Path) -> None:
    backend, log = fragile
    big = "x" * 20_000

    def tag(x):
        return (x, f"{os.getpid()} {big}")

    pairs = shuffled(mapped(source(*[list(range(i, 40, 4)) for i in range(4)]), tag), 2)
    parent, output = map_side(pairs)
    write = batch_of(parent, output, stage_id=1)
    backend.submit(write)
    outputs = map_outputs(log.finals(write))
    assert all(each.inline is None for each in outputs)
    pids = batch_of(mapped(numbers(1), lambda x: os.getpid()), stage_id=2)
    backend.submit(pids)
    os.kill(values(log.finals(pids))[0][0], signal.SIGKILL)
    log.wait_for(losses)
    read = batch_of(pairs, stage_id=3, shuffle_inputs={output.shuffle_id: outputs})
    backend.submit(read)
    assert sorted(key for part in values(log.finals(read)) for key, _ in part) == list(range(40))
    log.wait_for(lambda reports: joined(reports) == 3)


def test_a_cancelled_sleep_costs_its_worker_but_ends(fragile) -> None:
    backend, log = fragile
    batch = batch_of(mapped(numbers(1), lambda x: time.sleep(1000)), stage_id=1)
    backend.submit(batch)
    log.wait_for(lambda reports: started_tasks(log))
    backend.cancel(1, 0)
    (report,) = log.finals(batch)
    assert isinstance(report, TaskCancelled)
    log.wait_for(lambda reports: joined(reports) == 3)
    after = batch_of(numbers(2), stage_id=2)
    backend.submit(after)
    assert values(log.finals(after)) == [[0], [1]]


def test_a_cancelled_task_that_holds_the_interpreter_ends_too(fragile) -> None:
    backend, log = fragile
    batch = batch_of(mapped(numbers(1), lambda x: re.match("(a+)+$", "a" * 60 + "b")), stage_id=1)
    backend.submit(batch)
    # Nothing can be waited for: a task that holds the interpreter lets no thread of its worker say that it began.
    time.sleep(0.3)
    backend.cancel(1, 0)
    (report,) = log.finals(batch)
    assert isinstance(report, (TaskCancelled, TaskFailed))
    backend.submit(after := batch_of(numbers(1), stage_id=2))
    assert values(log.finals(after)) == [[0]]


def test_one_slow_partition_does_not_hold_up_the_rest_of_its_bundle(running, tmp_path: Path) -> None:
    backend, log = running
    wait = mark_and_wait(tmp_path)
    batch = batch_of(mapped(numbers(100), lambda x: wait(x) if x == 0 else x), stage_id=1)
    backend.submit(batch)
    slow = batch.tasks[0].task_id

    def others_done(reports):
        done = {report.task_id for report in reports if type(report).__name__ == "TaskSucceeded"}
        return len(done) == 99 and slow not in done

    log.wait_for(others_done)
    (tmp_path / "go").touch()
    assert values(log.finals(batch)) == [[i] for i in range(100)]


def test_a_large_program_and_a_large_broadcast_travel_too(running) -> None:
    backend, log = running
    table = list(range(100_000))
    batch = batch_of(mapped(numbers(50), lambda x: x + len(table)), stage_id=1)
    assert len(batch.program) > 64 * 1024
    backend.submit(batch)
    assert values(log.finals(batch)) == [[100_000 + i] for i in range(50)]


def test_two_applications_on_one_cluster_do_not_meet(cluster, tmp_path: Path) -> None:
    with dask_backend(cluster) as (one, one_log), dask_backend(cluster) as (two, two_log):
        wait = mark_and_wait(tmp_path)
        held = batch_of(mapped(numbers(1), wait), stage_id=1)
        two.submit(held)
        running_pids(tmp_path, 1)
        doomed = batch_of(mapped(numbers(3), lambda x: time.sleep(0.05)), stage_id=1)
        one.submit(doomed)
        one.cancel(1, 0)
        assert all(isinstance(report, TaskCancelled) for report in one_log.finals(doomed))
        data = mapped(numbers(2), lambda x: x + 1)
        levels = {data.node_id: StorageLevel.MEMORY_ONLY}
        for backend, log, factor in ((one, one_log, 10), (two, two_log, 20)):
            batch = batch_of(mapped(data, lambda x, factor=factor: x * factor), levels=levels, stage_id=2)
            backend.submit(batch)
            assert values(log.finals(batch)) == [[factor], [2 * factor]]
            # Each application stored its own blocks: nothing came from the other's cache.
            assert len([block for report in log.finals(batch) for block in report.stored_blocks]) == 2
        (tmp_path / "go").touch()
        assert values(two_log.finals(held)) == [[0]]


def test_leaving_a_foreign_cluster_stops_what_runs_there_and_takes_everything_along(cluster) -> None:
    foreign = ClusterAddress(cluster.address, cluster.cores, cluster.expected_workers, 4, owns_workers=False)

    def spin(x):
        while True:
            x += 1

    app_id = new_application_id()
    with dask_backend(foreign, app_id) as (backend, log):
        batch = batch_of(mapped(numbers(4), spin), stage_id=1)
        backend.submit(batch)
        log.wait_for(lambda reports: started_tasks(log))
    left = {name for names in on_all_workers(cluster, plugin_names).values() for name in names}
    assert not any(app_id in name for name in left)


def plugin_names(dask_worker) -> list[str]:
    return list(dask_worker.plugins)


def test_an_executor_that_returns_under_its_address_is_asked_for_blocks_again(cluster) -> None:
    app_id = new_application_id()
    with dask_backend(cluster, app_id) as (_, log), Client(cluster.address, set_as_default=False) as client:
        one, other = sorted(client.scheduler_info()["workers"])

        def answer() -> str:
            return client.run(ask_for_a_block, app_id, other, workers=[one])[one]

        assert answer() == "BlockMissingError"
        client.log_event(topic_of(app_id), {"left": other})
        until(lambda: answer() == "PeerUnreachableError", "the executor has left")
        client.run(announce_again, app_id, workers=[other])
        until(lambda: answer() == "BlockMissingError", "the executor is back")
        assert joined(log.reports) == 3


async def ask_for_a_block(app_id: str, address: str, dask_worker) -> str:
    """On a worker: the kind of error with which another one answers to what it does not have."""
    transport = executor_of(dask_worker, app_id).transport
    try:
        await asyncio.wrap_future(transport.fetch_cached(address, 99, 0))
    except Exception as error:
        return type(error).__name__
    return "answered"


def on_all_workers(cluster, function):
    with Client(cluster.address, set_as_default=False) as client:
        return client.run(function)


def test_a_lost_scheduler_is_reported() -> None:
    with local_cluster("local-cluster[1,1,512]") as cluster, dask_backend(cluster) as (backend, log):
        found = batch_of(mapped(numbers(1), lambda x: os.getppid()), stage_id=1)
        backend.submit(found)
        log.finals(found)
        scheduler = listening_pid(cluster.address)
        os.kill(scheduler, signal.SIGKILL)
        log.wait_for(lambda reports: any(isinstance(report, BackendFailed) for report in reports))


def listening_pid(address: str) -> int:
    import psutil

    port = int(address.rpartition(":")[2])
    for connection in psutil.net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
            return connection.pid
    raise AssertionError(f"nobody listens at {address}")


def test_an_address_where_nobody_listens_is_reported() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{unused.getsockname()[1]}"
    with started(DaskBackend(ClusterAddress(address, 1, 1, 4), new_application_id())) as (_, log):
        log.wait_for(lambda reports: any(isinstance(report, BackendFailed) for report in reports))


def test_what_is_submitted_before_the_cluster_is_there_runs_when_it_is(cluster) -> None:
    with started(DaskBackend(cluster, new_application_id())) as (backend, log):
        batch = batch_of(numbers(3))
        backend.submit(batch)
        assert values(log.finals(batch)) == [[0], [1], [2]]
        assert any(isinstance(report, ExecutorJoined) for report in log.reports)


def test_a_cached_block_is_read_from_the_executor_that_has_it(running, tmp_path: Path) -> None:
    backend, log = running
    data = mapped(source([1], [2]), lambda x: (note(tmp_path, "computed"), x)[1])
    levels = {data.node_id: StorageLevel.MEMORY_ONLY}
    first = batch_of(data, levels=levels, stage_id=1)
    backend.submit(first)
    holders = {partition: report.executor_id for partition, report in enumerate(log.finals(first))}
    others = {
        holder: next(e.executor_id for e in backend.executors() if e.executor_id != holder)
        for holder in holders.values()
    }
    second = batch_of(
        data,
        levels=levels,
        stage_id=2,
        cached_blocks={data.node_id: {partition: (holder,) for partition, holder in holders.items()}},
        preferred={partition: (others[holder],) for partition, holder in holders.items()},
    )
    backend.submit(second)
    assert values(log.finals(second)) == [[1], [2]]
    assert {report.executor_id for report in log.finals(second)} <= set(others.values())
    assert (tmp_path / "computed").read_text() == "xx"


def test_a_task_runs_where_it_is_preferred_to(running) -> None:
    backend, log = running
    for number, executor in enumerate(backend.executors()):
        batch = batch_of(numbers(6), stage_id=number, preferred=dict.fromkeys(range(6), (executor.executor_id,)))
        backend.submit(batch)
        assert {report.executor_id for report in log.finals(batch)} == {executor.executor_id}
    gone = batch_of(numbers(3), stage_id=9, preferred=dict.fromkeys(range(3), ("tcp://127.0.0.1:1",)))
    backend.submit(gone)
    assert values(log.finals(gone)) == [[0], [1], [2]]


def test_an_idle_executor_takes_over_what_waits_too_long_for_a_busy_one(running, tmp_path: Path) -> None:
    backend, log = running
    busy = batch_of(mapped(numbers(1), mark_and_wait(tmp_path)), stage_id=1)
    backend.submit(busy)
    running_pids(tmp_path, 1)
    (holder,) = {report.executor_id for report in log.wait_for(lambda r: [x for x in r if isinstance(x, TaskStarted)])}
    batch = batch_of(numbers(4), stage_id=2, preferred=dict.fromkeys(range(4), (holder,)))
    backend.submit(batch)
    assert values(log.finals(batch)) == [[0], [1], [2], [3]]
    assert holder not in {report.executor_id for report in log.finals(batch)}
    (tmp_path / "go").touch()
    assert values(log.finals(busy)) == [[0]]


def test_large_values_are_not_looked_into_on_their_way(running) -> None:
    backend, log = running
    size = 30_000_000
    table = Broadcast(1, bytes(size))
    backend.put_broadcast(1, pickle.dumps(table.value))
    batch = batch_of(mapped(source([bytes(size)], [b""]), lambda data: (len(data), len(table.value))), stage_id=1)
    backend.submit(batch)
    assert values(log.finals(batch)) == [[(size, size)], [(0, size)]]
