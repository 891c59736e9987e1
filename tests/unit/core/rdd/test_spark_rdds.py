"""Ids and lineage text as Spark would give them. What real Spark gave is replayed in tests/parity."""

from __future__ import annotations

import sys

import pytest

from spark_kernel.common.call_sites import CallSite
from spark_kernel.common.ids import Counter
from spark_kernel.core.lineage.storage_levels import StorageLevel
from spark_kernel.core.rdd.debug_string import debug_string
from spark_kernel.core.rdd.spark_rdds import AUTO_BATCHED, SparkRdd, SparkView, batched

SITE = CallSite("step", "lesson.py", 1)


def source(ids: Counter, size: int = 1) -> SparkView:
    return SparkView.of(ids.next, "ParallelCollectionRDD", SITE, 4, batched(size))


def text(rdd: SparkRdd, cached=lambda node_id: (0, 0, 0)) -> list[str]:
    return debug_string(rdd, StorageLevel.NONE, cached).replace(" at step at lesson.py:1", "").split("\n")


def test_python_steps_are_one_rdd_and_take_an_id_when_they_are_used() -> None:
    ids = Counter()
    piped = source(ids).python_step(SITE).python_step(SITE)
    other = source(ids)
    assert (other.rdd().rdd_id, piped.rdd().rdd_id) == (1, 2)
    assert [parent.rdd_id for parent in piped.rdd().parents] == [0]


def test_a_kept_dataset_is_an_rdd_of_its_own() -> None:
    kept = source(Counter()).python_step(SITE)
    above = kept.python_step(SITE, pipelinable=False)
    assert above.rdd().parents == (kept.rdd(),)


def test_records_pickled_alike_are_not_pickled_anew() -> None:
    view = source(Counter(), size=10)
    assert view.reserialized(SITE, batched(10)) is view
    assert view.reserialized(SITE, AUTO_BATCHED).rdd().class_name == "PythonRDD"


def test_a_shuffle_opens_a_branch() -> None:
    ids = Counter()
    assert text(source(ids).shuffled_by_key(SITE, 12).rdd()) == [
        "(12) MapPartitionsRDD[4] []",
        " |   ShuffledRDD[3] []",
        " +-(4) PairwiseRDD[2] []",
        "    |  PythonRDD[1] []",
        "    |  ParallelCollectionRDD[0] []",
    ]


def test_cached_partitions_get_a_line_of_their_own() -> None:
    rdd = SparkRdd(0, "PythonRDD", SITE, 2, node_id=7)
    lines = text(rdd, lambda node_id: (2, 3 * 1024, 0) if node_id == 7 else (0, 0, 0))
    assert lines[1] == " |       CachedPartitions: 2; MemorySize: 3.0 KiB; DiskSize: 0.0 B"


def test_thousands_of_rdds_need_no_recursion() -> None:
    rdd = SparkRdd(0, "PythonRDD", SITE, 1)
    for rdd_id in range(1, 3 * sys.getrecursionlimit()):
        rdd = SparkRdd(rdd_id, "PythonRDD", SITE, 1, (rdd,))
    assert len(text(rdd)) == rdd.rdd_id + 1


@pytest.mark.parametrize(("size", "shown"), [(0, "0.0 B"), (2047, "2047.0 B"), (2048, "2.0 KiB"), (5 << 30, "5.0 GiB")])
def test_sizes_are_shown_as_spark_shows_them(size, shown) -> None:
    rdd = SparkRdd(0, "PythonRDD", SITE, 2, node_id=7)
    assert f"DiskSize: {shown}" in text(rdd, lambda node_id: (1, 1, size))[1]
