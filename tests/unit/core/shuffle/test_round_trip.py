"""What map tasks write, reduce tasks read: compared with plain Python, in memory and with hardly any memory."""

from __future__ import annotations

import operator
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_kernel.core.lineage.shuffle_specs import Aggregator, KeyOrdering, ShuffleSpec
from spark_kernel.core.shuffle.portable_hash import portable_hash
from tests.support.shuffles import partitioner, read, shuffled, written
from tests.support.task_scopes import ScopeForTests

KEYS = st.one_of(
    st.integers(-5, 300), st.text(max_size=3), st.none(), st.tuples(st.integers(0, 3), st.text(max_size=1))
)
PARTITIONS = st.lists(st.lists(st.tuples(KEYS, st.integers(-1000, 1000)), max_size=60), min_size=1, max_size=4)
WIDTHS = st.integers(1, 5)
MEMORY = st.sampled_from([1, 1000, 20_000, 1 << 30])


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def add(a: Any, b: Any) -> Any:
    """Like addition, but by a detour that nobody recognises."""
    return operator.add(a, b)


def identity(value: Any) -> Any:
    return value


def in_order(values: list[Any], value: Any) -> list[Any]:
    return [*values, value]


AGGREGATORS = {
    "a known function": Aggregator(lambda v: v, lambda a, b: a + b, operator.add),
    "an unknown function": Aggregator(identity, add, add),
    "lists": Aggregator(lambda v: [v], lambda vs, v: vs.append(v) or vs, lambda a, b: a + b),
    "lists that are made anew": Aggregator(lambda v: [v], in_order, operator.add),
    "maximum": Aggregator(lambda v: v, max, max),
    "another type": Aggregator(str, lambda text, v: f"{text},{v}", lambda a, b: f"{a},{b}"),
}


def reduced(partitions: list[list[tuple[Any, Any]]], aggregator: Aggregator, map_side: bool) -> dict[Any, Any]:
    """What Spark promises, as straightforward as can be."""
    total: dict[Any, Any] = {}
    for pairs in partitions:
        here: dict[Any, Any] = {}
        for key, value in pairs:
            if not map_side:
                total[key] = aggregator.merge_value(total[key], value) if key in total else aggregator.create(value)
            else:
                here[key] = aggregator.merge_value(here[key], value) if key in here else aggregator.create(value)
        for key, combiner in here.items():
            total[key] = aggregator.merge_combiners(total[key], combiner) if key in total else combiner
    return total


@pytest.mark.parametrize("name", AGGREGATORS)
@settings(max_examples=25, deadline=None)
@given(partitions=PARTITIONS, width=WIDTHS, memory=MEMORY, map_side=st.booleans())
def test_every_key_is_combined_once_and_lies_where_its_hash_says(
    name: str, partitions: list[list[tuple[Any, Any]]], width: int, memory: int, map_side: bool
) -> None:
    spec = ShuffleSpec(partitioner(width), AGGREGATORS[name], map_side_combine=map_side)
    with folder() as scratch:
        parts = shuffled(scratch, partitions, spec, memory)
    pairs = [pair for part in parts for pair in part]
    assert dict(pairs) == reduced(partitions, AGGREGATORS[name], map_side)
    assert len(pairs) == len(dict(pairs))
    assert all(portable_hash(key) % width == reducer for reducer, part in enumerate(parts) for key, _ in part)


@settings(max_examples=40, deadline=None)
@given(partitions=PARTITIONS, width=WIDTHS, memory=MEMORY)
def test_without_an_aggregator_records_arrive_as_they_were_sent(
    partitions: list[list[tuple[Any, Any]]], width: int, memory: int
) -> None:
    with folder() as scratch:
        parts = shuffled(scratch, partitions, ShuffleSpec(partitioner(width)), memory)
    sent = [pair for pairs in partitions for pair in pairs]
    assert parts == [[pair for pair in sent if portable_hash(pair[0]) % width == reducer] for reducer in range(width)]


@settings(max_examples=40, deadline=None)
@given(
    partitions=st.lists(st.lists(st.tuples(st.integers(0, 20), st.integers()), max_size=80), min_size=1, max_size=4),
    width=WIDTHS,
    memory=MEMORY,
    ascending=st.booleans(),
    key=st.sampled_from([None, operator.neg, lambda k: k % 3]),
)
def test_with_an_ordering_records_arrive_sorted_and_equal_keys_as_they_were_sent(
    partitions: list[list[tuple[int, int]]], width: int, memory: int, ascending: bool, key: Any
) -> None:
    spec = ShuffleSpec(partitioner(width), ordering=KeyOrdering(ascending, key))
    with folder() as scratch:
        parts = shuffled(scratch, partitions, spec, memory)
    compare = key or identity
    for reducer, part in enumerate(parts):
        sent = [pair for pairs in partitions for pair in pairs if pair[0] % width == reducer]
        assert part == sorted(sent, key=lambda pair: compare(pair[0]), reverse=not ascending)


def test_combined_values_can_arrive_sorted(tmp_path: Path) -> None:
    spec = ShuffleSpec(partitioner(1), AGGREGATORS["a known function"], ordering=KeyOrdering(ascending=False))
    assert shuffled(tmp_path, [[("b", 1), ("a", 2)], [("b", 5)]], spec) == [[("b", 6), ("a", 2)]]


def test_values_of_a_key_stay_in_order_when_memory_is_short(tmp_path: Path) -> None:
    partitions = [[(i % 7, (part, i)) for i in range(2000)] for part in range(3)]
    spec = ShuffleSpec(partitioner(2), AGGREGATORS["lists"])
    scope = ScopeForTests(tmp_path, memory_share=50_000)
    expected = defaultdict(list)
    for pairs in partitions:
        for key, value in pairs:
            expected[key].append(value)
    parts = shuffled(tmp_path, partitions, spec, memory_share=50_000)
    assert {key: values for part in parts for key, values in part} == expected
    written(tmp_path, partitions, spec, scope)
    assert scope.counts.spilled_bytes > 0


def test_words_are_counted(tmp_path: Path) -> None:
    words = [["to", "be", "or", "not", "to", "be"], [], ["that", "is", "to", "be"]]
    parts = shuffled(
        tmp_path, [[(word, 1) for word in part] for part in words], ShuffleSpec(partitioner(3), AGGREGATORS["maximum"])
    )
    assert {word for part in parts for word, _ in part} == set(Counter(word for part in words for word in part))


def test_what_is_read_and_written_is_counted(tmp_path: Path) -> None:
    spec = ShuffleSpec(partitioner(2))
    scope = ScopeForTests(tmp_path)
    outputs = written(tmp_path, [[(i, f"{i}" * 100) for i in range(1000)]], spec, scope)
    assert (scope.counts.shuffle_records_written, scope.counts.shuffle_bytes_written) == (1000, outputs[0].offsets[-1])
    for reducer in range(2):
        assert len(list(read(outputs, reducer, spec, scope))) == 500
    assert (scope.counts.shuffle_records_read, scope.counts.shuffle_local_bytes_read) == (1000, outputs[0].offsets[-1])
    assert scope.counts.spilled_bytes == scope.counts.shuffle_remote_bytes_read == 0
