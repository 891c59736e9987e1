"""Resources of clusters that are made for the test: GPUs of a foreign cluster, and several CPUs for every task."""

from __future__ import annotations

import os
import time

import pytest
from pyspark import SparkConf, TaskContext
from pyspark.resource import ExecutorResourceRequests, TaskResourceRequests

from spark_kernel.core.context import SparkContext
from tests.support.foreign_cluster import foreign_cluster
from tests.support.resources import most_at_once, profile

pytestmark = pytest.mark.cluster


def test_each_task_has_a_gpu_of_its_own_on_workers_that_have_some(tmp_path) -> None:
    def use(records):
        gpu = TaskContext.get().resources()["gpu"]
        mine = tmp_path / f"{os.getpid()}-{gpu.addresses[0]}"
        with open(mine, "x"):
            time.sleep(0.05)
        mine.unlink()
        return [(gpu.name, *gpu.addresses)]

    requests = ExecutorResourceRequests().resource("gpu", 2), TaskResourceRequests().cpus(1).resource("gpu", 1)
    conf = SparkConf().setAppName("gpus").set("spark.task.maxFailures", "1")
    conf.set("spark.scheduler.maxRegisteredResourcesWaitingTime", "60s")
    with (
        foreign_cluster(workers=2, resources={"GPU": 2}) as address,
        SparkContext(address.replace("tcp", "dask"), conf=conf) as sc,
    ):
        used = sc.parallelize(range(16), 16).mapPartitions(use).withResources(profile(*requests)).collect()
        assert set(used) == {("gpu", "0"), ("gpu", "1")}
        half = profile(TaskResourceRequests().resource("gpu", 0.5))
        shared = sc.parallelize([1], 1).map(lambda _: TaskContext.get().resources()["gpu"].addresses)
        assert shared.withResources(half).collect()[0][0] in ("0", "1")
        both = profile(TaskResourceRequests().resource("gpu", 2))
        all_of_one = sc.parallelize([1], 1).map(lambda _: TaskContext.get().resources()["gpu"].addresses)
        assert all_of_one.withResources(both).collect() == [["0", "1"]]


def test_every_task_takes_what_the_setting_says(tmp_path) -> None:
    conf = SparkConf().setMaster("local[4]").setAppName("cpus").set("spark.task.cpus", "2")
    with SparkContext(conf=conf) as sc:
        seen = sc.parallelize(range(8), 8).mapPartitions(most_at_once(tmp_path)).collect()
        assert {(at_once, cpus) for _, at_once, cpus in seen} == {(1, 2)}
        assert sc.defaultParallelism == 4
