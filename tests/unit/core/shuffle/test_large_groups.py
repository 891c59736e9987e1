"""Groups that are more than memory holds: the same values in the same order, read from a file as often as wanted."""

from __future__ import annotations

import pickle
import random
import tracemalloc
from collections import defaultdict
from pathlib import Path

import pytest
from pyspark.resultiterable import ResultIterable

from spark_kernel.core.lineage.shuffle_specs import Aggregator
from spark_kernel.core.rdd.cogrouping import JoinTagged, SplitTagged
from spark_kernel.core.rdd.keyed import _GROUP
from spark_kernel.core.shuffle.combining import makes_groups
from spark_kernel.core.shuffle.large_groups import LargeGroup
from spark_kernel.core.shuffle.merging import combine_by_key
from tests.support.task_scopes import ScopeForTests


def pairs_of(count: int, keys: int, share_of_first: float, seed: int = 1) -> list[tuple[int, str]]:
    rng = random.Random(seed)
    return [(0 if rng.random() < share_of_first else rng.randrange(keys), f"{i:06d}" * 10) for i in range(count)]


def grouped(pairs: list[tuple[int, str]]) -> dict[int, list[str]]:
    groups: dict[int, list[str]] = defaultdict(list)
    for key, value in pairs:
        groups[key].append(value)
    return groups


def test_the_groups_of_group_by_key_can_be_put_into_a_file() -> None:
    assert makes_groups(_GROUP)
    assert not makes_groups(Aggregator(lambda v: [v], lambda vs, v: [*vs, v], lambda a, b: a + b))


@pytest.mark.parametrize(("keys", "share_of_first"), [(1, 1.0), (2, 0.5), (5, 0.1), (300, 0.5), (3000, 0.4), (3000, 0)])
def test_every_value_is_in_its_group_in_its_order(tmp_path: Path, keys: int, share_of_first: float) -> None:
    pairs = pairs_of(20_000, keys, share_of_first)
    scope = ScopeForTests(tmp_path, memory_share=400_000)
    groups = list(combine_by_key(iter(pairs), _GROUP, scope))
    expected = grouped(pairs)
    assert len(groups) == len(expected)
    assert {key: list(values) for key, values in groups} == expected
    assert all(len(values) == len(expected[key]) for key, values in groups)
    assert scope.counts.spilled_bytes


def test_a_group_of_many_times_the_memory_takes_little_of_it(tmp_path: Path) -> None:
    count, size = 8000, 1000
    records = ((0, f"{i:08d}" * (size // 8)) for i in range(count))
    scope = ScopeForTests(tmp_path, memory_share=1 << 20)
    tracemalloc.start()
    ((_, values),) = combine_by_key(records, _GROUP, scope)
    assert sum(map(len, values)) == count * size
    assert tracemalloc.get_traced_memory()[1] < 3 << 20
    tracemalloc.stop()


@pytest.fixture
def large(tmp_path: Path) -> LargeGroup:
    pairs = [(0, (i % 2, i)) for i in range(5000)]
    ((_, values),) = combine_by_key(iter(pairs), _GROUP, ScopeForTests(tmp_path, memory_share=100_000))
    assert isinstance(values, LargeGroup)
    return values


def test_a_large_group_is_a_sequence(large: LargeGroup) -> None:
    plain = [(i % 2, i) for i in range(5000)]
    assert list(large) == list(large) == plain
    assert (large[0], large[-1], large[4000], large[10:12]) == (plain[0], plain[-1], plain[4000], plain[10:12])
    assert len(ResultIterable(large)) == 5000
    assert pickle.loads(pickle.dumps(large)) == plain
    with pytest.raises(IndexError):
        large[5000]


def test_a_large_group_can_be_taken_apart_by_joins(large: LargeGroup, tmp_path: Path) -> None:
    scope = ScopeForTests(tmp_path)
    ((_, sides),) = SplitTagged(2).compute(0, iter([iter([(7, large)])]), scope)
    assert [len(side) for side in sides] == [2500, 2500]
    assert [list(side) for side in sides] == [list(range(0, 5000, 2)), list(range(1, 5000, 2))]
    assert pickle.loads(pickle.dumps(sides[1].data)) == list(range(1, 5000, 2))
    few = [*((0, i) for i in range(3000)), (1, "a"), (1, "b")]
    ((_, values),) = combine_by_key(iter([(7, each) for each in few]), _GROUP, ScopeForTests(tmp_path, 100_000))
    joined = JoinTagged().compute(0, iter([iter([(7, values)])]), scope)
    assert list(joined) == [(7, (i, right)) for i in range(3000) for right in "ab"]


@pytest.mark.parametrize("keep_left", [True, False])
@pytest.mark.parametrize("keep_right", [True, False])
def test_values_without_a_partner_are_kept_where_they_should_be(keep_left: bool, keep_right: bool) -> None:
    join = JoinTagged(keep_left, keep_right)
    groups = [("a", [(0, 1), (0, 2), (0, 3)]), ("b", [(1, 4)]), ("c", [(0, 5), (1, 6), (1, 7)])]
    expected = [("a", (n, None)) for n in (1, 2, 3) if keep_left]
    expected += [("b", (None, 4))] if keep_right else []
    expected += [("c", (5, 6)), ("c", (5, 7))]
    assert list(join.compute(0, iter([iter(groups)]), ScopeForTests(Path()))) == expected
