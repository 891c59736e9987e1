"""What is different about a barrier stage. Pure functions, asked by the state machine and the job runner.

The tasks of a barrier stage run at the same time and wait for each other. So they are submitted together, all of them,
and when one fails the others can't go on: the attempt ends, the rest is cancelled, and a further attempt begins with
all partitions. Nothing of an attempt counts before the last of its tasks has succeeded: until then results, map
outputs and accumulator updates are held back. Spark gives a barrier stage up that delivers results, since some may be
out already; here none is, so it is tried again like any other.
"""

from __future__ import annotations

from collections.abc import Sequence

from spark_kernel.common.errors import JobFailedError
from spark_kernel.core.execution.backend import TaskFailed, TaskSucceeded
from spark_kernel.core.lineage.node import walk
from spark_kernel.core.scheduler.failure_messages import loss_message, task_failure_message
from spark_kernel.core.scheduler.limits import Limits
from spark_kernel.core.scheduler.planner import StageOutline
from spark_kernel.core.scheduler.stages import Stage, Task

UNSUPPORTED_CHAIN = (
    "[SPARK-24820][SPARK-24821]: Barrier execution mode does not allow the following pattern of RDD chain within "
    "a barrier stage:\n1. Ancestor RDDs that have different number of partitions from the resulting RDD (e.g. "
    "union()/coalesce()/first()/take()/PartitionPruningRDD). A workaround for first()/take() can be "
    "barrierRdd.collect().head (scala) or barrierRdd.collect()[0] (python).\n2. An RDD that depends on multiple "
    "barrier RDDs (e.g. barrierRdd1.zip(barrierRdd2))."
)
"""Spark's own words (``BarrierJobUnsupportedRDDChainException``)."""


def refuse_unsupported_chains(outlines: Sequence[StageOutline], tasks: int) -> None:
    """Check the stages of a job, of which the last has ``tasks`` tasks.

    Raises JobFailedError for a barrier stage whose tasks and datasets don't correspond one to one, and for one with a
    dataset that stands on two barrier datasets; the rules are those of ``checkBarrierStageWithRDDChainPattern``.
    """
    for each in outlines:
        if each.is_barrier:
            wanted = each.final.num_partitions if each.shuffle is not None else tasks
            if not _is_supported(each, wanted):
                raise JobFailedError(UNSUPPORTED_CHAIN)


def partitions_to_submit(stage: Stage, missing: list[int]) -> list[int]:
    """The ``missing`` partitions that don't run; of a barrier stage all, once nothing of its last attempt is left."""
    if not stage.outline.is_barrier:
        return [partition for partition in missing if partition not in stage.running]
    return list(range(stage.map_partitions)) if missing and not stage.is_open and not stage.running else []


def hold(stage: Stage, task: Task, report: TaskSucceeded) -> list[tuple[Task, TaskSucceeded]]:
    """Keep a success of the attempt that runs; returns all of them with the last, which now count, else nothing."""
    stage.held[task.partition] = (task, report)
    if len(stage.held) < stage.map_partitions:
        return []
    held, stage.held = stage.held, {}
    return [held[partition] for partition in sorted(held)]


def is_of_open_attempt(stage: Stage, task: Task) -> bool:
    """False for a task whose attempt has failed meanwhile: how it ends means nothing any more."""
    return stage.is_open and task.stage_attempt == stage.attempt


def failure(stage: Stage, task: Task, report: TaskFailed, limits: Limits) -> JobFailedError | None:
    """The error that ends the jobs of a barrier stage, or None when it may be tried again.

    Attempts at the stage are counted, not at its partitions, and those that raised as well as those that lost an
    executor, as in Spark. But what delivers results fails at once where no exception is tried again (``local[N]``).
    """
    if report.executor_lost and task.executor_id is None:
        stage.losses_before_start_of[task.partition] += 1
        losses = sum(stage.losses_before_start_of.values())
        if losses < limits.losses_before_start:
            return None
        return JobFailedError(loss_message(stage, task, report, losses), task=report.failure)
    stage.failed_attempts += 1
    may_retry = stage.failed_attempts < limits.stage_attempts
    if report.executor_lost:
        return None if may_retry else JobFailedError(loss_message(stage, task, report, stage.failed_attempts))
    tries_exceptions_again = stage.shuffle_id is not None or limits.task_failures > 1
    if report.retry and may_retry and tries_exceptions_again:
        return None
    error = JobFailedError(task_failure_message(stage, report.failure, stage.failed_attempts), task=report.failure)
    error.__cause__ = report.exception
    return error


def _is_supported(stage: StageOutline, tasks: int) -> bool:
    # Its outline leaves out what is behind cached datasets; Spark looks at that, too.
    return all(
        node.num_partitions == tasks and sum(link.parent.runs_in_barrier for link in node.dependencies) <= 1
        for node in walk([stage.final], into_shuffles=False)
    )
