"""Tasks that take several CPUs, on worker processes: they get what they take, and nobody else gets it."""

from __future__ import annotations

import threading
import time

import pytest
from pyspark import BarrierTaskContext, TaskContext
from pyspark.resource import TaskResourceRequests

from spark_kernel.common.errors import JobFailedError
from spark_kernel.core.context import SparkContext
from tests.support.resources import most_at_once, profile

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def nodes():
    with SparkContext("local-cluster[2,4,512]", "resources") as sc:
        yield sc


def test_tasks_that_take_two_cpus_leave_half_of_the_slots(nodes, tmp_path) -> None:
    two = profile(TaskResourceRequests().cpus(2))
    seen = nodes.parallelize(range(24), 24).mapPartitions(most_at_once(tmp_path)).withResources(two).collect()
    assert max(at_once for _, at_once, _ in seen) <= 2
    assert {cpus for _, _, cpus in seen} == {2}


def test_wide_tasks_and_others_share_the_cpus(nodes, tmp_path) -> None:
    (tmp_path / "wide").mkdir()
    (tmp_path / "narrow").mkdir()
    all_four = profile(TaskResourceRequests().cpus(4))
    narrow: list[list[int]] = []
    other = threading.Thread(
        target=lambda: narrow.append(nodes.parallelize(range(40), 40).map(lambda x: time.sleep(0.01) or x).collect())
    )
    other.start()
    wide = nodes.parallelize(range(8), 8).mapPartitions(most_at_once(tmp_path / "wide")).withResources(all_four)
    assert {(at_once, cpus) for _, at_once, cpus in wide.collect()} == {(1, 4)}
    other.join(60)
    assert narrow == [list(range(40))]


def test_only_the_stage_of_the_dataset_takes_more(nodes) -> None:
    two = profile(TaskResourceRequests().cpus(2))
    pairs = nodes.parallelize([(1, 2)], 2).map(lambda pair: (pair[0], TaskContext.get().cpus())).withResources(two)
    ((_, of_maps),) = pairs.groupByKey(2).mapValues(list).collect()
    assert of_maps == [2]
    assert pairs.groupByKey(2).map(lambda _: TaskContext.get().cpus()).collect() == [1]


def test_a_gang_of_wide_tasks_has_them_all_at_once(nodes) -> None:
    def meet(records):
        return [(BarrierTaskContext.get().allGather("x"), BarrierTaskContext.get().cpus())]

    two = profile(TaskResourceRequests().cpus(2))
    gang = nodes.parallelize(range(4), 4).barrier().mapPartitions(meet).withResources(two)
    assert gang.collect() == [(["x"] * 4, 2)] * 4
    too_wide = nodes.parallelize(range(5), 5).barrier().mapPartitions(meet).withResources(two)
    with pytest.raises(JobFailedError, match=r"^\[SPARK-24819\]"):
        too_wide.collect()


def test_gangs_and_wide_tasks_do_not_block_each_other(nodes) -> None:
    def meet(records):
        return BarrierTaskContext.get().allGather("x")

    two = profile(TaskResourceRequests().cpus(2))
    counts: list[int] = []

    def wide() -> None:
        numbers = nodes.parallelize(range(12), 12).map(lambda x: time.sleep(0.02) or x)
        counts.append(numbers.withResources(two).count())

    def gang() -> None:
        counts.append(nodes.parallelize(range(8), 8).barrier().mapPartitions(meet).count())

    threads = [threading.Thread(target=target) for target in (wide, gang, wide, gang)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(counts) == [12, 12, 64, 64]


def test_what_no_worker_has_is_an_error_and_no_wait_for_ever(nodes) -> None:
    words = r"^No worker can run tasks that take 5 cpus\. The workers of this cluster: 2 with 4 cores, 512 MiB\."
    with pytest.raises(JobFailedError, match=words):
        nodes.parallelize([1], 1).withResources(profile(TaskResourceRequests().cpus(5))).collect()
    assert nodes.parallelize([1], 1).collect() == [1]
