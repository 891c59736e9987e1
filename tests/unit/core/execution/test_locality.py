"""Waiting for the executor that holds what a task reads, but not for ever."""

from __future__ import annotations

from spark_kernel.core.execution.backend import TaskBatch, TaskSpec
from spark_kernel.core.execution.ledger import OpenBatch
from spark_kernel.core.execution.locality import WAIT_SECONDS, WaitingForPlace

CORES = {"e1": 1, "e2": 1}


def entry_with(holders: list[tuple[str, ...]]) -> tuple[OpenBatch, list[TaskSpec]]:
    tasks = [TaskSpec(i, i, 0, preferred=each) for i, each in enumerate(holders)]
    return OpenBatch(TaskBatch(0, 0, 0, "map", b"", tasks), len(tasks)), tasks


def sent(out) -> list[tuple[list[int], tuple[str, ...]]]:
    return [([task.task_id for task in bundle.tasks], bundle.places) for _, bundle in out]


def test_tasks_go_to_the_executor_that_holds_their_data() -> None:
    waiting = WaitingForPlace(lambda task_id: True)
    entry, tasks = entry_with([("e1",), ("e2",), ("e1",), ()])
    assert waiting.add(entry, tasks, CORES, now=0) == [tasks[3]]
    assert sent(waiting.hand_out({"e1": 1, "e2": 1}, now=0)) == [([0, 2], ("e1",)), ([1], ("e2",))]
    assert not waiting


def test_holders_that_are_gone_count_for_nothing() -> None:
    waiting = WaitingForPlace(lambda task_id: True)
    entry, tasks = entry_with([("gone",), ("gone", "e2")])
    assert waiting.add(entry, tasks, CORES, now=0) == [tasks[0]]
    assert sent(waiting.hand_out({"e1": 1, "e2": 1}, now=0)) == [([1], ("e2",))]


def test_of_several_holders_the_one_with_the_shorter_line_is_chosen() -> None:
    waiting = WaitingForPlace(lambda task_id: True)
    entry, tasks = entry_with([("e1", "e2")] * 4)
    waiting.add(entry, tasks, CORES, now=0)
    assert sorted(sent(waiting.hand_out({"e1": 1, "e2": 1}, now=0))) == [([0, 2], ("e1",)), ([1, 3], ("e2",))]


def test_a_busy_executor_is_waited_for() -> None:
    waiting = WaitingForPlace(lambda task_id: True)
    entry, tasks = entry_with([("e1",)] * 3)
    waiting.add(entry, tasks, CORES, now=0)
    assert sent(waiting.hand_out({"e1": 0, "e2": 1}, now=0.5 * WAIT_SECONDS)) == []
    assert waiting
    assert sent(waiting.hand_out({"e1": 1, "e2": 1}, now=0.6 * WAIT_SECONDS)) == [([0, 1, 2], ("e1",))]


def test_after_a_while_an_idle_executor_takes_half_of_what_waits() -> None:
    waiting = WaitingForPlace(lambda task_id: True)
    entry, tasks = entry_with([("e1",)] * 4)
    waiting.add(entry, tasks, CORES, now=0)
    assert sent(waiting.hand_out({"e1": 0, "e2": 1}, now=WAIT_SECONDS)) == [([0, 1], ())]
    assert sent(waiting.hand_out({"e1": 0, "e2": 1}, now=WAIT_SECONDS)) == []
    assert sent(waiting.hand_out({"e1": 0, "e2": 0}, now=3 * WAIT_SECONDS)) == [], "nobody is idle"


def test_the_slots_of_an_executor_share_its_line() -> None:
    waiting = WaitingForPlace(lambda task_id: True)
    entry, tasks = entry_with([("e1",)] * 4)
    waiting.add(entry, tasks, {"e1": 2}, now=0)
    assert sent(waiting.hand_out({"e1": 2}, now=0)) == [([0, 1], ("e1",)), ([2], ("e1",))]
    assert sent(waiting.hand_out({"e1": 1}, now=0)) == [([3], ("e1",))]


def test_slow_tasks_are_handed_out_a_few_at_a_time() -> None:
    waiting = WaitingForPlace(lambda task_id: True)
    entry, tasks = entry_with([("e1",)] * 4)
    entry.seconds, entry.ended = 1.0, 10
    waiting.add(entry, tasks, CORES, now=0)
    assert sent(waiting.hand_out({"e1": 1}, now=0)) == [([0, 1], ("e1",))]


def test_tasks_of_two_batches_are_not_mixed() -> None:
    waiting = WaitingForPlace(lambda task_id: True)
    for number in range(2):
        entry, tasks = entry_with([("e1",)])
        waiting.add(entry, [TaskSpec(number, 0, 0, preferred=task.preferred) for task in tasks], CORES, now=0)
    assert sent(waiting.hand_out({"e1": 1}, now=0)) == [([0], ("e1",))]


def test_tasks_that_were_answered_meanwhile_are_dropped() -> None:
    waiting = WaitingForPlace(lambda task_id: task_id != 1)
    entry, tasks = entry_with([("e1",)] * 3)
    waiting.add(entry, tasks, CORES, now=0)
    assert sent(waiting.hand_out({"e1": 1}, now=0)) == [([0, 2], ("e1",))]


def test_who_waited_for_an_executor_that_left_is_known() -> None:
    waiting = WaitingForPlace(lambda task_id: True)
    entry, tasks = entry_with([("e1",), ("e2",)])
    waiting.add(entry, tasks, CORES, now=0)
    assert [task.task_id for _, task in waiting.executor_left("e1")] == [0]
    assert waiting.executor_left("e1") == []
    assert sent(waiting.hand_out({"e2": 1}, now=0)) == [([1], ("e2",))]
