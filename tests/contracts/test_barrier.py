"""Barrier stages on worker processes: tasks that start together, wait for each other, and end together."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from pyspark import BarrierTaskContext, SparkConf

from spark_kernel.common import events
from spark_kernel.common.errors import JobCancelledError, JobFailedError
from spark_kernel.core.context import SparkContext
from tests.support.clusters import until

pytestmark = pytest.mark.cluster

SETTINGS = {
    "spark.scheduler.barrier.maxConcurrentTasksCheck.interval": "100ms",
    "spark.scheduler.barrier.maxConcurrentTasksCheck.maxFailures": "3",
}


@pytest.fixture(scope="module")
def sc():
    conf = SparkConf().setMaster("local[3]").setAppName("barrier").setAll(list(SETTINGS.items()))
    with SparkContext(conf=conf) as context:
        yield context


@pytest.fixture
def seen(sc):
    """Everything that the context announces from now on."""
    found: list[events.Event] = []
    sc.events.listen(found.append)
    return found


def gang(sc, step, partitions=3):
    return sc.parallelize(range(partitions), partitions).barrier().mapPartitions(step)


def test_all_tasks_learn_what_each_has_said_and_where_it_runs(sc) -> None:
    def tell(records):
        context = BarrierTaskContext.get()
        said = [context.allGather(f"{call}/{context.partitionId()}") for call in range(3)]
        context.barrier()
        yield said, tuple(info.address for info in context.getTaskInfos()), context.getLocalProperty("addresses")

    told = gang(sc, tell).collect()
    assert [said for said, _, _ in told] == [[[f"{call}/{p}" for p in range(3)] for call in range(3)]] * 3
    addresses = {where for _, where, _ in told}
    assert len(addresses) == 1
    assert len(set(*addresses)) == 3
    assert {said for _, _, said in told} == {",".join(*addresses)}


def test_nobody_passes_the_barrier_before_the_last_has_reached_it(sc, tmp_path: Path) -> None:
    def arrive(records):
        context = BarrierTaskContext.get()
        (tmp_path / str(context.partitionId())).touch()
        context.barrier()
        yield sorted(path.name for path in tmp_path.iterdir())

    assert gang(sc, arrive).collect() == [["0", "1", "2"]] * 3


def test_a_gang_gets_its_slots_while_another_stage_has_more_tasks_than_there_are_slots(sc) -> None:
    def slow(x):
        time.sleep(0.05)
        return x

    def meet(records):
        return BarrierTaskContext.get().allGather("x")

    other = threading.Thread(target=lambda: sc.parallelize(range(60), 60).map(slow).count())
    other.start()
    try:
        assert gang(sc, meet).count() == 9
    finally:
        other.join()


def test_gangs_of_several_threads_do_not_wait_for_each_others_slots(sc) -> None:
    def meet(records):
        return BarrierTaskContext.get().allGather("x")[:1]

    counts: list[int] = []
    threads = [
        threading.Thread(target=lambda width: counts.append(gang(sc, meet, width).count()), args=(width,))
        for width in (2, 3) * 3
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(counts) == [2, 2, 2, 3, 3, 3]


def test_a_gang_that_is_wider_than_the_cluster_fails_in_the_words_of_spark(sc) -> None:
    with pytest.raises(JobFailedError, match=r"^\[SPARK-24819\]: Barrier execution mode does not allow run a barrier"):
        gang(sc, lambda it: it, 4).collect()
    assert gang(sc, lambda it: it, 3).collect() == [0, 1, 2]


def test_different_calls_fail_for_all(sc) -> None:
    def differ(records):
        context = BarrierTaskContext.get()
        yield context.barrier() if context.partitionId() else context.allGather("x")

    with pytest.raises(JobFailedError, match=r"Different barrier sync types found for the sync Stage \d+ \(Atte"):
        gang(sc, differ).collect()


def test_a_task_that_ends_without_the_call_does_not_leave_the_others_waiting(sc) -> None:
    def some(records):
        context = BarrierTaskContext.get()
        if context.partitionId():
            context.barrier()
        yield 1

    with pytest.raises(JobFailedError, match="task of partition 0 has ended without one"):
        gang(sc, some).collect()


def test_a_failed_task_takes_those_that_wait_for_it_along(sc) -> None:
    def fail(records):
        context = BarrierTaskContext.get()
        if context.partitionId() == 2:
            raise ValueError("partition two")
        context.barrier()
        yield 1

    with pytest.raises(JobFailedError, match="ValueError: partition two"):
        gang(sc, fail).collect()
    assert gang(sc, lambda it: it).collect() == [0, 1, 2]


def test_a_cancelled_gang_stops_waiting(sc) -> None:
    started = threading.Event()
    sc.events.listen(lambda event: started.set() if isinstance(event, events.TaskStarted) else None)

    def wait_for_ever(records):
        context = BarrierTaskContext.get()
        if context.partitionId():
            context.barrier()
        while True:
            time.sleep(0.01)

    errors: list[BaseException] = []

    def run() -> None:
        try:
            gang(sc, wait_for_ever).collect()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    assert started.wait(60)
    sc.cancelAllJobs()
    thread.join(60)
    assert [type(error) for error in errors] == [JobCancelledError]
    assert gang(sc, lambda it: it).collect() == [0, 1, 2]


def test_a_gang_that_waits_for_slots_can_be_cancelled(sc, tmp_path: Path) -> None:
    def hold(x):
        (tmp_path / f"held-{x}").touch()
        while not (tmp_path / "go").exists():
            time.sleep(0.01)
        return x

    holding = threading.Thread(target=lambda: sc.parallelize([0, 1], 2).map(hold).count())
    holding.start()
    until(lambda: len(list(tmp_path.glob("held-*"))) == 2, "two slots are taken", 60)
    errors: list[BaseException] = []
    group = "the gang"

    def run() -> None:
        sc.setJobGroup(group, "")
        try:
            gang(sc, lambda it: it).collect()
        except BaseException as error:
            errors.append(error)

    waiting = threading.Thread(target=run)
    waiting.start()
    until(lambda: sc.statusTracker().getJobIdsForGroup(group), "the job is there", 60)
    sc.cancelJobGroup(group)
    waiting.join(60)
    assert [type(error) for error in errors] == [JobCancelledError]
    (tmp_path / "go").touch()
    holding.join(60)
    assert gang(sc, lambda it: it).collect() == [0, 1, 2]


def test_a_map_stage_is_tried_again_as_a_whole_and_its_updates_count_once(sc, seen, tmp_path: Path) -> None:
    added = sc.accumulator(0)

    def once(records):
        context = BarrierTaskContext.get()
        records = list(records)
        added.add(1)
        if context.partitionId() == 1 and not (tmp_path / "failed").exists():
            (tmp_path / "failed").touch()
            raise ValueError("the first time")
        context.barrier()
        return [(record, context.attemptNumber()) for record in records]

    assert sorted(gang(sc, once).reduceByKey(max).collect()) == [(0, 0), (1, 0), (2, 0)]
    assert added.value == 3
    submitted = [event for event in seen if isinstance(event, events.StageSubmitted)]
    assert [(event.attempt, event.tasks) for event in submitted[:2]] == [(0, 3), (1, 3)]
    ended = [event for event in seen if isinstance(event, events.StageEnded)]
    assert [(event.outcome, event.will_retry) for event in ended[:2]] == [("failed", True), ("succeeded", False)]
