"""A worker process is killed at each moment of a job: the result is right, and only lost work is repeated."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from pathlib import Path

import pytest

from spark_kernel.common import events
from spark_kernel.core.context import SparkContext

pytestmark = pytest.mark.cluster

EXPECTED = {key: sum(range(key, 2000, 7)) for key in range(7)}


class Watch:
    """Everything that a context announced, and what it says about repeated work."""

    def __init__(self, sc: SparkContext) -> None:
        self.seen: list[events.Event] = []
        self.on_stage_end = lambda event: None
        sc.events.listen(self._note)

    def _note(self, event: events.Event) -> None:
        self.seen.append(event)
        if isinstance(event, events.StageEnded):
            self.on_stage_end(event)

    def of(self, kind):
        return [event for event in self.seen if isinstance(event, kind)]

    def graph(self) -> events.JobGraph:
        return self.of(events.JobSubmitted)[-1].graph

    def successes(self, kind: str) -> Counter[int]:
        """Partition -> successful attempts, in the stages of that kind of the last job."""
        stages = {stage.stage_id for stage in self.graph().stages if stage.kind == kind}
        ends = [event for event in self.of(events.TaskEnded) if event.stage_id in stages]
        return Counter(event.partition for event in ends if event.outcome == "succeeded")

    def lost_tasks(self) -> list[events.TaskEnded]:
        return [event for event in self.of(events.TaskEnded) if event.outcome == "executor_lost"]


@pytest.fixture
def sc():
    with SparkContext("local[2]", "faults") as context:
        yield context


@pytest.fixture
def watch(sc):
    return Watch(sc)


def once(marker: Path):
    """A step that kills its own worker process the first time that it is run on partition 1."""

    def step(partition, records):
        if partition == 1 and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return records

    return step


def sums(pairs):
    return dict(pairs.reduceByKey(lambda a, b: a + b, 3).collect())


def test_a_worker_killed_in_the_map_stage(sc, watch, tmp_path):
    numbers = sc.parallelize(range(2000), 6).mapPartitionsWithIndex(once(tmp_path / "killed"))
    assert sums(numbers.map(lambda i: (i % 7, i))) == EXPECTED
    assert (tmp_path / "killed").exists()
    assert watch.lost_tasks()
    assert watch.successes("shuffle_map") == dict.fromkeys(range(6), 1)
    assert watch.successes("result") == dict.fromkeys(range(3), 1)


def test_a_worker_killed_between_the_stages(sc, watch):
    pids = sc.parallelize(range(8), 8).mapPartitions(lambda _: [os.getpid()]).collect()
    killed = threading.Event()

    def kill(event: events.StageEnded) -> None:
        if not killed.is_set():
            killed.set()
            os.kill(pids[0], signal.SIGKILL)

    watch.on_stage_end = kill
    assert sums(sc.parallelize(range(2000), 6).map(lambda i: (i % 7, i))) == EXPECTED
    assert killed.is_set()
    # What the worker had shuffled is still on its machine.
    assert watch.successes("shuffle_map") == dict.fromkeys(range(6), 1)
    assert watch.successes("result") == dict.fromkeys(range(3), 1)


def test_a_worker_killed_in_the_reduce_stage(sc, watch, tmp_path):
    pairs = sc.parallelize(range(2000), 6).map(lambda i: (i % 7, i))
    reduced = pairs.reduceByKey(lambda a, b: a + b, 3).mapPartitionsWithIndex(once(tmp_path / "killed"))
    assert dict(reduced.collect()) == EXPECTED
    assert (tmp_path / "killed").exists()
    assert watch.lost_tasks()
    assert watch.successes("shuffle_map") == dict.fromkeys(range(6), 1)
    assert watch.successes("result") == dict.fromkeys(range(3), 1)


def test_a_worker_killed_with_large_shuffle_files_loses_none_of_them(sc, watch, tmp_path):
    """Small outputs travel with the task's result; these are too large for that."""
    pairs = sc.parallelize(range(200_000), 4).map(lambda i: (i, str(i) * 5))
    grouped = pairs.partitionBy(3).mapPartitionsWithIndex(once(tmp_path / "killed"))
    assert grouped.map(lambda pair: len(pair[1])).sum() == sum(5 * len(str(i)) for i in range(200_000))
    assert watch.lost_tasks()
    assert watch.successes("shuffle_map") == dict.fromkeys(range(4), 1)


def test_a_worker_killed_with_cached_partitions_costs_those_partitions_only(sc, watch):
    computed = sc.accumulator(0)

    def count(i):
        computed.add(1)
        return i

    cached = sc.parallelize(range(400), 4).map(count).cache()
    assert cached.sum() == sum(range(400))
    owners = {event.partition: event.executor_id for event in watch.of(events.BlockUpdated) if event.memory_bytes}
    pids = dict(cached.mapPartitionsWithIndex(lambda p, records: [(p, os.getpid())]).collect())
    victim = pids[0]
    lost = [partition for partition, owner in owners.items() if owner == owners[0]]
    before = computed.value
    removed = threading.Event()
    sc.events.listen(lambda event: removed.set() if isinstance(event, events.ExecutorRemoved) else None)
    os.kill(victim, signal.SIGKILL)
    assert removed.wait(60)
    assert cached.sum() == sum(range(400))
    assert computed.value - before == 100 * len(lost)


def test_a_task_that_kills_every_worker_ends_with_one_clear_error(sc):
    from spark_kernel.common.errors import JobFailedError

    doomed = sc.parallelize(range(2), 2).map(lambda i: os._exit(3))
    with pytest.raises(JobFailedError, match="executors in a row died while they computed"):
        doomed.collect()
    assert sc.parallelize(range(10), 2).sum() == 45
