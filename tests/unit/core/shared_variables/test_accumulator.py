"""Accumulators: tasks add, the driver reads, each success counts once."""

from __future__ import annotations

import contextvars
import copy
import gc
import pickle
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.accumulators import Accumulator as PySparkAccumulator
from pyspark.errors import PySparkRuntimeError

from spark_kernel.common.errors import ContextError
from spark_kernel.core.shared_variables.accumulator import (
    Accumulator,
    AccumulatorParam,
    AccumulatorRegistry,
    TaskAccumulators,
    accumulators_of_task,
)


class Vector(AccumulatorParam):  # type: ignore[misc]
    """PySpark's own example: adds in place."""

    def zero(self, value: list[float]) -> list[float]:
        return [0.0] * len(value)

    def addInPlace(self, value1: list[float], value2: list[float]) -> list[float]:
        for i in range(len(value1)):
            value1[i] += value2[i]
        return value1


def run_task(accumulator: Accumulator[Any], *terms: Any) -> dict[int, Any]:
    """What a task that adds ``terms`` sends back."""
    data = pickle.dumps(accumulator)
    task = TaskAccumulators()
    with accumulators_of_task(task):
        received = pickle.loads(data)
        for term in terms:
            received += term
    return pickle.loads(pickle.dumps(task.close()))  # type: ignore[no-any-return]


@given(start=st.integers(), tasks=st.lists(st.lists(st.integers(), max_size=5), max_size=5))
def test_the_driver_sees_the_sum_of_what_tasks_added(start: int, tasks: list[list[int]]) -> None:
    registry = AccumulatorRegistry()
    total = registry.create(start)
    for terms in tasks:
        registry.merge(run_task(total, *terms))
    assert total.value == start + sum(map(sum, tasks))


@pytest.mark.parametrize(("start", "term", "sum_"), [(1, 2, 3), (1.5, 2, 3.5), (1j, 2, 2 + 1j), (True, 1, 2)])
def test_numbers_have_a_default_param(start: Any, term: Any, sum_: Any) -> None:
    registry = AccumulatorRegistry()
    total = registry.create(start)
    registry.merge(run_task(total, term))
    assert total.value == sum_
    assert isinstance(total, PySparkAccumulator)


def test_other_types_need_a_param() -> None:
    with pytest.raises(TypeError, match="No default accumulator param for type <class 'list'>"):
        AccumulatorRegistry().create([1.0])


def test_a_mutable_value_begins_at_zero_in_each_task_even_when_the_program_is_shared() -> None:
    registry = AccumulatorRegistry()
    total = registry.create([1.0, 2.0], Vector())
    received = pickle.loads(pickle.dumps(total))
    for _ in range(3):
        task = TaskAccumulators()
        with accumulators_of_task(task):
            received.add([1.0, 1.0])
            received += [1.0, 1.0]
        registry.merge(copy.deepcopy(task.close()))
    assert total.value == [7.0, 8.0]


def test_the_value_travels_as_its_zero() -> None:
    total = AccumulatorRegistry().create(12345)
    assert pickle.loads(pickle.dumps(total)).zero == 0


def test_a_copy_of_what_holds_an_accumulator_adds_to_the_same_one() -> None:
    total = AccumulatorRegistry().create(1)
    (copied,) = copy.deepcopy([total])
    copied += 4
    assert total.value == 5


def test_only_the_driver_reads_and_sets_the_value() -> None:
    total = AccumulatorRegistry().create(1)
    total.value = 5
    total += 2
    assert (total.value, str(total)) == (7, "7")
    received = pickle.loads(pickle.dumps(total))
    for accumulator in (received, total):
        with accumulators_of_task(TaskAccumulators()), pytest.raises(PySparkRuntimeError, match="VALUE_NOT_ACCESSIBLE"):
            _ = accumulator.value
        with accumulators_of_task(TaskAccumulators()), pytest.raises(PySparkRuntimeError, match="VALUE_NOT_ACCESSIBLE"):
            accumulator.value = 3
    assert total.value == 7


def test_inside_a_task_even_the_drivers_own_object_adds_to_the_task() -> None:
    total = AccumulatorRegistry().create(1)
    task = TaskAccumulators()
    with accumulators_of_task(task):
        total.add(5)
    assert (total.value, task.close()) == (1, {total.aid: 5})


def test_updates_of_a_task_that_is_not_merged_do_not_count() -> None:
    registry = AccumulatorRegistry()
    total = registry.create(0)
    run_task(total, 1, 2)
    assert total.value == 0


def test_an_accumulator_that_nobody_holds_needs_no_updates() -> None:
    registry = AccumulatorRegistry()
    total = registry.create(0)
    updates = run_task(total, 1)
    del total
    gc.collect()
    registry.merge(updates)


def test_a_thread_of_a_task_adds_in_a_copy_of_its_context_and_is_told_so_otherwise() -> None:
    received = pickle.loads(pickle.dumps(AccumulatorRegistry().create(0)))
    task = TaskAccumulators()
    errors: list[BaseException] = []

    def add() -> None:
        try:
            received.add(1)
        except ContextError as error:
            errors.append(error)

    with accumulators_of_task(task):
        threads = [
            threading.Thread(target=contextvars.copy_context().run, args=(add,)),
            threading.Thread(target=add),
        ]
    for thread in threads:
        thread.start()
        thread.join()
    assert task.close() == {received.aid: 1}
    assert "copy_context" in str(errors[0])


def test_adding_after_the_task_has_ended_is_refused() -> None:
    received = pickle.loads(pickle.dumps(AccumulatorRegistry().create(0)))
    task = TaskAccumulators()
    with accumulators_of_task(task):
        late = contextvars.copy_context()
        task.close()
    with pytest.raises(ContextError, match="after its task had ended"):
        late.run(received.add, 1)


def test_a_param_that_fails_on_the_driver_fails_whoever_reads_the_value_and_nobody_else() -> None:
    registry = AccumulatorRegistry()
    short, other = registry.create([1.0, 2.0], Vector()), registry.create(0)
    registry.merge({short.aid: [1.0], other.aid: 5})
    assert other.value == 5
    with pytest.raises(ContextError, match=r"lacks what tasks added.*IndexError"):
        _ = short.value
    short.value = [0.0]
    assert short.value == [0.0]
