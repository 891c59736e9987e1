"""Counting without calling the user's functions changes no result and no message."""

from __future__ import annotations

import operator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_kernel.core.lineage.shuffle_specs import Aggregator
from spark_kernel.core.rdd.elementwise import Map
from spark_kernel.core.shuffle.combining import fastest
from spark_kernel.core.shuffle.counting import Paired, count_keys
from spark_kernel.core.shuffle.known_functions import Known, recognise
from spark_kernel.core.shuffle.merging import combine_by_key
from tests.support.task_scopes import ScopeForTests

KEYS = st.lists(st.one_of(st.integers(0, 3), st.booleans(), st.floats(0, 2), st.text(max_size=1), st.none()))


def documented(word: str) -> tuple[str, int]:
    """Anybody's."""
    return (word, 1)


@pytest.mark.parametrize(("function", "is_known"), [
    (lambda w: (w, 1), True), (documented, True), (lambda w: (w, 2), False), (lambda w: (w, 1.0), False),
    (lambda w: (w, True), False), (lambda w: (1, w), False), (lambda w: (w, "1"), False), (lambda w: (w, w), False),
])  # fmt: skip
def test_a_pair_with_one_is_recognised_and_no_other(function: Any, is_known: bool) -> None:
    assert (recognise(function) is Known.WITH_ONE) is is_known


@pytest.mark.parametrize("merge", [operator.add, lambda a, b: a + b, lambda a, b: a, max, lambda a, b: a - b])
@settings(max_examples=30)
@given(keys=KEYS, value=st.sampled_from([1, 2, True, 1.5]))
def test_pairs_with_one_value_are_combined_as_any_pairs_are(merge: Any, keys: list[Any], value: Any) -> None:
    scope = ScopeForTests(Path("/nowhere"))
    aggregator = Aggregator(lambda v: v, merge, merge)
    fast = list(combine_by_key(Paired(iter(keys), value), aggregator, scope))
    slow = list(combine_by_key(iter([(key, value) for key in keys]), aggregator, scope))
    assert repr(fast) == repr(slow)


def test_keys_are_counted_without_their_pairs() -> None:
    records = Map(lambda w: (w, 1)).compute(0, iter([iter("ab")]), None)  # type: ignore[arg-type]
    aggregator = Aggregator(lambda v: v, operator.add, operator.add)
    keys, loop = fastest(records, aggregator)
    assert loop is count_keys
    assert list(keys) == ["a", "b"]


@pytest.mark.parametrize("merge", [operator.add, lambda a, b: a])
def test_a_key_that_cannot_be_hashed_is_named(merge: Any) -> None:
    aggregator = Aggregator(lambda v: v, merge, merge)
    pairs = Paired(iter(["a", [1]]), 1)
    with pytest.raises(TypeError, match="a key can't be a list, which can't be hashed"):
        list(combine_by_key(pairs, aggregator, ScopeForTests(Path("/nowhere"))))
