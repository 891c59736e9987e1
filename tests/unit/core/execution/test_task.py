"""Running one task: its result, its errors, what it is told and what it leaves behind."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from spark_kernel.core.execution.backend import TaskFailed, TaskSucceeded
from spark_kernel.core.execution.task_scope import current_task
from tests.support.programs import (
    Scoped,
    batch_of,
    executor_state,
    map_outputs,
    map_partitions,
    map_side,
    mapped,
    narrow,
    run_batch,
    shuffled,
    source,
    values,
)


@pytest.fixture
def state(tmp_path: Path):
    return executor_state(tmp_path)


def test_a_task_delivers_what_its_function_makes_of_the_partition(state) -> None:
    data = mapped(source([1, 2], [3]), lambda x: x * 10)
    assert values(run_batch(batch_of(data), state)) == [[10, 20], [30]]
    assert values(run_batch(batch_of(data, sum), state)) == [30, 30]


def test_records_reach_the_other_side_of_a_shuffle(state) -> None:
    pairs = shuffled(source([(0, "a"), (1, "b")], [(2, "c")]), 2)
    parent, output = map_side(pairs)
    outputs = map_outputs(run_batch(batch_of(parent, output), state))
    read = batch_of(pairs, shuffle_inputs={output.shuffle_id: outputs})
    assert values(run_batch(read, state)) == [[(0, "a"), (2, "c")], [(1, "b")]]


def test_a_failed_task_names_the_operation_the_line_and_the_record(state) -> None:
    (report,) = run_batch(batch_of(mapped(source([5, 0]), lambda x: 1 // x, line=7)), state)
    assert isinstance(report, TaskFailed)
    assert report.failure.error_type == "ZeroDivisionError"
    assert str(report.failure.step) == "map at lesson.py:7"
    assert report.failure.record == "0"
    assert isinstance(report.exception, ZeroDivisionError)
    assert report.retry


def test_a_result_that_cannot_be_pickled_is_not_tried_again(state) -> None:
    (report,) = run_batch(batch_of(map_partitions(source([1]), lambda it: [threading.Lock()])), state)
    assert isinstance(report, TaskFailed)
    assert not report.retry
    assert "can't be sent to the driver" in report.failure.error_message
    assert "lock" in report.failure.error_message


def test_the_scratch_folder_is_removed_with_the_task(state) -> None:
    def leave_a_file(scope, records):
        (scope.scratch / "temporary").write_text("x")
        return [str(scope.scratch)]

    (scratch,) = values(run_batch(batch_of(narrow(source([1]), Scoped(leave_a_file))), state))[0]
    assert scratch.startswith(str(state.folder))
    assert not Path(scratch).exists()


def test_user_code_can_ask_which_task_it_runs_in(state) -> None:
    def ask(records):
        task = current_task()
        return [(task.partition, task.stage_id, task.attempt, dict(task.properties))]

    batch = batch_of(map_partitions(source([1], [2]), ask), stage_id=4, properties={"pool": "fast"})
    assert values(run_batch(batch, state)) == [[(0, 4, 0, {"pool": "fast"})], [(1, 4, 0, {"pool": "fast"})]]
    assert current_task() is None


def test_metrics_say_what_the_task_did(state) -> None:
    (report,) = run_batch(batch_of(source([1, 2, 3])), state)
    assert isinstance(report, TaskSucceeded)
    assert report.metrics.records_read == 3
    assert report.metrics.result_bytes > 0
    assert report.metrics.peak_memory_bytes > 1 << 20
