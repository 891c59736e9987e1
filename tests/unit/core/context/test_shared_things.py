"""Broadcast variables, accumulators, kept datasets and names, through the context."""

from __future__ import annotations

import gc
import threading

import pytest
from pyspark import StorageLevel, TaskContext
from pyspark.errors import UnsupportedOperationException

from spark_kernel.common import events
from spark_kernel.common.errors import ContextError, JobFailedError, SerializationError
from tests.support.inline import inline_context


@pytest.fixture
def sc():
    with inline_context() as context:
        yield context


def test_a_broadcast_is_read_in_tasks(sc) -> None:
    table = sc.broadcast({1: "one", 2: "two"})
    assert sc.parallelize([1, 2]).map(lambda x: table.value[x]).collect() == ["one", "two"]
    assert table.value == {1: "one", 2: "two"}


def test_a_broadcast_is_found_again_after_unpersist_and_not_after_destroy(sc) -> None:
    factor = sc.broadcast(3)
    scaled = sc.parallelize([1, 2]).map(lambda x: x * factor.value)
    assert scaled.collect() == [3, 6]
    factor.unpersist()
    assert scaled.collect() == [3, 6]
    factor.destroy()
    with pytest.raises((ContextError, JobFailedError), match="destroyed"):
        scaled.collect()


def test_a_value_that_cannot_be_pickled_is_not_broadcast(sc) -> None:
    with pytest.raises(SerializationError, match="Could not serialize broadcast"):
        sc.broadcast(threading.Lock())


def test_accumulators_count_once(sc) -> None:
    seen = sc.accumulator(0)
    sc.parallelize(range(10), 3).foreach(lambda x: seen.add(x))
    assert seen.value == 45
    with pytest.raises(TypeError, match="No default accumulator param"):
        sc.accumulator("text")


def test_a_task_that_is_tried_again_counts_once() -> None:
    with inline_context(spark_task_maxFailures="3") as sc:
        seen = sc.accumulator(0)

        def count_and_fail_twice(records):
            seen.add(sum(records))
            if TaskContext.get().attemptNumber() < 2:
                raise RuntimeError("not yet")

        sc.parallelize(range(10), 3).foreachPartition(count_and_fail_twice)
        assert seen.value == 45


def test_failed_tasks_do_not_count(sc) -> None:
    seen = sc.accumulator(0)

    def count_then_fail(x):
        seen.add(1)
        return 1 // x

    with pytest.raises(JobFailedError):
        sc.parallelize([0]).map(count_then_fail).collect()
    assert seen.value == 0


def test_a_kept_dataset_is_computed_once(sc) -> None:
    computed = sc.accumulator(0)

    def note(x):
        computed.add(1)
        return x

    kept = sc.parallelize(range(6), 2).map(note).setName("six").persist(StorageLevel.MEMORY_AND_DISK)
    assert (kept.count(), kept.sum(), computed.value) == (6, 15, 6)
    (status,) = sc.storage_status()
    assert (status["name"], status["cached_partitions"], status["partitions"]) == ("six", 2, 2)
    assert status["memory_bytes"] > 0
    kept.unpersist()
    assert (sc.storage_status(), kept.count(), computed.value) == ([], 6, 12)


def test_the_storage_level_can_be_changed_only_after_unpersist(sc) -> None:
    kept = sc.parallelize([1]).cache()
    kept.persist()
    with pytest.raises(UnsupportedOperationException, match="Cannot change storage level"):
        kept.persist(StorageLevel.DISK_ONLY)
    assert kept.is_cached
    kept.unpersist()
    assert not kept.is_cached
    assert kept.getStorageLevel() == StorageLevel.NONE
    assert kept.persist(StorageLevel.DISK_ONLY).getStorageLevel() == StorageLevel.DISK_ONLY


def test_names_are_announced_and_shown_in_plans(sc) -> None:
    named = []
    sc.events.listen(lambda event: named.append(event.name) if isinstance(event, events.DatasetNamed) else None)
    rdd = sc.parallelize([1])
    sc.name_dataset(rdd, "words")
    assert [node.name for node in sc.plan(rdd).nodes] == ["words"]
    rdd.setName("given")
    assert [node.name for node in sc.plan(rdd).nodes] == ["given"]
    assert rdd.name() == "given"
    assert named == ["words", "given"]


def test_what_nobody_refers_to_is_cleaned_up(sc) -> None:
    forgotten, unpersisted = threading.Event(), threading.Event()
    sc.session._cleaner._forget_shuffle = lambda shuffle_id: forgotten.set()
    sc.events.listen(lambda event: unpersisted.set() if isinstance(event, events.Unpersisted) else None)
    kept = sc.parallelize([(1, 2)]).groupByKey().cache()
    kept.count()
    del kept
    gc.collect()
    assert forgotten.wait(10)
    assert unpersisted.wait(10)
    assert sc.storage_status() == []
