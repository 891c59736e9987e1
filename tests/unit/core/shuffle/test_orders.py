"""Sorting numbers by numpy gives what Python's sort gives."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_kernel.core.shuffle import orders
from spark_kernel.core.shuffle.orders import order_of_numbers, sort_pairs

INT64 = st.integers(-(2**63), 2**63 - 1)
KEYS = st.one_of(
    st.lists(st.integers(-5, 5), min_size=1),
    st.lists(INT64, min_size=1),
    st.lists(st.integers(), min_size=1),
    st.lists(st.floats(allow_nan=False), min_size=1),
    st.lists(st.sampled_from([0.0, -0.0, 1e300, float("inf"), float("-inf")]), min_size=1),
    st.lists(st.one_of(st.booleans(), st.integers(), st.floats(allow_nan=False)), min_size=1),
    st.lists(st.text(), min_size=1),
)


@pytest.fixture(autouse=True)
def _even_for_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders, "_FEW", 1)


@settings(max_examples=150)
@given(keys=KEYS, descending=st.booleans())
def test_as_python_sorts(keys: list[Any], descending: bool) -> None:
    pairs = list(zip(keys, range(len(keys)), strict=True))
    expected = sorted(pairs, key=lambda pair: pair[0], reverse=descending)
    assert repr(sort_pairs(list(pairs), None, descending)) == repr(expected)
    identity = sort_pairs(list(pairs), lambda key: key, descending)
    assert repr(identity) == repr(expected)


@given(keys=st.lists(st.integers(-1000, 1000), min_size=1), descending=st.booleans())
def test_a_key_function_is_obeyed(keys: list[int], descending: bool) -> None:
    pairs = list(enumerate(keys))
    found = sort_pairs(list(pairs), lambda key: key % 7, descending)
    assert found == sorted(pairs, key=lambda pair: pair[0] % 7, reverse=descending)


@pytest.mark.parametrize("keys", [[1, 2.0], [True, False], [2**63], ["a"], [1.0, float("nan")], [None]], ids=repr)
def test_keys_that_numpy_would_sort_otherwise_are_left_to_python(keys: list[Any]) -> None:
    assert order_of_numbers(keys, False) is None


def test_pairs_of_lists_stay_pairs() -> None:
    pairs = [(2, [1, 2]), (1, [3, 4])]
    assert sort_pairs(list(pairs), None, False) == [(1, [3, 4]), (2, [1, 2])]


def test_keys_that_cannot_be_compared_are_an_error() -> None:
    with pytest.raises(TypeError, match="not supported between"):
        sort_pairs([(1, 0), ("a", 0)], None, False)
