"""Functions that are recognised, and that recognising them changes no result and no traceback."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.errors import PySparkRuntimeError

from spark_kernel.core.lineage.shuffle_specs import Aggregator
from spark_kernel.core.rdd import combining as rdd_functions
from spark_kernel.core.shuffle.combining import combiner_loop, value_loop
from spark_kernel.core.shuffle.known_functions import Known, recognise
from spark_kernel.core.shuffle.merging import combine_by_key
from tests.support.task_scopes import ScopeForTests


def append(xs: list[Any], x: Any) -> list[Any]:
    """Anybody's."""
    xs.append(x)
    return xs


def extend(first: list[Any], second: list[Any]) -> list[Any]:
    first.extend(second)
    return first


@pytest.mark.parametrize(("function", "known"), [
    (operator.add, Known.ADD), (lambda x, y: x + y, Known.ADD), (min, Known.MIN), (max, Known.MAX),
    (lambda v: v, Known.SAME), (lambda v: [v], Known.LIST), (lambda a, _: a, Known.FIRST), (append, Known.APPEND),
    (extend, Known.EXTEND), (rdd_functions.first_value, Known.SAME), (rdd_functions.in_list, Known.LIST),
    (rdd_functions.append, Known.APPEND), (rdd_functions.append_all, Known.EXTEND), (rdd_functions.keep, Known.FIRST),
])  # fmt: skip
def test_known_functions_are_recognised_whoever_wrote_them(function: Callable[..., Any], known: Known) -> None:
    assert recognise(function) is known


OFFSET = 1


@pytest.mark.parametrize("function", [
    lambda x, y: y + x, lambda x, y: x + y + 1, lambda x, y: x - y, lambda x, y=1: x + y, lambda *xs: xs[0] + xs[1],
    lambda x, y: x + OFFSET, lambda v: (v,), lambda v: [v, v], operator.iadd, math.hypot, sum, list.append,
    partial(min), lambda a, b: b, lambda xs, x: xs.extend(x), lambda xs, x: xs, lambda a, *, b=0: a, str, [].append,
])  # fmt: skip
def test_others_are_not(function: Callable[..., Any]) -> None:
    assert recognise(function) in (None, Known.FIRST)
    if recognise(function) is Known.FIRST:
        assert function("a", "b") == "a"


VALUES = st.one_of(st.integers(-3, 3), st.floats(), st.booleans())
PAIRS = st.lists(st.tuples(st.integers(0, 3), VALUES), max_size=30)


@pytest.mark.parametrize("merge", [operator.add, lambda a, b: a + b, min, max, lambda a, b: a])
@settings(max_examples=50)
@given(pairs=PAIRS)
def test_a_known_function_gives_the_very_same_results(merge: Callable[[Any, Any], Any], pairs: Any) -> None:
    expected: dict[Any, Any] = {}
    for key, value in pairs:
        expected[key] = merge(expected[key], value) if key in expected else value
    for loop in (value_loop(Aggregator(lambda v: v, merge, merge)), combiner_loop(Aggregator(str, merge, merge))):
        combined: dict[Any, Any] = {}
        loop(combined, pairs)
        assert repr(combined) == repr(expected)


@settings(max_examples=50)
@given(pairs=PAIRS)
def test_lists_grow_in_order(pairs: Any) -> None:
    expected: dict[Any, list[Any]] = {}
    for key, value in pairs:
        expected.setdefault(key, []).append(value)
    combined: dict[Any, Any] = {}
    value_loop(Aggregator(lambda v: [v], append, extend))(combined, pairs)
    assert repr(combined) == repr(expected)
    combiner_loop(Aggregator(lambda v: [v], append, extend))(combined, [(key, [value]) for key, value in pairs])
    assert repr(combined) == repr({key: values * 2 for key, values in expected.items()})


def test_none_is_a_value_like_any_other() -> None:
    merge = Aggregator(lambda v: v, lambda a, b: (a, b), lambda a, b: (a, b))
    for loop in (value_loop(merge), combiner_loop(merge)):
        combined: dict[Any, Any] = {}
        loop(combined, [(None, None), (None, None), ("k", None)])
        assert combined == {None: (None, None), "k": None}


def run(merge: Callable[[Any, Any], Any], values: list[Any], folder: Path) -> list[Any]:
    aggregator = Aggregator(lambda v: v, merge, merge)
    return list(combine_by_key(iter([("k", value) for value in values]), aggregator, ScopeForTests(folder)))


@pytest.mark.parametrize("merge", [lambda a, b: a + b, lambda a, b: a / b])
def test_a_function_that_fails_is_in_the_traceback_recognised_or_not(
    merge: Callable[[Any, Any], Any], tmp_path: Path
) -> None:
    with pytest.raises(TypeError, match="unsupported operand") as caught:
        run(merge, [1, "a"], tmp_path)
    assert caught.traceback[-1].frame.code.raw is merge.__code__  # type: ignore[attr-defined]
    assert caught.value.__context__ is None


def test_a_stop_iteration_of_a_users_function_does_not_end_the_data(tmp_path: Path) -> None:
    def stop(a: Any, b: Any) -> Any:
        raise StopIteration("enough")

    with pytest.raises(PySparkRuntimeError, match=r"STOP_ITERATION_OCCURRED.*enough"):
        run(stop, [1, 2], tmp_path)
