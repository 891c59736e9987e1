"""When a stage's jobs are given up: what is counted against `Limits`, and the error when one of them is reached.

Each function takes note of one report in the `Stage` and returns the error that ends the stage's jobs, or None when
they may go on.
"""

from __future__ import annotations

from spark_kernel.common.errors import JobFailedError
from spark_kernel.core.execution import backend
from spark_kernel.core.scheduler.failure_messages import (
    fetch_failure_message,
    loss_message,
    result_size_message,
    task_failure_message,
)
from spark_kernel.core.scheduler.limits import Limits
from spark_kernel.core.scheduler.stages import Stage, Task


def count_failure(stage: Stage, task: Task, report: backend.TaskFailed, limits: Limits) -> JobFailedError | None:
    """An attempt at a partition has failed, or its executor was lost."""
    if report.executor_lost:
        return _count_loss(stage, task, report, limits)
    stage.failures_of[task.partition] += 1
    failures = stage.failures_of[task.partition]
    if report.retry and failures < limits.task_failures:
        return None
    error = JobFailedError(task_failure_message(stage, report.failure, failures), task=report.failure)
    error.__cause__ = report.exception
    return error


def count_fetch_failure(stage: Stage, report: backend.TaskFetchFailed, limits: Limits) -> JobFailedError | None:
    """A stage attempt ends because a shuffle block could not be read."""
    stage.failed_attempts += 1
    if stage.failed_attempts < limits.stage_attempts:
        return None
    return JobFailedError(fetch_failure_message(stage, report))


def count_result(stage: Stage, partition: int, size: int, limits: Limits) -> JobFailedError | None:
    """A result of ``size`` bytes is there, or on its executor; each partition counts once."""
    if stage.shuffle_id is not None or partition in stage.sized:
        return None
    stage.sized.add(partition)
    stage.result_bytes += size
    if not 0 < limits.result_bytes < stage.result_bytes:
        return None
    return JobFailedError(result_size_message(len(stage.sized), stage.result_bytes, limits.result_bytes))


def _count_loss(stage: Stage, task: Task, report: backend.TaskFailed, limits: Limits) -> JobFailedError | None:
    started = task.executor_id is not None
    losses = stage.losses_of if started else stage.losses_before_start_of
    allowed = limits.executor_losses if started else limits.losses_before_start
    losses[task.partition] += 1
    if losses[task.partition] < allowed:
        return None
    return JobFailedError(loss_message(stage, task, report, losses[task.partition]), task=report.failure)
