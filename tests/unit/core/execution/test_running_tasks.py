"""Interrupting a task: it is hit, nobody else is, and the next task of its thread is not."""

from __future__ import annotations

import threading

import pytest

from spark_kernel.core.execution.running_tasks import RunningTask, RunningTasks, TaskInterrupted

STAGE = (3, 0)


def in_thread(work):
    """Run ``work`` in a thread; its result, or what it raised."""
    outcome = []

    def run():
        try:
            outcome.append(work())
        except BaseException as error:
            outcome.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, outcome


def spinning(registry: RunningTasks, begun: threading.Event, task_id: int = 1, stage=STAGE):
    def work():
        task = RunningTask(task_id, stage, registry)
        try:
            try:
                task.begin()
                begun.set()
                while True:
                    pass
            finally:
                task.end()
        except TaskInterrupted:
            task.end()
            # A late interrupt would hit here.
            return sum(range(100_000))

    return in_thread(work)


def test_a_running_task_is_interrupted() -> None:
    registry, begun = RunningTasks(), threading.Event()
    thread, outcome = spinning(registry, begun)
    begun.wait(5)
    assert registry.cancel(STAGE) == [1]
    thread.join(5)
    assert outcome == [sum(range(100_000))]
    assert registry.stages() == set()


def test_a_task_that_is_interrupted_again_and_again_ends_once() -> None:
    for _ in range(10):
        registry, begun = RunningTasks(), threading.Event()
        thread, outcome = spinning(registry, begun)
        begun.wait(5)
        while registry.cancel(STAGE):
            pass
        thread.join(5)
        assert outcome == [sum(range(100_000))]


def test_tasks_of_other_stages_are_left_alone() -> None:
    registry, begun = RunningTasks(), threading.Event()
    thread, outcome = spinning(registry, begun, stage=(4, 0))
    begun.wait(5)
    assert registry.cancel(STAGE) == []
    assert not outcome
    registry.cancel((4, 0))
    thread.join(5)
    assert outcome


def test_a_task_of_a_cancelled_stage_does_not_begin() -> None:
    registry = RunningTasks()
    registry.cancel(STAGE)
    assert registry.is_cancelled(STAGE)
    task = RunningTask(1, STAGE, registry)
    try:
        with pytest.raises(TaskInterrupted):
            task.begin()
    finally:
        task.end()
    assert not registry.is_cancelled((3, 1))


def test_a_single_task_is_killed_also_when_it_has_not_begun() -> None:
    registry, begun = RunningTasks(), [threading.Event(), threading.Event()]
    neighbours = [spinning(registry, begun[task_id], task_id) for task_id in range(2)]
    for event in begun:
        assert event.wait(5)
    assert registry.kill([0, 7]) == [0]
    neighbours[0][0].join(5)
    assert registry.stages() == {STAGE}, "its neighbour goes on"
    with pytest.raises(TaskInterrupted):
        RunningTask(7, STAGE, registry).begin()
    assert registry.kill([1]) == [1]
    neighbours[1][0].join(5)


def test_a_task_that_has_ended_is_not_hit() -> None:
    registry = RunningTasks()
    task = RunningTask(1, STAGE, registry)
    task.begin()
    task.end()
    task.cancel()
    assert sum(range(100_000)) > 0


def test_callbacks_are_called_once_for_waits_that_no_exception_ends() -> None:
    registry, called = RunningTasks(), threading.Event()
    calls = []

    def work():
        task = RunningTask(1, STAGE, registry)
        try:
            try:
                task.begin()
                task.on_cancel(lambda: (calls.append(1), called.set()))
                called.wait(10)
                task.check()
            finally:
                task.end()
        except TaskInterrupted:
            task.end()
            return "interrupted"

    thread, outcome = in_thread(work)
    while not registry.cancel(STAGE) or not calls:
        pass
    thread.join(5)
    assert outcome == ["interrupted"]
    assert calls == [1]


def test_a_helping_thread_is_interrupted_with_its_task() -> None:
    registry, begun = RunningTasks(), threading.Event()
    task = RunningTask(1, STAGE, registry)
    task.begin()
    task.release_thread()

    def help_out():
        task.adopt_thread()
        try:
            begun.set()
            while True:
                pass
        finally:
            task.release_thread()

    thread, outcome = in_thread(help_out)
    begun.wait(5)
    registry.cancel(STAGE)
    thread.join(5)
    assert isinstance(outcome[0], TaskInterrupted)
    task.end()
