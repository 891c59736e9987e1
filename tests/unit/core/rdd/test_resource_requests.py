"""Resource profiles as a user meets them, without a cluster: one slot, and nothing else to give."""

from __future__ import annotations

import pytest
from pyspark import TaskContext
from pyspark.errors import IllegalArgumentException
from pyspark.resource import ExecutorResourceRequests, TaskResourceRequests

from spark_kernel.common.errors import JobFailedError
from spark_kernel.core.execution.backend import Demand
from spark_kernel.core.rdd.resource_requests import demand_of
from tests.support.resources import profile

CPU = profile(TaskResourceRequests().cpus(1))
GPU = profile(ExecutorResourceRequests().resource("gpu", 2), TaskResourceRequests().cpus(1).resource("gpu", 1))


def test_a_dataset_has_the_profile_that_it_was_given_and_its_children_have_not(sc) -> None:
    numbers = sc.parallelize([1, 2], 1)
    assert numbers.getResourceProfile() is None
    assert not numbers.has_resource_profile
    assert numbers.withResources(CPU) is numbers
    assert numbers.has_resource_profile
    assert numbers.getResourceProfile() is CPU
    assert numbers.map(str).getResourceProfile() is None
    assert numbers.map(str).collect() == ["1", "2"]


def test_steps_on_a_dataset_with_a_profile_are_another_rdd_as_in_spark(sc) -> None:
    text = sc.parallelize([1], 1).map(str).withResources(CPU).map(str).toDebugString().decode()
    assert text.count("PythonRDD") == 2


def test_tasks_are_told_what_they_have(sc) -> None:
    def told(_):
        return TaskContext.get().cpus(), TaskContext.get().resources()

    assert sc.parallelize([1], 1).map(told).withResources(CPU).collect() == [(1, {})]


def test_what_there_is_not_is_an_error(sc) -> None:
    with pytest.raises(JobFailedError, match=r"^No worker can run tasks that take 1 cpu, 1 gpu on a worker with 2"):
        sc.parallelize([1], 1).withResources(GPU).collect()
    with pytest.raises(JobFailedError, match="take 2 cpus"):
        sc.parallelize([1], 1).withResources(profile(TaskResourceRequests().cpus(2))).collect()
    assert sc.parallelize([1], 1).collect() == [1]


def test_different_profiles_in_one_stage_are_an_error_in_the_words_of_spark(sc) -> None:
    both = sc.parallelize([1], 1).map(str).withResources(CPU).map(str).withResources(GPU)
    with pytest.raises(IllegalArgumentException, match=r"^Multiple ResourceProfiles specified in the RDDs for this"):
        both.collect()
    assert sc.parallelize([(1, 1)], 1).withResources(CPU).groupByKey(1).withResources(CPU).count() == 1


def test_the_largest_amounts_count_and_the_setting_where_nobody_says_a_number_of_cpus() -> None:
    half, whole = TaskResourceRequests().resource("gpu", 0.5), TaskResourceRequests().resource("gpu", 1)
    memory = profile(ExecutorResourceRequests().memory("6g").cores(2), half)
    more = profile(ExecutorResourceRequests().memory("1g").resource("gpu", 1), whole)
    assert demand_of([], 3, False) == Demand(cpus=3)
    assert demand_of([memory], 3, False) == Demand(3, {"gpu": 0.5}, {"memory": 6144, "cores": 2})
    assert demand_of([memory, memory], 3, False) == demand_of([memory], 3, False)
    assert demand_of([memory, more, CPU], 3, True) == Demand(1, {"gpu": 1}, {"memory": 6144, "cores": 2, "gpu": 1})


def test_amounts_that_cannot_be_given_are_refused(sc) -> None:
    numbers = sc.parallelize([1], 1)
    with pytest.raises(IllegalArgumentException, match=r"The resource amount 1\.5 must be either <= 1\.0, or a whole"):
        numbers.withResources(profile(TaskResourceRequests().resource("gpu", 1.5)))
    with pytest.raises(IllegalArgumentException, match="at least 1 cpu"):
        numbers.withResources(profile(TaskResourceRequests().cpus(0)))
    assert not numbers.has_resource_profile


def test_profiles_have_numbers_that_stay() -> None:
    first, second = profile(TaskResourceRequests().cpus(1)), profile(TaskResourceRequests().cpus(1))
    assert first.id == first.id != second.id
    assert min(first.id, second.id) > 0, "0 is Spark's default profile"
