"""Cutting a stage's tasks into bundles."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from spark_kernel.core.execution.backend import TaskSpec
from spark_kernel.core.execution.bundles import MAX_TASKS, SECONDS, RunningBundle, cut
from spark_kernel.core.execution.orders import TaskOrder


def tasks(count: int) -> list[TaskSpec]:
    return [TaskSpec(i, i, 0) for i in range(count)]


@given(count=st.integers(0, 3000), slots=st.integers(1, 64), seconds=st.none() | st.floats(0, 100))
def test_every_task_is_in_one_bundle_and_bundles_shrink(count: int, slots: int, seconds: float | None) -> None:
    bundles = cut(tasks(count), slots, seconds)
    assert [task.task_id for bundle in bundles for task in bundle.tasks] == list(range(count))
    sizes = [len(bundle.tasks) for bundle in bundles]
    assert sizes == sorted(sizes, reverse=True)
    assert all(size <= MAX_TASKS for size in sizes)
    if seconds is not None:
        assert all(size == 1 or size * seconds <= SECONDS for size in sizes)


@given(slots=st.integers(1, 64))
def test_tasks_that_fit_into_the_slots_travel_alone(slots: int) -> None:
    assert [len(bundle.tasks) for bundle in cut(tasks(slots), slots)] == [1] * slots


def test_many_empty_tasks_need_few_bundles() -> None:
    assert len(cut(tasks(200), slots=2)) < 30
    assert len(cut(tasks(10_000), slots=2)) < 80


def test_what_has_not_begun_is_given_back_once() -> None:
    bundle = RunningBundle([TaskOrder(i, i, 0) for i in range(4)])
    first = bundle.next()
    assert first is not None
    assert first.task_id == 0
    assert bundle.give_back() == [1, 2, 3]
    assert bundle.next() is None
    assert bundle.give_back() == []
