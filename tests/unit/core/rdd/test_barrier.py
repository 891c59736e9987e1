"""Barrier stages as a user meets them, without a cluster: one slot, so gangs of one task."""

from __future__ import annotations

import pytest
from pyspark import BarrierTaskContext, RDDBarrier, TaskContext
from pyspark.errors import PySparkRuntimeError

from spark_kernel.common.errors import JobFailedError


def test_a_gang_of_one_meets_itself(sc) -> None:
    def together(records):
        context = BarrierTaskContext.get()
        context.barrier()
        yield context.allGather("hello"), [info.address for info in context.getTaskInfos()], context.partitionId()

    ((said, addresses, partition),) = sc.parallelize([1], 1).barrier().mapPartitions(together).collect()
    assert (said, partition) == (["hello"], 0)
    assert len(addresses) == 1
    assert ":" in addresses[0]


def test_the_step_gets_the_partition_and_its_index(sc) -> None:
    barrier = sc.parallelize([1, 2, 3], 1).barrier()
    assert isinstance(barrier, RDDBarrier)
    assert repr(barrier).startswith("<pyspark.core.rdd.RDDBarrier object at 0x")
    assert barrier.mapPartitions(lambda records: [sum(records)]).collect() == [6]
    assert barrier.mapPartitionsWithIndex(lambda index, records: [(index, sum(records))]).collect() == [(0, 6)]


def test_keys_stay_where_they_are_only_if_that_is_promised(sc) -> None:
    pairs = sc.parallelize([(1, 2)], 1).partitionBy(1)
    assert pairs.barrier().mapPartitions(lambda it: it).partitioner is None
    assert pairs.barrier().mapPartitions(lambda it: it, preservesPartitioning=True).partitioner == pairs.partitioner


def test_all_steps_of_the_stage_have_the_barrier_context_and_those_after_a_shuffle_have_not(sc) -> None:
    def name(_):
        return type(TaskContext.get()).__name__

    barrier = sc.parallelize([1], 1).map(name).barrier().mapPartitions(lambda it: it)
    assert barrier.map(lambda x: (x, name(x))).collect() == [("BarrierTaskContext", "BarrierTaskContext")]
    assert barrier.repartition(1).map(name).collect() == ["TaskContext"]


def test_there_is_no_barrier_context_in_another_stage_and_on_the_driver(sc) -> None:
    assert sc.parallelize([1], 1).barrier().mapPartitions(lambda it: it).collect() == [1]
    with pytest.raises(PySparkRuntimeError, match=r"^\[NOT_IN_BARRIER_STAGE\] It is not in a barrier stage\."):
        BarrierTaskContext.get()
    with pytest.raises(JobFailedError, match=r"\[NOT_IN_BARRIER_STAGE\] It is not in a barrier stage\."):
        sc.parallelize([1], 1).map(lambda x: BarrierTaskContext.get()).collect()


def test_a_message_has_to_be_text(sc) -> None:
    step = sc.parallelize([1], 1).barrier().mapPartitions(lambda it: BarrierTaskContext.get().allGather(1))
    with pytest.raises(JobFailedError, match="TypeError: Argument `message` must be of type `str`"):
        step.collect()


def test_more_tasks_than_slots_is_an_error_at_once_where_there_can_never_be_more(sc) -> None:
    with pytest.raises(JobFailedError, match=r"^\[SPARK-24819\]: Barrier execution mode does not allow run a barrier"):
        sc.parallelize([1, 2], 2).barrier().mapPartitions(lambda it: it).collect()
    assert sc.parallelize([1, 2], 2).collect() == [1, 2]


@pytest.mark.parametrize(
    "use",
    [
        lambda sc, rdd: rdd.take(1),
        lambda sc, rdd: rdd.first(),
        lambda sc, rdd: rdd.isEmpty(),
        lambda sc, rdd: list(rdd.toLocalIterator()),
        lambda sc, rdd: rdd.coalesce(1).collect(),
        lambda sc, rdd: rdd.union(sc.parallelize([1], 1)).collect(),
        lambda sc, rdd: rdd.zip(rdd.barrier().mapPartitions(lambda it: it)).collect(),
        lambda sc, rdd: rdd.cartesian(sc.parallelize([1], 1)).collect(),
        lambda sc, rdd: rdd.keyBy(str).join(sc.parallelize([(1, 2)], 2)).collect(),
        lambda sc, rdd: sc.parallelize([1, 2], 4).coalesce(2).barrier().mapPartitions(lambda it: it).collect(),
        lambda sc, rdd: sc.runJob(rdd, list, [0]),
    ],
)
def test_what_spark_refuses_is_refused_in_its_words(sc, use) -> None:
    rdd = sc.parallelize([1, 2], 2).barrier().mapPartitions(lambda it: it)
    with pytest.raises(JobFailedError, match=r"^\[SPARK-24820\]\[SPARK-24821\]: Barrier execution mode does not"):
        use(sc, rdd)
