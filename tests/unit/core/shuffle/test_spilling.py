"""More than memory holds: judged by what is really allocated, and never seen in the result."""

from __future__ import annotations

import gc
import os
import random
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from spark_kernel.core.lineage.shuffle_specs import Aggregator, KeyOrdering, ShuffleSpec
from spark_kernel.core.shuffle.merging import combine_by_key
from spark_kernel.core.shuffle.sizes import mapping_bytes, object_bytes
from spark_kernel.core.shuffle.sorting import sort_by_key
from spark_kernel.core.shuffle.spill_files import SpillFile
from spark_kernel.core.shuffle.writer import write_shuffle
from tests.support.shuffles import partitioner, target
from tests.support.task_scopes import ScopeForTests

MIB = 1 << 20
LISTS = Aggregator(lambda v: [v], lambda vs, v: vs.append(v) or vs, lambda a, b: a + b)


class Slotless:
    def __init__(self, i: int) -> None:
        self.number = i
        self.name = f"name {i}"


def allocated(make: Callable[[], Any]) -> tuple[Any, int]:
    gc.collect()
    tracemalloc.start()
    try:
        made = make()
        return made, tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("make", [
    lambda i: i + 1000, lambda i: f"value {i}", lambda i: i / 7, lambda i: (i + 1000, f"x{i}"),
    lambda i: [j + 1000 for j in range(i, i + 50)], lambda i: {f"k{i}": i / 3, "b": [1.5 * i]},
    lambda i: bytes(i % 500), Slotless, lambda i: frozenset([f"a{i}", f"b{i}"]),
    lambda i: {j: [f"{i}"] * 3 for j in range(20)},
    lambda i: [i / 7] if i % 50 else [j / 7 for j in range(5000)],
])  # fmt: skip
def test_estimates_are_close_to_what_is_allocated(make: Callable[[int], Any]) -> None:
    mapping, real = allocated(lambda: {i + 1000: make(i) for i in range(2000)})
    assert 0.6 * real < mapping_bytes(mapping) < 1.6 * real


@pytest.mark.parametrize("value", [[], {}, (), set(), None, "", b"", [[]], {"a": {}}])
def test_empty_things_have_a_size(value: Any) -> None:
    assert object_bytes(value) >= 0
    assert mapping_bytes({}) > 0


def test_looking_at_a_value_that_contains_itself_comes_to_an_end() -> None:
    loop: list[Any] = []
    loop.append(loop)
    assert object_bytes(loop) > 0


def peak(work: Callable[[], Any]) -> int:
    gc.collect()
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def consume(records: Iterator[Any]) -> None:
    for _ in records:
        pass


def pairs(n: int) -> Iterator[tuple[int, str]]:
    return ((i * 7919 % n, f"value {i} " * 40) for i in range(n))


WORK: dict[str, Callable[[ScopeForTests], Any]] = {
    "combining unique keys": lambda scope: consume(combine_by_key(pairs(7_000), LISTS, scope)),
    "grouping by few keys": lambda scope: consume(
        combine_by_key(((i % 500, value) for i, value in pairs(7_000)), LISTS, scope)
    ),
    "sorting": lambda scope: consume(sort_by_key(pairs(7_000), KeyOrdering(), scope)),
    "writing": lambda scope: write_shuffle(
        ((i, os.urandom(500)) for i in range(7_000)), ShuffleSpec(partitioner(7)), target(scope.scratch), scope
    ),
    "writing combiners": lambda scope: write_shuffle(
        pairs(7_000), ShuffleSpec(partitioner(7), LISTS), target(scope.scratch), scope
    ),
}


@pytest.mark.parametrize("name", WORK)
def test_memory_stays_within_the_share(name: str, tmp_path: Path) -> None:
    unlimited, share = ScopeForTests(tmp_path), MIB
    needed = peak(lambda: WORK[name](unlimited))
    assert needed > 3 * share
    assert unlimited.counts.spilled_bytes == 0
    scope = ScopeForTests(tmp_path, memory_share=share)
    assert peak(lambda: WORK[name](scope)) < share + MIB // 2
    assert scope.counts.spilled_bytes > 0


class OnlyLess:
    """Can be compared in the one way that sorting in Python needs."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __lt__(self, other: OnlyLess) -> bool:
        return self.number < other.number

    def __eq__(self, other: object) -> bool:
        raise AssertionError("sorting does not ask for equality")

    __hash__ = None  # type: ignore[assignment]


@pytest.mark.parametrize("ascending", [True, False])
@pytest.mark.parametrize("distinct", [1, 5, 5000])
def test_a_spilled_sort_is_stable_and_needs_nothing_but_less_than(
    ascending: bool, distinct: int, tmp_path: Path
) -> None:
    rng = random.Random(distinct)
    records = [(rng.randrange(distinct), i) for i in range(5000)]
    scope = ScopeForTests(tmp_path, memory_share=60_000)
    found = list(sort_by_key(iter(records), KeyOrdering(ascending, OnlyLess), scope))
    assert found == sorted(records, key=lambda pair: pair[0], reverse=not ascending)
    assert scope.counts.spilled_bytes > 0


class Colliding:
    """Equal by number, and all with the same hash."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Colliding) and self.number == other.number

    def __hash__(self) -> int:
        return 1


def test_keys_that_collide_in_every_hash_are_still_combined(tmp_path: Path) -> None:
    records = [(Colliding(i % 40), "x" * 100) for i in range(400)]
    scope = ScopeForTests(tmp_path, memory_share=5000)
    combined = list(combine_by_key(iter(records), LISTS, scope))
    assert sorted((key.number, len(values)) for key, values in combined) == [(i, 10) for i in range(40)]
    assert scope.counts.spilled_bytes > 0


def test_nothing_is_read_before_the_first_pair_is_asked_for(tmp_path: Path) -> None:
    def never() -> Iterator[Any]:
        raise AssertionError("read")
        yield

    scope = ScopeForTests(tmp_path)
    combine_by_key(never(), LISTS, scope)
    sort_by_key(never(), KeyOrdering(), scope)


def test_temporary_files_have_no_name_and_close_when_the_reader_stops_early(tmp_path: Path) -> None:
    scope = ScopeForTests(tmp_path, memory_share=60_000)
    before = len(os.listdir("/proc/self/fd"))
    for work in (sort_by_key(pairs(1000), KeyOrdering(), scope), combine_by_key(pairs(1000), LISTS, scope)):
        records = iter(work)
        next(records)
        assert len(os.listdir("/proc/self/fd")) > before
        assert os.listdir(tmp_path) == []
    del records, work
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_temporary_file_that_is_too_short_is_noticed(tmp_path: Path) -> None:
    spill = SpillFile(tmp_path)
    spill.append([b"abc"])
    with pytest.raises(Exception, match="truncated"):
        list(spill.pieces(0, 4))
    spill.close()
    spill.close()
