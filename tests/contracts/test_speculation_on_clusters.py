"""A copy of a slow task on another worker: the first to end counts, once, wherever its work shows."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pyspark import SparkConf, TaskContext

from spark_kernel.common import events
from spark_kernel.common.errors import JobFailedError
from spark_kernel.core.context import SparkContext
from tests.support.watching import Gate, Watch

pytestmark = pytest.mark.cluster

SLOW = 3
"""The partition whose first attempt waits for a gate that no test opens before the job is over."""


PARTS = ["_SUCCESS", *(f"part-0000{i}" for i in range(4))]


@pytest.fixture(scope="module")
def sc():
    conf = SparkConf().setMaster("local[2,4]").setAppName("speculation").set("spark.speculation", "true")
    conf.set("spark.speculation.quantile", "0.5").set("spark.speculation.multiplier", "1.5")
    conf.set("spark.speculation.minTaskRuntime", "300ms")
    with SparkContext(conf=conf) as context:
        yield context


@pytest.fixture
def watch(sc):
    return Watch(sc)


def slow_at_first(gate: Gate):
    """A step that lets partition SLOW wait in the middle of its first attempt."""

    def step(partition, records):
        records = list(records)
        yield from records[:2]
        if partition == SLOW and TaskContext.get().attemptNumber() == 0:
            gate.wait()
        yield from records[2:]

    return step


def attempts(watch: Watch, stage_id: int) -> dict[int, str]:
    """How each attempt at the slow partition ended, once all have."""
    started = watch.of(events.TaskStarted, stage_id=stage_id, partition=SLOW)
    ended = watch.wait_for_events(len(started), events.TaskEnded, stage_id=stage_id, partition=SLOW)
    return {end.attempt: end.outcome for end in ended}


def copies(watch: Watch) -> list[events.TaskStarted]:
    """Those of the slow partition: on a busy machine others may look slow as well."""
    return watch.of(events.TaskStarted, speculative=True, partition=SLOW)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_copy_runs_elsewhere_and_its_result_counts_once(sc, watch, tmp_path) -> None:
    counted = sc.accumulator(0)

    def count(x):
        counted.add(1)
        return x

    numbers = sc.parallelize(range(40), 4).mapPartitionsWithIndex(slow_at_first(Gate(tmp_path / "never")))
    assert numbers.map(count).collect() == list(range(40))
    assert counted.value == 40
    (copy,) = copies(watch)
    (first,) = watch.of(events.TaskStarted, partition=SLOW, attempt=0)
    assert (copy.partition, copy.attempt) == (SLOW, 1)
    assert copy.executor_id != first.executor_id
    assert attempts(watch, copy.stage_id) == {0: "cancelled", 1: "succeeded"}
    assert {event.outcome for event in watch.of(events.JobEnded)} == {"succeeded"}
    # The worker of the loser is free again.
    assert sc.parallelize(range(8), 8).map(lambda x: x + 1).sum() == 36


def test_the_map_output_of_one_attempt_is_read(sc, watch, tmp_path) -> None:
    pairs = sc.parallelize(range(4000), 4).mapPartitionsWithIndex(slow_at_first(Gate(tmp_path / "never")))
    sums = pairs.map(lambda i: (i % 7, i)).reduceByKey(lambda a, b: a + b, 2)
    assert dict(sums.collect()) == {key: sum(range(key, 4000, 7)) for key in range(7)}
    (copy,) = copies(watch)
    assert attempts(watch, copy.stage_id) == {0: "cancelled", 1: "succeeded"}
    (mapped,) = watch.of(events.StageEnded, stage_id=copy.stage_id)
    assert mapped.outcome == "succeeded"


def test_a_saved_partition_is_one_file_whoever_wrote_it(sc, watch, tmp_path) -> None:
    lines = [f"line {i}" for i in range(40)]
    slow = sc.parallelize(lines, 4).mapPartitionsWithIndex(slow_at_first(Gate(tmp_path / "never")))
    target = tmp_path / "out"
    slow.saveAsTextFile(str(target))
    (copy,) = copies(watch)
    assert attempts(watch, copy.stage_id) == {0: "cancelled", 1: "succeeded"}
    assert names(target) == PARTS
    assert "".join((target / f"part-0000{i}").read_text() for i in range(4)).splitlines() == lines


def test_a_saved_partition_that_was_tried_again_is_one_file(sc, tmp_path) -> None:
    def fails_at_first(partition, records):
        for number, record in enumerate(records):
            if partition == 1 and number == 5 and TaskContext.get().attemptNumber() == 0:
                raise ValueError("not yet")
            yield record

    sc.parallelize(range(40), 4).mapPartitionsWithIndex(fails_at_first).saveAsTextFile(str(tmp_path / "out"))
    assert names(tmp_path / "out") == PARTS
    assert sc.textFile(str(tmp_path / "out")).map(int).sum() == sum(range(40))


def test_a_copy_that_fails_is_an_attempt_that_failed_and_the_first_goes_on(sc, watch, tmp_path) -> None:
    gate = Gate(tmp_path / "gate")

    def copies_fail(partition, records):
        if partition == SLOW:
            if TaskContext.get().attemptNumber() > 0:
                gate.open()
                raise ValueError("a copy")
            gate.wait()
        return records

    try:
        assert sc.parallelize(range(8), 4).mapPartitionsWithIndex(copies_fail).sum() == 28
    except JobFailedError:
        pytest.fail("one failed attempt of four allowed ends no job")
    assert watch.wait_for_events(1, events.TaskStarted, speculative=True, partition=SLOW)


def test_a_loser_that_does_not_listen_is_ended_with_its_process(sc, watch, tmp_path: Path) -> None:
    def deaf(partition, records):
        if partition == SLOW and TaskContext.get().attemptNumber() == 0:
            import time

            (tmp_path / "pid").write_text(str(os.getpid()))
            time.sleep(3600)
        return records

    assert sc.parallelize(range(8), 4).mapPartitionsWithIndex(deaf).sum() == 28
    (removed,) = watch.wait_for_events(1, events.ExecutorRemoved)
    (first,) = watch.of(events.TaskStarted, partition=SLOW, attempt=0)
    assert removed.executor_id == first.executor_id
    watch.wait_for_events(1, events.ExecutorAdded)
    assert sc.parallelize(range(8), 8).sum() == 28
    assert {event.outcome for event in watch.of(events.JobEnded)} == {"succeeded"}
