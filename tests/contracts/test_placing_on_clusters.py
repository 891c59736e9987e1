"""Where tasks of cached data run, and what becomes of results that are too large."""

from __future__ import annotations

import os

import pytest
from pyspark import SparkConf

from spark_kernel.common import events
from spark_kernel.common.errors import JobFailedError
from spark_kernel.core.context import SparkContext
from tests.support.watching import Gate, InThread, Watch

pytestmark = pytest.mark.cluster


def context(**settings: str) -> SparkContext:
    conf = SparkConf().setMaster("local[2]").setAppName("placing")
    for name, value in settings.items():
        conf.set(name.replace("_", "."), value)
    return SparkContext(conf=conf)


def cached_in_two_places(sc, watch):
    """A cached dataset of two partitions, and the executor of the first; each is on an executor of its own."""
    gates = [Gate(sc.getConf().get("spark.test.folder") + f"/meet-{i}") for i in range(2)]

    def meet(partition, records):
        gates[partition].open()
        gates[1 - partition].wait()
        return records

    kept = sc.parallelize(range(2), 2).mapPartitionsWithIndex(meet).cache()
    kept.count()
    places = {event.partition: event.executor_id for event in watch.of(events.BlockUpdated)}
    assert len(set(places.values())) == 2
    return kept, places[0]


def first_partition(sc, kept, function):
    return InThread(lambda: sc.runJob(kept, lambda records: [function(x) for x in records], [0]))


@pytest.mark.filterwarnings("ignore:settings without effect")
@pytest.mark.parametrize("wait", ["0", "1h"])
def test_a_task_waits_for_the_worker_with_its_data_as_long_as_it_is_told_to(wait, tmp_path) -> None:
    with context(spark_locality_wait=wait, spark_test_folder=str(tmp_path)) as sc:
        watch, gate = Watch(sc), Gate(tmp_path / "gate")
        kept, holder = cached_in_two_places(sc, watch)
        blocker = first_partition(sc, kept, lambda x: gate.wait())
        (blocking,) = watch.wait_for_events(1, events.TaskStarted, stage_id=1)
        assert blocking.executor_id == holder
        reader = first_partition(sc, kept, lambda x: x + 1)
        if wait == "0":
            assert reader.result() == [1]
            assert watch.of(events.TaskStarted, stage_id=2)[0].executor_id != holder
            gate.open()
        else:
            watch.wait_for_events(1, events.StageSubmitted, stage_id=2)
            # The other worker has nothing to do all the time, and does other work meanwhile.
            assert [sc.parallelize([i], 1).sum() for i in range(10)] == list(range(10))
            assert watch.of(events.TaskStarted, stage_id=2) == []
            gate.open()
            assert reader.result() == [1]
            assert watch.of(events.TaskStarted, stage_id=2)[0].executor_id == holder
        blocker.result()


def test_results_that_are_too_large_together_end_the_job_and_nothing_else() -> None:
    with context(spark_driver_maxResultSize="3m") as sc:
        watch = Watch(sc)
        pids = set(sc.parallelize(range(8), 8).map(lambda x: os.getpid()).collect())
        megabytes = sc.parallelize(range(64), 64).map(lambda x: bytes(1 << 20))
        with pytest.raises(JobFailedError, match=r"is bigger than spark\.driver\.maxResultSize \(3\.0 MiB\)"):
            megabytes.collect()
        assert megabytes.map(len).sum() == 64 << 20
        assert len(megabytes.take(2)) == 2
        with pytest.raises(JobFailedError, match=r"serialized results of 1 tasks \(10\.0 MiB\)"):
            sc.parallelize([10], 1).map(lambda x: bytes(x << 20)).collect()
        assert set(sc.parallelize(range(8), 8).map(lambda x: os.getpid()).collect()) <= pids
        assert watch.of(events.ExecutorRemoved) == []
