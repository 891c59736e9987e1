"""What every backend does, whatever runs the tasks."""

from __future__ import annotations

import pickle
import sys
import threading
import time
from pathlib import Path

import pytest

from spark_kernel.core.execution.backend import (
    TaskCancelled,
    TaskFailed,
    TaskFetchFailed,
    TaskStarted,
    TaskSucceeded,
)
from spark_kernel.core.execution.task_scope import current_task
from spark_kernel.core.lineage.storage_levels import StorageLevel
from spark_kernel.core.shared_variables.accumulator import AccumulatorRegistry
from spark_kernel.core.shared_variables.broadcast import Broadcast
from tests.support.backends import dask_backend, inline_backend, local_cluster
from tests.support.programs import batch_of, map_outputs, map_partitions, map_side, mapped, shuffled, source, values


@pytest.fixture(scope="module")
def cluster():
    with local_cluster("local[2]") as address:
        yield address


@pytest.fixture(params=["inline", pytest.param("dask", marks=pytest.mark.cluster)])
def running(request, tmp_path: Path):
    if request.param == "inline":
        with inline_backend(tmp_path) as pair:
            yield pair
    else:
        with dask_backend(request.getfixturevalue("cluster")) as pair:
            yield pair


def numbers(partitions: int):
    return source(*[[i] for i in range(partitions)])


def test_each_task_is_announced_and_delivers_its_value(running) -> None:
    backend, log = running
    batch = batch_of(mapped(numbers(3), lambda x: x * x))
    backend.submit(batch)
    assert values(log.finals(batch)) == [[0], [1], [4]]
    started = [report.task_id for report in log.reports if isinstance(report, TaskStarted)]
    assert sorted(started) == [spec.task_id for spec in batch.tasks]
    executors = {executor.executor_id for executor in backend.executors()}
    assert {report.executor_id for report in log.finals(batch)} <= executors


def test_a_task_is_answered_once_also_when_there_are_many(running) -> None:
    backend, log = running
    batch = batch_of(mapped(numbers(500), lambda x: -x))
    backend.submit(batch)
    assert values(log.finals(batch)) == [[-i] for i in range(500)]
    finals = [report.task_id for report in log.reports if isinstance(report, TaskSucceeded)]
    assert len(finals) == len(set(finals)) == 500


def test_a_shuffle_brings_records_together(running) -> None:
    backend, log = running
    pairs = shuffled(source(*[[(i % 5, i)] for i in range(20)]), 3)
    parent, output = map_side(pairs)
    write = batch_of(parent, output, stage_id=1)
    backend.submit(write)
    outputs = map_outputs(log.finals(write))
    read = batch_of(pairs, stage_id=2, shuffle_inputs={output.shuffle_id: outputs})
    backend.submit(read)
    got = values(log.finals(read))
    assert [sorted({key for key, _ in part}) for part in got] == [[0, 3], [1, 4], [2]]
    assert sorted(pair for part in got for pair in part) == sorted((i % 5, i) for i in range(20))


def test_a_missing_map_output_is_a_fetch_failure(running) -> None:
    backend, log = running
    pairs = shuffled(source([(0, 0)], [(1, 1)]), 1)
    parent, output = map_side(pairs)
    write = batch_of(parent, output, stage_id=1)
    backend.submit(write)
    outputs = map_outputs(log.finals(write))
    read = batch_of(pairs, stage_id=2, shuffle_inputs={output.shuffle_id: outputs[:1]})
    backend.submit(read)
    (report,) = log.finals(read)
    assert isinstance(report, TaskFetchFailed)
    assert (report.shuffle_id, report.map_partition) == (output.shuffle_id, 1)


def test_a_failure_says_where_and_with_which_record_and_does_not_stop_the_others(running) -> None:
    backend, log = running
    batch = batch_of(mapped(numbers(4), lambda x: 1 // (x - 2)))
    backend.submit(batch)
    first, second, failed, last = log.finals(batch)
    assert isinstance(failed, TaskFailed)
    assert isinstance(failed.exception, ZeroDivisionError)
    assert failed.failure.record == "2"
    assert str(failed.failure.step) == "map at lesson.py:2"
    assert "test_backend_contract.py" in failed.failure.user_traceback
    assert "spark_kernel" not in failed.failure.user_traceback
    assert not failed.executor_lost
    assert failed.retry
    assert values([first, second, last]) == [[-1], [-1], [1]]


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), MemoryError("no more"), GeneratorExit()])
def test_an_error_that_would_end_a_program_fails_the_task_only(running, error: BaseException) -> None:
    backend, log = running

    def end(x):
        raise error

    batch = batch_of(mapped(numbers(1), end))
    backend.submit(batch)
    (report,) = log.finals(batch)
    assert isinstance(report, TaskFailed)
    assert report.failure.error_type == type(error).__name__
    assert not report.executor_lost
    again = batch_of(numbers(2), stage_id=1)
    backend.submit(again)
    assert values(log.finals(again)) == [[0], [1]]


class Unreadable(Exception):
    """Can be pickled, but not read back."""

    def __init__(self, one, two) -> None:
        super().__init__(f"{one} and {two}")


def test_an_error_that_cannot_travel_is_told_in_words(running) -> None:
    backend, log = running

    def fail(x):
        raise [Unreadable(1, 2), ValueError(threading.Lock()), ValueError("x" * 50_000_000)][x]

    batch = batch_of(mapped(numbers(3), fail))
    backend.submit(batch)
    unreadable, locked, huge = log.finals(batch)
    assert unreadable.exception is None
    assert unreadable.failure.error_message == "1 and 2"
    assert unreadable.failure.error_type.endswith("Unreadable")
    assert locked.exception is None
    assert "lock" in locked.failure.error_message
    assert huge.exception is None
    assert len(huge.failure.error_message) < 3000


def test_a_result_that_cannot_travel_fails_for_good(running) -> None:
    backend, log = running
    batch = batch_of(map_partitions(numbers(1), lambda it: [threading.Lock()]))
    backend.submit(batch)
    (report,) = log.finals(batch)
    assert isinstance(report, TaskFailed)
    assert not report.retry
    assert "can't be sent to the driver" in report.failure.error_message


class Selfish:
    """Can be pickled where it is, and not read anywhere."""

    def __reduce__(self):
        return int, ("not a number",)


def test_a_result_that_cannot_be_read_fails_for_good(running) -> None:
    backend, log = running
    batch = batch_of(map_partitions(numbers(1), lambda it: [Selfish()]))
    backend.submit(batch)
    (report,) = log.finals(batch)
    assert isinstance(report, TaskFailed)
    assert not report.retry
    assert "can't be read on the driver" in report.failure.error_message


def test_data_that_cannot_travel_fails_its_own_task(running) -> None:
    backend, log = running
    batch = batch_of(source([1], [threading.Lock()]))
    backend.submit(batch)
    good, bad = log.finals(batch)
    assert values([good]) == [[1]]
    assert isinstance(bad, TaskFailed)
    assert not bad.retry
    assert "partition 1" in bad.failure.error_message


def test_results_of_any_size_arrive(running) -> None:
    backend, log = running
    batch = batch_of(mapped(source([1], [300_000], [3_000_000]), lambda n: b"x" * n), lambda it: list(it))
    backend.submit(batch)
    assert [len(value[0]) for value in values(log.finals(batch))] == [1, 300_000, 3_000_000]


def test_classes_of_a_notebook_travel_there_and_back(running) -> None:
    backend, log = running
    namespace = {"__name__": "__main__"}
    exec("class Point:\n    def __init__(self, x):\n        self.x = x", namespace)
    point = namespace["Point"]
    batch = batch_of(mapped(numbers(2), lambda x: point(x)))
    backend.submit(batch)
    got = [part[0] for part in values(log.finals(batch))]
    assert [each.x for each in got] == [0, 1]
    assert all(type(each) is point for each in got)


def test_state_that_functions_change_is_not_shared_between_tasks(running) -> None:
    backend, log = running
    seen: list[int] = []

    def remember(x):
        seen.append(x)
        return list(seen)

    batch = batch_of(mapped(numbers(6), remember))
    backend.submit(batch)
    assert values(log.finals(batch)) == [[[i]] for i in range(6)]
    assert seen == []


def test_the_drivers_data_is_not_changed_by_tasks(running) -> None:
    backend, log = running
    data = [[1, 2]]
    batch = batch_of(mapped(source(data), lambda inner: inner.clear()))
    backend.submit(batch)
    values(log.finals(batch))
    assert data == [[1, 2]]


def test_broadcast_values_reach_the_tasks(running) -> None:
    backend, log = running
    table = Broadcast(5, {"a": 1, "b": 2})
    backend.put_broadcast(5, pickle.dumps(table.value))
    batch = batch_of(mapped(source(["a"], ["b"]), lambda key: table.value[key]))
    assert batch.broadcasts == {5}
    backend.submit(batch)
    assert values(log.finals(batch)) == [[1], [2]]
    backend.drop_broadcast(5)
    backend.put_broadcast(5, pickle.dumps(table.value))
    again = batch_of(mapped(source(["a"], ["b"]), lambda key: table.value[key]), stage_id=1)
    backend.submit(again)
    assert values(log.finals(again)) == [[1], [2]]


def test_accumulator_updates_come_with_the_result(running) -> None:
    backend, log = running
    counter = AccumulatorRegistry().create(0)

    def add(x):
        counter.add(x)
        return x

    batch = batch_of(mapped(source([1, 2], [3]), add))
    backend.submit(batch)
    assert [report.accumulator_updates for report in log.finals(batch)] == [{counter.aid: 3}, {counter.aid: 3}]


def test_a_persisted_dataset_is_computed_once_and_dropped_on_request(running, tmp_path: Path) -> None:
    backend, log = running

    def record(x):
        with open(tmp_path / "computed", "a") as file:
            file.write("x")
        return x

    data = mapped(source([1], [2]), record)
    levels = {data.node_id: StorageLevel.MEMORY_ONLY}

    def run(stage_id: int, **fields) -> list:
        batch = batch_of(mapped(data, lambda x: x + 1), levels=levels, stage_id=stage_id, **fields)
        backend.submit(batch)
        return log.finals(batch)

    first = run(1)
    stored = [block for report in first for block in report.stored_blocks]
    assert [(block.node_id, block.partition) for block in stored] == [(data.node_id, 0), (data.node_id, 1)]
    assert all(block.memory_bytes > 0 for block in stored)
    holders = {spec: (report.executor_id,) for spec, report in enumerate(first)}
    again = run(2, preferred=holders)
    assert values(again) == [[2], [3]]
    assert (tmp_path / "computed").read_text() == "xx"
    assert all(report.stored_blocks == () for report in again)
    backend.drop_blocks(data.node_id)
    run(3)
    assert (tmp_path / "computed").read_text() == "xxxx"


def test_tasks_see_the_properties_of_the_thread_that_asked(running) -> None:
    backend, log = running
    batch = batch_of(mapped(numbers(1), lambda x: dict(current_task().properties)), properties={"pool": "fast"})
    backend.submit(batch)
    assert values(log.finals(batch)) == [[{"pool": "fast"}]]


def spin(x):
    while True:
        x += 1


def stubborn(x):
    while True:
        try:
            while True:
                x += 1
        except Exception:
            pass


@pytest.mark.parametrize("function", [spin, stubborn])
def test_a_cancel_reaches_a_running_loop(running, function) -> None:
    backend, log = running
    batch = batch_of(mapped(numbers(6), function), stage_id=7)
    backend.submit(batch)
    log.wait_for(lambda reports: any(isinstance(report, TaskStarted) for report in reports))
    backend.cancel(7, 0)
    reports = log.finals(batch)
    assert all(isinstance(report, TaskCancelled) for report in reports)
    after = batch_of(numbers(2), stage_id=8)
    backend.submit(after)
    assert values(log.finals(after)) == [[0], [1]]


def test_a_single_task_is_killed_and_others_of_its_stage_go_on(running) -> None:
    backend, log = running

    def spin_on_zero(x):
        while x == 0:
            pass
        return x

    batch = batch_of(mapped(numbers(4), spin_on_zero), stage_id=1)
    first = batch.tasks[0].task_id
    backend.submit(batch)
    log.wait_for(lambda reports: any(isinstance(each, TaskStarted) and each.task_id == first for each in reports))
    backend.kill([first])
    killed, *others = log.finals(batch)
    assert isinstance(killed, TaskCancelled)
    assert values(others) == [[1], [2], [3]]


def test_a_cancel_hits_its_own_stage_only(running, tmp_path: Path) -> None:
    backend, log = running
    doomed = batch_of(mapped(numbers(20), lambda x: list(range(10**5))), stage_id=1)
    wanted = batch_of(mapped(numbers(20), lambda x: sum(range(10**5))), stage_id=2)
    backend.submit(doomed)
    backend.submit(wanted)
    backend.cancel(1, 0)
    assert values(log.finals(wanted)) == [[sum(range(10**5))]] * 20
    assert all(isinstance(report, (TaskCancelled, TaskSucceeded)) for report in log.finals(doomed))


def test_functions_of_the_users_own_modules_are_found(running, tmp_path: Path, monkeypatch) -> None:
    backend, log = running
    name = f"users_module_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text("def double(x):\n    return 2 * x\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    module = __import__(name)
    try:
        batch = batch_of(mapped(numbers(2), module.double))
        backend.submit(batch)
        assert values(log.finals(batch)) == [[0], [2]]
    finally:
        del sys.modules[name]


def test_deep_recursion_of_the_users_function_is_an_ordinary_failure(running) -> None:
    backend, log = running

    def forever(x):
        return forever(x)

    batch = batch_of(mapped(numbers(1), forever))
    backend.submit(batch)
    (report,) = log.finals(batch)
    assert isinstance(report, TaskFailed)
    assert report.failure.error_type == "RecursionError"


def test_stopping_twice_does_no_harm_and_ends_what_runs(running) -> None:
    backend, log = running
    batch = batch_of(mapped(numbers(2), spin), stage_id=3)
    backend.submit(batch)
    log.wait_for(lambda reports: any(isinstance(report, TaskStarted) for report in reports))
    backend.stop()
    backend.stop()
    assert backend.executors() == ()


def test_objects_of_a_notebooks_classes_pass_through_shuffle_and_cache(running) -> None:
    backend, log = running
    namespace = {"__name__": "__main__"}
    exec("class Point:\n    def __init__(self, x):\n        self.x = x", namespace)
    point = namespace["Point"]
    made = mapped(source([1, 2], [3]), lambda x: (x, point(x)))
    pairs = shuffled(made, 2)
    parent, output = map_side(pairs)
    write = batch_of(parent, output, stage_id=1, levels={made.node_id: StorageLevel.MEMORY_AND_DISK})
    backend.submit(write)
    outputs = map_outputs(log.finals(write))
    read = batch_of(mapped(pairs, lambda pair: pair[1].x), stage_id=2, shuffle_inputs={output.shuffle_id: outputs})
    backend.submit(read)
    assert sorted(x for part in values(log.finals(read)) for x in part) == [1, 2, 3]


def test_a_fetch_failure_counts_even_if_the_users_function_swallows_it(running) -> None:
    backend, log = running
    pairs = shuffled(source([(0, "x" * 100_000)], [(1, 1)]), 1)
    parent, output = map_side(pairs)
    write = batch_of(parent, output, stage_id=1)
    backend.submit(write)
    outputs = map_outputs(log.finals(write))
    backend.drop_shuffle(output.shuffle_id)

    def swallow(records):
        try:
            return list(records)
        except Exception:
            return []

    def lost() -> bool:
        read = batch_of(map_partitions(pairs, swallow), stage_id=2, shuffle_inputs={output.shuffle_id: outputs})
        backend.submit(read)
        (report,) = log.finals(read)
        return isinstance(report, TaskFetchFailed) and report.map_partition == 0

    deadline = time.monotonic() + 10
    while not lost():
        assert time.monotonic() < deadline
