"""The events that the state machine announces, made from its own records. Pure."""

from __future__ import annotations

from dataclasses import replace

from spark_kernel.common import events
from spark_kernel.common.errors import JobCancelledError, JobError
from spark_kernel.core.execution import backend
from spark_kernel.core.scheduler.job_graph import NodeFacts, job_graph
from spark_kernel.core.scheduler.messages import SubmitJob
from spark_kernel.core.scheduler.stages import Stage, Task

INPUT_GONE = "A cached block that it reads was dropped; it runs again, and computes that"


def job_submitted(now: float, request: SubmitJob, graph: events.JobGraph) -> events.JobSubmitted:
    """An action has asked for a job."""
    return events.JobSubmitted(
        time=now,
        job_id=request.job_id,
        run_id=request.labels.run_id,
        call_site=request.call_site,
        graph=graph,
        group=request.labels.group,
        description=request.labels.description,
    )


def stages_added(now: float, job_id: int, stage: Stage, facts: NodeFacts) -> events.StagesAdded:
    """A job needs a stage that it did not list."""
    return events.StagesAdded(now, job_id, job_graph({stage.stage_id: replace(stage.outline, parents=())}, facts))


def job_ended(now: float, job_id: int, error: JobError | None) -> events.JobEnded:
    """A job is over, with ``error`` or with its result."""
    if error is None:
        return events.JobEnded(now, job_id, "succeeded")
    outcome: events.Outcome = "cancelled" if isinstance(error, JobCancelledError) else "failed"
    return events.JobEnded(now, job_id, outcome, str(error).partition("\n")[0])


def task_started(now: float, task: Task, executor_id: str) -> events.TaskStarted:
    """The task began to run."""
    return events.TaskStarted(
        now,
        task.task_id,
        task.stage_id,
        task.stage_attempt,
        task.partition,
        task.attempt,
        executor_id,
        task.speculative,
    )


def task_ended(
    now: float,
    task: Task,
    executor_id: str,
    outcome: events.TaskOutcome,
    metrics: events.TaskMetrics | None = None,
    message: str = "",
) -> events.TaskEnded:
    """The task is over."""
    return events.TaskEnded(
        now,
        task.task_id,
        task.stage_id,
        task.stage_attempt,
        task.partition,
        task.attempt,
        executor_id,
        outcome,
        metrics or events.TaskMetrics(),
        message,
    )


def executor_added(now: float, executor: backend.Executor) -> events.ExecutorAdded:
    """An executor is ready."""
    return events.ExecutorAdded(now, executor.executor_id, executor.host, executor.cores, executor.memory_bytes)


def block_updated(now: float, executor_id: str, block: backend.StoredBlock) -> events.BlockUpdated:
    """An executor keeps a block in another way than before."""
    return events.BlockUpdated(now, block.node_id, block.partition, executor_id, block.memory_bytes, block.disk_bytes)


def block_lost(now: float, executor_id: str, block: backend.StoredBlock) -> events.BlockUpdated:
    """A block is gone with its executor."""
    return events.BlockUpdated(now, block.node_id, block.partition, executor_id, 0, 0)
