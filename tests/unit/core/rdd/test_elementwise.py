"""Recipes for single records: their values, how lazily they read, and StopIteration in the user's function."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.errors import PySparkRuntimeError

from spark_kernel.core.rdd.elementwise import Field, Filter, FlatMap, FlatMapValues, KeyBy, Map, MapValues, Numbered

integers = st.lists(st.integers(-9, 9))


def run(recipe, records, partition=0):
    return recipe.compute(partition, iter([iter(records)]), None)


@given(integers)
def test_map_filter_and_flat_map_are_those_of_python(numbers) -> None:
    assert list(run(Map(lambda x: x * 2), numbers)) == [x * 2 for x in numbers]
    assert list(run(Map(str), numbers)) == [str(x) for x in numbers]
    assert list(run(Filter(lambda x: x > 1), numbers)) == [x for x in numbers if x > 1]
    assert list(run(Filter(bool), numbers)) == [x for x in numbers if x]
    assert list(run(FlatMap(lambda x: [x] * (x % 3)), numbers)) == [x for x in numbers for _ in range(x % 3)]
    assert list(run(FlatMap(range), numbers)) == [y for x in numbers for y in range(x)]


@given(st.lists(st.tuples(st.integers(), st.text(max_size=3))))
def test_steps_on_pairs(pairs) -> None:
    assert list(run(MapValues(len), pairs)) == [(k, len(v)) for k, v in pairs]
    assert list(run(FlatMapValues(list), pairs)) == [(k, c) for k, v in pairs for c in v]
    assert list(run(KeyBy(lambda kv: kv[1]), pairs)) == [(v, (k, v)) for k, v in pairs]
    assert list(run(Field(1), pairs)) == [v for _, v in pairs]
    assert list(run(Numbered((0, 5), 2), pairs, partition=1)) == [(pair, 5 + 2 * i) for i, pair in enumerate(pairs)]


@pytest.mark.parametrize(
    "recipe", [Map(lambda x: x), Map(abs), Filter(lambda x: True), FlatMap(lambda x: [x]), KeyBy(abs)]
)
def test_a_record_is_read_when_it_is_asked_for(recipe) -> None:
    read = []
    records = run(recipe, (read.append(x) or x for x in range(1, 100)))
    next(records)
    assert read == [1]


def stop_at_two(x):
    if x == 2:
        raise StopIteration("enough")
    return [x]


@pytest.mark.parametrize("recipe", [Map, Filter, FlatMap])
@pytest.mark.parametrize("function", [stop_at_two, partial(stop_at_two)], ids=["function", "callable"])
@pytest.mark.parametrize("records", [[1, 2, 3], [1, 2], [2]], ids=["inside", "last", "only"])
def test_stop_iteration_of_the_user_is_an_error(recipe, function, records) -> None:
    with pytest.raises(PySparkRuntimeError, match="Caught StopIteration thrown from user's code; failing the task"):
        list(run(recipe(function), records))


def test_stop_iteration_is_found_in_any_step_of_a_chain() -> None:
    for place in range(3):
        records = iter([1, 2, 3])
        for step in range(3):
            recipe = Map(lambda x: stop_at_two(x)[0]) if step == place else Filter(lambda x: True)
            records = recipe.compute(0, iter([records]), None)
        with pytest.raises(PySparkRuntimeError, match="STOP_ITERATION"):
            list(records)


def test_stop_iteration_on_pairs_is_an_error_that_says_why() -> None:
    for recipe in (MapValues(stop_at_two), FlatMapValues(stop_at_two), KeyBy(lambda kv: stop_at_two(kv[1]))):
        with pytest.raises(PySparkRuntimeError, match="failing the task: enough"):
            list(run(recipe, [("a", 1), ("b", 2)]))


def test_a_consumer_may_stop_early() -> None:
    records = run(Map(lambda x: x), run(Filter(lambda x: x), range(100)))
    assert next(records) == 1
    del records
