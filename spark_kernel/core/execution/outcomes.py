"""How a task ended, as it travels from the executor; and the report that the driver makes of it for the scheduler."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field

from spark_kernel.common.errors import SerializationError
from spark_kernel.common.events import TaskMetrics
from spark_kernel.core.cache.stored_blocks import StoredBlock
from spark_kernel.core.execution.backend import (
    Report,
    TaskBatch,
    TaskCancelled,
    TaskFailed,
    TaskFetchFailed,
    TaskInputGone,
    TaskSpec,
    TaskSucceeded,
)
from spark_kernel.core.execution.failures import RemoteFailure, describe_failure
from spark_kernel.core.execution.serialization import loads
from spark_kernel.core.execution.tracebacks import message_of, type_name
from spark_kernel.core.shuffle.fetch_failures import FetchFailedError


@dataclass(frozen=True)
class Succeeded:
    """The task did all its work."""

    task_id: int
    value: bytes | None
    """Pickled; None when it is so large that the driver has to take it from the executor."""
    metrics: TaskMetrics
    accumulators: bytes = b""
    """Pickled mapping from accumulator id to what was added; empty when nothing was."""
    stored_blocks: tuple[StoredBlock, ...] = ()


@dataclass(frozen=True)
class Raised:
    """The task raised."""

    task_id: int
    failure: RemoteFailure
    exception: bytes | None
    """Pickled, when it can be pickled and read back."""
    metrics: TaskMetrics = field(default_factory=TaskMetrics)
    retry: bool = True


@dataclass(frozen=True)
class FetchFailed:
    """A shuffle block could not be read."""

    task_id: int
    error: FetchFailedError


@dataclass(frozen=True)
class InputGone:
    """A cached block is gone for which something was left out of the task."""

    task_id: int
    block: tuple[int, int] | None


@dataclass(frozen=True)
class Interrupted:
    """The task was cancelled."""

    task_id: int


Outcome = Succeeded | Raised | FetchFailed | InputGone | Interrupted


def report_of(outcome: Outcome, spec: TaskSpec, batch: TaskBatch, executor_id: str) -> Report:
    """What the scheduler is told."""
    if isinstance(outcome, Succeeded):
        return _success(outcome, spec, batch, executor_id)
    if isinstance(outcome, Raised):
        failed = outcome.failure.failed_task(batch.stage_id, spec.partition, spec.attempt, executor_id)
        exception = _exception(outcome.exception)
        return TaskFailed(spec.task_id, executor_id, failed, exception, outcome.metrics, retry=outcome.retry)
    if isinstance(outcome, FetchFailed):
        lost = outcome.error
        return TaskFetchFailed(
            spec.task_id, executor_id, lost.shuffle_id, lost.map_partition, lost.place, lost.message, lost.machine_lost
        )
    if isinstance(outcome, InputGone):
        return TaskInputGone(spec.task_id, executor_id, outcome.block)
    return TaskCancelled(spec.task_id, executor_id)


def unsendable(spec: TaskSpec, error: Exception) -> Raised:
    """The outcome of a task that can't begin, because ``error`` was raised when its payloads were pickled."""
    explained = SerializationError(
        f"The data of partition {spec.partition} can't be sent to its task: {type_name(error)}: {message_of(error)}. "
        "Use plain values, and make connections, files and locks inside the functions that need them."
    )
    return Raised(spec.task_id, describe_failure(explained, None), None, retry=False)


def _success(outcome: Succeeded, spec: TaskSpec, batch: TaskBatch, executor_id: str) -> Report:
    assert outcome.value is not None
    try:
        value = loads(outcome.value)
        accumulators = loads(outcome.accumulators) if outcome.accumulators else {}
    except Exception as error:
        failure = describe_failure(error, None)
        failed = failure.failed_task(batch.stage_id, spec.partition, spec.attempt, executor_id)
        message = f"the result can't be read on the driver: {type_name(error)}: {message_of(error)}"
        failed = type(failed)(**{**vars(failed), "error_message": message})
        return TaskFailed(spec.task_id, executor_id, failed, error, outcome.metrics, retry=False)
    return TaskSucceeded(spec.task_id, executor_id, value, outcome.metrics, accumulators, outcome.stored_blocks)


def _exception(data: bytes | None) -> BaseException | None:
    if data is None:
        return None
    try:
        error = pickle.loads(data)
    except Exception:
        return None
    return error if isinstance(error, BaseException) else None
