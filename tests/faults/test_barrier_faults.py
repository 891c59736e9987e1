"""A worker is killed in a barrier stage, or one of its tasks is late: all run again, and nothing counts twice."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from pyspark import BarrierTaskContext, SparkConf

from spark_kernel.common import events
from spark_kernel.common.errors import JobFailedError
from spark_kernel.core.context import SparkContext

pytestmark = pytest.mark.cluster


@pytest.fixture
def sc():
    with SparkContext("local[2]", "barrier faults") as context:
        yield context


@pytest.fixture
def stages(sc):
    """How the attempts at stages ended."""
    ended: list[events.StageEnded] = []
    sc.events.listen(lambda event: ended.append(event) if isinstance(event, events.StageEnded) else None)
    return ended


def kill_once(folder: Path, waits: bool = True):
    """A step that ends its worker process in the first attempt, while the others wait for it or compute."""

    def step(records):
        context = BarrierTaskContext.get()
        with open(folder / f"partition-{context.partitionId()}", "a") as file:
            file.write("x")
        if context.partitionId() == 1 and not (folder / "killed").exists():
            (folder / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        while not waits and not (folder / "killed").exists():
            time.sleep(0.01)
        return [(record, context.allGather(str(context.partitionId()))) for record in records]

    return step


def attempts(folder: Path) -> list[str]:
    return [path.read_text() for path in sorted(folder.glob("partition-*"))]


@pytest.mark.parametrize("waits", [True, False])
def test_a_stage_that_delivers_results_runs_again_as_a_whole(sc, stages, tmp_path, waits) -> None:
    numbers = sc.parallelize([1, 2], 2).barrier().mapPartitions(kill_once(tmp_path, waits))
    assert numbers.collect() == [(1, ["0", "1"]), (2, ["0", "1"])]
    assert attempts(tmp_path) == ["xx", "xx"]
    assert [(event.attempt, event.outcome, event.will_retry) for event in stages] == [
        (0, "failed", True),
        (1, "succeeded", False),
    ]


def test_a_stage_that_writes_a_shuffle_runs_again_as_a_whole(sc, tmp_path) -> None:
    numbers = sc.parallelize([1, 2], 2).barrier().mapPartitions(kill_once(tmp_path))
    assert sorted(numbers.mapValues(len).reduceByKey(max, 3).collect()) == [(1, 2), (2, 2)]
    assert attempts(tmp_path) == ["xx", "xx"]


def test_a_worker_that_dies_before_the_stage_is_replaced_first(sc, tmp_path) -> None:
    def end_process(x):
        if not (tmp_path / "killed").exists():
            (tmp_path / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return x

    assert sc.parallelize([1, 2], 2).map(end_process).count() == 2
    gang = sc.parallelize([1, 2], 2).barrier().mapPartitions(lambda it: BarrierTaskContext.get().allGather("x"))
    assert gang.count() == 4


def test_a_stage_whose_task_always_ends_its_process_is_given_up(sc) -> None:
    def die(records):
        if BarrierTaskContext.get().partitionId() == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        BarrierTaskContext.get().barrier()
        return records

    with pytest.raises(JobFailedError, match="4 executors in a row died while they computed"):
        sc.parallelize([1, 2], 2).barrier().mapPartitions(die).collect()
    assert sc.parallelize([1, 2], 2).count() == 2


def test_calls_have_the_time_that_the_settings_give_them() -> None:
    def late(records):
        context = BarrierTaskContext.get()
        if context.partitionId():
            context.barrier()
        while True:
            time.sleep(0.01)

    conf = SparkConf().setMaster("local-cluster[1,2,512]").setAppName("late").set("spark.barrier.sync.timeout", "1s")
    conf.set("spark.stage.maxConsecutiveAttempts", "1")
    expected = r"didn't get all barrier sync requests for barrier epoch 0 from Stage 0 \(Attempt 0\) within 1 second"
    with SparkContext(conf=conf) as sc, pytest.raises(JobFailedError, match=expected):
        sc.parallelize([1, 2], 2).barrier().mapPartitions(late).collect()
