"""Data of several times the memory of the workers: right results, and no worker ever has more than its limit.

What counts is the resident memory of the worker's process, the interpreter and its modules included (60 MiB of it), at
its peak: VmHWM of /proc/<pid>/status. Results are checked by sums, sizes and order, never by bringing all of them here.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import pairwise
from operator import add
from pathlib import Path
from typing import Any

import pytest
from pyspark import StorageLevel

from spark_kernel.common import events
from spark_kernel.core.context import SparkContext
from spark_kernel.resource_managers.bounded_log import MOST_BYTES
from tests.support.chaos import listener_of, scratch_of
from tests.support.clusters import until

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peaks of other processes are read from /proc"),
]

WORKERS, LIMIT_MIB = 2, 256
TOTAL_BYTES = WORKERS * LIMIT_MIB << 20
SLICES = 8
TEXT_BYTES = 4000
RECORD_BYTES = TEXT_BYTES + 160
"""With the objects around the text."""


def records_of(times: float) -> int:
    """How many records are so many times the memory of all workers."""
    return int(times * TOTAL_BYTES) // RECORD_BYTES


def text(number: int) -> str:
    return f"{number:08d}" * (TEXT_BYTES // 8)


class Watch:
    """What the workers had to do, and how much memory they have had at most."""

    def __init__(self, sc: SparkContext) -> None:
        self._sc = sc
        self.lost: list[str] = []
        self.spilled = 0
        self.executors: set[str] = set()
        sc.events.listen(self._note)

    def _note(self, event: events.Event) -> None:
        if isinstance(event, events.ExecutorRemoved):
            self.lost.append(event.executor_id)
        elif isinstance(event, events.TaskEnded):
            self.executors.add(event.executor_id)
            self.spilled += event.metrics.spilled_bytes

    def peaks(self) -> list[int]:
        """The peak of each worker so far, in MiB."""
        processes: Any = self._sc.session.manager.describe()["processes"]
        pids = [listener_of(processes["supervisor"], executor) for executor in sorted(self.executors)]
        return [_peak(pid) for pid in pids if pid is not None]


def _peak(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) // 1024


@pytest.fixture(scope="module")
def cluster() -> Iterator[tuple[SparkContext, Watch]]:
    with SparkContext(f"local-cluster[{WORKERS},1,{LIMIT_MIB}]", "memory") as sc:
        watch = Watch(sc)

        def both_work() -> bool:
            sc.range(8, numSlices=8).count()
            return len(watch.executors) == WORKERS

        until(both_work, "tasks on both workers", 60)
        yield sc, watch


@pytest.fixture
def watch(cluster: tuple[SparkContext, Watch]) -> Iterator[Watch]:
    _, watch = cluster
    watch.spilled = 0
    yield watch
    peaks = watch.peaks()
    sys.stdout.write(f"peaks {peaks} MiB of {LIMIT_MIB}, spilled {watch.spilled >> 20} MiB\n")
    assert watch.lost == []
    assert len(peaks) == WORKERS
    assert max(peaks) < LIMIT_MIB


@pytest.fixture
def sc(cluster: tuple[SparkContext, Watch]) -> SparkContext:
    return cluster[0]


def scattered(number: int, count: int) -> int:
    """A permutation of the numbers below ``count``, as long as that is no multiple of the prime."""
    return number * 2654435761 % count


def test_group_by_key_of_four_times_the_memory(sc: SparkContext, watch: Watch) -> None:
    count = records_of(4)
    keys = count // 50
    pairs = sc.range(count, numSlices=SLICES).map(lambda n: (scattered(n, count) % keys, text(n)))
    groups = pairs.groupByKey(SLICES)
    sizes = groups.map(lambda group: (1, len(group[1]), sum(map(len, group[1])), sum(int(v[:8]) for v in group[1])))
    found = sizes.reduce(lambda a, b: tuple(map(add, a, b)))
    assert found == (keys, count, count * TEXT_BYTES, count * (count - 1) // 2)
    assert watch.spilled > TOTAL_BYTES


def test_a_sort_of_four_times_the_memory(sc: SparkContext, watch: Watch) -> None:
    count = records_of(4)
    ordered = sc.range(count, numSlices=SLICES).map(lambda n: (scattered(n, count), text(n))).sortByKey(True, SLICES)

    def look(records: Iterator[tuple[int, str]]) -> list[tuple[int, int, int, int]]:
        first, last, size = -1, -1, 0
        number = 0
        for number, (key, value) in enumerate(records, 1):
            assert key > last
            first, last, size = (key if number == 1 else first), key, size + len(value)
        return [(first, last, number, size)]

    parts = [part for part in ordered.mapPartitions(look).collect() if part[2]]
    assert sum(part[2] for part in parts) == count
    assert sum(part[3] for part in parts) == count * TEXT_BYTES
    assert all(before[1] < after[0] for before, after in pairwise(parts))
    assert (parts[0][0], parts[-1][1]) == (0, count - 1)
    assert watch.spilled > TOTAL_BYTES


def test_one_group_of_twice_the_memory_of_its_worker(sc: SparkContext, watch: Watch) -> None:
    count = records_of(2 / WORKERS)
    groups = sc.range(count, numSlices=SLICES).map(lambda n: ("all", text(n))).groupByKey(2)
    found = groups.mapValues(lambda values: (len(values), sum(map(len, values)), sum(int(v[:8]) for v in values)))
    assert found.collect() == [("all", (count, count * TEXT_BYTES, count * (count - 1) // 2))]


def test_a_join_of_more_than_the_memory(sc: SparkContext, watch: Watch) -> None:
    count = records_of(0.75)
    left = sc.range(count, numSlices=SLICES).map(lambda n: (n, text(n)))
    right = sc.range(0, 2 * count, 2, numSlices=SLICES).map(lambda n: (n, text(n)))
    joined = left.join(right, SLICES).map(lambda pair: (1, pair[0], pair[1][0] == pair[1][1] == text(pair[0])))
    half = (count + 1) // 2
    assert joined.reduce(lambda a, b: tuple(map(add, a, b))) == (half, half * (half - 1), half)


def test_many_different_keys(sc: SparkContext, watch: Watch) -> None:
    count = records_of(0.75)
    texts = sc.range(2 * count, numSlices=SLICES).map(lambda n: text(n % count))
    assert texts.distinct(SLICES).count() == count
    small = 400_000
    sums = sc.range(small, numSlices=SLICES).map(lambda n: (n % (small // 2), n)).reduceByKey(add, SLICES)
    assert sums.map(lambda pair: pair[1]).sum() == small * (small - 1) // 2


@pytest.mark.parametrize("level", [StorageLevel.MEMORY_ONLY, StorageLevel.MEMORY_AND_DISK], ids=["memory", "disk"])
def test_a_cached_dataset_of_twice_the_memory(sc: SparkContext, watch: Watch, level: StorageLevel) -> None:
    count, slices = records_of(2), 8 * SLICES
    texts = sc.range(count, numSlices=slices).map(text).persist(level)
    try:
        assert texts.map(len).sum() == count * TEXT_BYTES
        kept, in_memory, on_disk = sc.session.runner.cached(texts.node.node_id)
        assert 0 < in_memory < TOTAL_BYTES
        if level.useDisk:
            assert kept == slices
            assert on_disk > TOTAL_BYTES
        else:
            assert 0 < kept < slices
            assert on_disk == 0
        assert texts.map(lambda value: int(value[:8])).sum() == count * (count - 1) // 2
    finally:
        texts.unpersist()


def test_functions_that_print_for_days_do_not_fill_the_disk(sc: SparkContext, watch: Watch) -> None:
    processes: Any = sc.session.manager.describe()["processes"]
    log = scratch_of(processes["supervisor"]) / "cluster.log"
    line = "x" * 1023
    sc.range(MOST_BYTES // 512, numSlices=2).foreach(lambda _: sys.stdout.write(line + "\n"))
    # Twice as much was written, and its end is there.
    until(lambda: log.stat().st_size < MOST_BYTES and line in log.read_text(), "the log is cut", 60)
