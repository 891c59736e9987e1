"""How a stage's tasks travel in bundles."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from spark_kernel.core.execution.bundles import MAX_TASKS, SECONDS, RunningBundle, next_size
from spark_kernel.core.execution.orders import TaskOrder


def sizes(count: int, slots: int, seconds: float | None = None) -> list[int]:
    """How many tasks each bundle has, when ``count`` tasks are sent one bundle after the other."""
    found = []
    while count:
        found.append(next_size(count, slots, seconds))
        count -= found[-1]
    return found


@given(count=st.integers(0, 3000), slots=st.integers(1, 64), seconds=st.none() | st.floats(0, 100))
def test_bundles_shrink_towards_the_end_of_a_stage(count: int, slots: int, seconds: float | None) -> None:
    bundles = sizes(count, slots, seconds)
    assert sum(bundles) == count
    assert bundles == sorted(bundles, reverse=True)
    assert all(1 <= size <= MAX_TASKS for size in bundles)
    if seconds is not None:
        assert all(size == 1 or size * seconds <= SECONDS for size in bundles)


@given(slots=st.integers(1, 64))
def test_tasks_that_fit_into_the_slots_travel_alone(slots: int) -> None:
    assert sizes(slots, slots) == [1] * slots


def test_many_empty_tasks_need_few_bundles() -> None:
    assert len(sizes(200, slots=2)) < 30
    assert len(sizes(10_000, slots=2)) < 80


def test_what_has_not_begun_is_given_back_once() -> None:
    bundle = RunningBundle([TaskOrder(i, i, 0) for i in range(4)])
    first = bundle.next()
    assert first is not None
    assert first.task_id == 0
    assert bundle.give_back() == [1, 2, 3]
    assert bundle.next() is None
    assert bundle.give_back() == []
