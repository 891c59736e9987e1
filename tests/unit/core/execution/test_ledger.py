"""The driver's book of tasks: each is answered exactly once."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_kernel.common.events import TaskMetrics
from spark_kernel.core.execution.backend import (
    ResultHeld,
    TaskBatch,
    TaskCancelled,
    TaskFailed,
    TaskSpec,
    TaskStarted,
    TaskSucceeded,
)
from spark_kernel.core.execution.bundles import Bundle
from spark_kernel.core.execution.ledger import Ledger
from spark_kernel.core.execution.outcomes import Interrupted, Succeeded


def batch_of_tasks(count: int, first: int = 0, stage_id: int = 1) -> TaskBatch:
    return TaskBatch(0, stage_id, 0, "map", b"", tuple(TaskSpec(first + i, i, 0) for i in range(count)))


def success(task_id: int, value: object = "done") -> Succeeded:
    data = None if value is None else pickle.dumps(value)
    return Succeeded(task_id, data, TaskMetrics(run_seconds=0.5))


@pytest.fixture
def reports() -> list:
    return []


@pytest.fixture
def ledger(reports: list) -> Ledger:
    return Ledger(reports.append)


def test_a_success_is_reported_with_its_value(ledger: Ledger, reports: list) -> None:
    ledger.open(batch_of_tasks(1))
    ledger.began(0, "e1")
    ledger.ended(success(0, [1, 2]), "e1")
    assert reports[0] == TaskStarted(0, "e1")
    assert isinstance(reports[1], TaskSucceeded)
    assert reports[1].value == [1, 2]
    assert ledger.open_batches() == []


def test_what_comes_twice_is_reported_once(ledger: Ledger, reports: list) -> None:
    ledger.open(batch_of_tasks(1))
    for executor in ("e1", "e2"):
        ledger.began(0, executor)
        ledger.ended(success(0), executor)
    ledger.cancelled([0])
    ledger.executor_lost("e1", "gone")
    assert [type(report) for report in reports] == [TaskStarted, TaskSucceeded]


def test_a_value_that_cannot_be_read_fails_for_good(ledger: Ledger, reports: list) -> None:
    ledger.open(batch_of_tasks(1))
    ledger.ended(Succeeded(0, b"rubbish", TaskMetrics()), "e1")
    assert isinstance(reports[0], TaskFailed)
    assert not reports[0].retry


def test_a_large_value_is_awaited(ledger: Ledger, reports: list) -> None:
    ledger.open(batch_of_tasks(2))
    ledger.sent("bundle", Bundle((TaskSpec(0, 0, 0), TaskSpec(1, 1, 0))))
    ledger.ended(success(0, None), "e1")
    ledger.ended(success(1, "small"), "e1")
    assert ledger.holds_results("bundle")
    ledger.results_arrived("bundle", {0: pickle.dumps("large")})
    assert isinstance(reports[0], ResultHeld)
    assert [(report.task_id, report.value) for report in reports[1:]] == [(1, "small"), (0, "large")]
    assert not ledger.holds_results("bundle")


def test_a_large_value_is_lost_with_its_executor(ledger: Ledger, reports: list) -> None:
    ledger.open(batch_of_tasks(1))
    ledger.sent("bundle", Bundle((TaskSpec(0, 0, 0),)))
    ledger.ended(success(0, None), "e1")
    assert ledger.executor_lost("e1", "gone") == {"bundle"}
    assert reports[-1].executor_lost


def test_a_lost_executor_takes_only_what_began_there(ledger: Ledger, reports: list) -> None:
    ledger.open(batch_of_tasks(3))
    ledger.began(0, "e1")
    ledger.began(1, "e2")
    ledger.executor_lost("e1", "killed")
    (lost,) = [report for report in reports if isinstance(report, TaskFailed)]
    assert (lost.task_id, lost.executor_id, lost.executor_lost, lost.retry) == (0, "e1", True, True)
    assert lost.failure.error_message == "killed"
    assert ledger.is_open(1)
    assert ledger.is_open(2)


def test_a_lost_bundle_takes_what_is_unanswered_of_it_and_its_next_task_is_taken_to_have_begun(
    ledger: Ledger, reports: list
) -> None:
    ledger.open(batch_of_tasks(3))
    ledger.sent("bundle", Bundle(tuple(TaskSpec(i, i, 0) for i in range(3))))
    ledger.ended(success(1), "e1")
    ledger.bundle_lost("bundle", "e1", "its worker process ended")
    assert [(report.task_id, type(report)) for report in reports] == [
        (1, TaskSucceeded),
        (0, TaskStarted),
        (0, TaskFailed),
        (2, TaskFailed),
    ]


def test_tasks_that_were_given_back_belong_to_no_bundle(ledger: Ledger, reports: list) -> None:
    entry = ledger.open(batch_of_tasks(3))
    ledger.sent("bundle", Bundle(tuple(TaskSpec(i, i, 0) for i in range(3))))
    ledger.began(0, "e1")
    ((again, specs),) = ledger.given_back([1, 2])
    assert again is entry
    assert [spec.task_id for spec in specs] == [1, 2]
    ledger.bundle_lost("bundle", "e1", "its worker process ended")
    assert [report.task_id for report in reports if isinstance(report, TaskFailed)] == [0]


def test_tasks_of_a_cancelled_batch_are_not_sent_again(ledger: Ledger, reports: list) -> None:
    ledger.open(batch_of_tasks(2))
    (entry,) = ledger.cancel((1, 0))
    assert ledger.given_back([0]) == []
    assert ledger.cancel((2, 0)) == []
    assert [task.task_id for task in ledger.unanswered([entry])] == [1]
    ledger.executor_lost("", "gone")
    assert [type(report) for report in reports] == [TaskCancelled, TaskCancelled]


def test_the_load_of_executors_is_known_by_bundles(ledger: Ledger) -> None:
    ledger.open(batch_of_tasks(4))
    ledger.sent("one", Bundle((TaskSpec(0, 0, 0), TaskSpec(1, 1, 0)), ("e1",)))
    ledger.sent("two", Bundle((TaskSpec(2, 2, 0),)))
    ledger.sent("three", Bundle((TaskSpec(3, 3, 0),)))
    assert ledger.load() == {"e1": 1}
    ledger.began(2, "e2")
    assert ledger.load() == {"e1": 1, "e2": 1}
    ledger.ended(success(0), "e1")
    assert ledger.load() == {"e1": 1, "e2": 1}
    ledger.ended(success(1), "e1")
    assert ledger.load() == {"e2": 1}


def test_the_mean_time_of_tasks_is_known_by_batch(ledger: Ledger) -> None:
    entry = ledger.open(batch_of_tasks(2))
    assert entry.task_seconds is None
    ledger.ended(success(0), "e1")
    assert entry.task_seconds == 0.5


_EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("began"), st.integers(0, 5), st.sampled_from(["e1", "e2"])),
        st.tuples(st.just("success"), st.integers(0, 5), st.sampled_from(["e1", "e2"])),
        st.tuples(st.just("held"), st.integers(0, 5), st.sampled_from(["e1", "e2"])),
        st.tuples(st.just("interrupted"), st.integers(0, 5), st.sampled_from(["e1", "e2"])),
        st.tuples(st.just("back"), st.integers(0, 5), st.just("")),
        st.tuples(st.just("lost"), st.just(0), st.sampled_from(["e1", "e2"])),
        st.tuples(st.just("bundle lost"), st.integers(0, 2), st.just("")),
        st.tuples(st.just("cancel"), st.just(0), st.just("")),
    ),
    max_size=30,
)


@given(_EVENTS)
def test_whatever_happens_each_task_is_answered_once_at_the_latest_when_all_is_lost(events: list) -> None:
    reports: list = []
    ledger = Ledger(reports.append)
    ledger.open(batch_of_tasks(6))
    for number in range(3):
        ledger.sent(number, Bundle((TaskSpec(2 * number, 0, 0), TaskSpec(2 * number + 1, 0, 0))))
    acts = {
        "began": lambda n, e: ledger.began(n, e),
        "success": lambda n, e: ledger.ended(success(n), e),
        "held": lambda n, e: ledger.ended(success(n, None), e),
        "interrupted": lambda n, e: ledger.ended(Interrupted(n), e),
        "back": lambda n, e: [ledger.sent(f"again {n}", Bundle(tuple(specs))) for _, specs in ledger.given_back([n])],
        "lost": lambda n, e: ledger.executor_lost(e, "gone"),
        "bundle lost": lambda n, e: ledger.bundle_lost(n, e, "gone"),
        "cancel": lambda n, e: ledger.cancel((1, 0)),
    }
    for kind, number, executor in events:
        acts[kind](number, executor)
    ledger.cancelled(range(6))
    finals = [report.task_id for report in reports if not isinstance(report, (TaskStarted, ResultHeld))]
    assert sorted(finals) == list(range(6))
    assert ledger.open_batches() == []
    assert ledger.load() == {}


def sized(task_id: int, size: int) -> Succeeded:
    return Succeeded(task_id, None, TaskMetrics(result_bytes=size))


def test_results_that_are_too_large_together_are_refused(ledger: Ledger, reports: list) -> None:
    entry = ledger.open(
        TaskBatch(0, 1, 0, "map", b"", tuple(TaskSpec(i, i, 0) for i in range(3)), max_result_bytes=100)
    )
    ledger.ended(sized(0, 60), "e1")
    assert not entry.is_refused
    ledger.ended(sized(1, 60), "e1")
    assert entry.is_refused
    assert reports == [ResultHeld(0, "e1", 60), ResultHeld(1, "e1", 60)]


def test_a_task_whose_result_waits_to_be_fetched_runs_nowhere(ledger: Ledger) -> None:
    entry = ledger.open(batch_of_tasks(2))
    for task_id in range(2):
        ledger.began(task_id, "e1")
    ledger.ended(sized(0, 60), "e1")
    assert [task.executor_id for task in ledger.unanswered([entry])] == ["", "e1"]


def test_the_slots_of_each_batch_are_its_bundles(ledger: Ledger) -> None:
    first, second = ledger.open(batch_of_tasks(3)), ledger.open(batch_of_tasks(1, first=10, stage_id=2))
    tasks = first.batch.tasks
    ledger.sent("a", Bundle(tasks[:2]))
    ledger.sent("b", Bundle(tasks[2:]))
    ledger.sent("c", Bundle(second.batch.tasks))
    assert [(entry.batch.stage_id, count) for entry, count in ledger.slots_taken()] == [(1, 2), (2, 1)]
    ledger.ended(success(2), "e1")
    assert [(entry.batch.stage_id, count) for entry, count in ledger.slots_taken()] == [(1, 1), (2, 1)]
