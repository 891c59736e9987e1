"""Running one task on an executor: the same code on a Dask worker and in the inline backend.

A task unpickles its program for itself, as Spark does, so that state that user functions change is never shared
between tasks; broadcast values are shared. Whatever happens in it becomes an `Outcome`: nothing is raised.
"""

from __future__ import annotations

import pickle
import resource
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spark_kernel.common.errors import SerializationError
from spark_kernel.common.events import TaskMetrics
from spark_kernel.core.cache.stored_blocks import StoredBlock
from spark_kernel.core.execution.backend import TaskBatch, TaskSpec
from spark_kernel.core.execution.executor_state import ExecutorState
from spark_kernel.core.execution.failures import describe_failure
from spark_kernel.core.execution.outcomes import FetchFailed, Interrupted, Outcome, Raised, Succeeded
from spark_kernel.core.execution.pipeline import Pipeline
from spark_kernel.core.execution.program import Deliver, ReadShuffle, StageProgram, WriteShuffle
from spark_kernel.core.execution.running_tasks import RunningTask, TaskInterrupted
from spark_kernel.core.execution.serialization import dumps, loads
from spark_kernel.core.lineage.recipes import Counts, Records
from spark_kernel.core.lineage.storage_levels import StorageLevel
from spark_kernel.core.shared_variables.accumulator import TaskAccumulators, accumulators_of_task
from spark_kernel.core.shared_variables.broadcast import broadcasts_of_worker
from spark_kernel.core.shuffle.fetch_failures import FetchFailedError
from spark_kernel.core.shuffle.reader import read_shuffle
from spark_kernel.core.shuffle.writer import ShuffleTarget, write_shuffle

_MAX_EXCEPTION_BYTES = 1 << 20
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass
class TaskCounts:
    """What the task counts while it runs."""

    records_read: int = 0
    bytes_read: int = 0
    records_written: int = 0
    bytes_written: int = 0
    spilled_bytes: int = 0
    shuffle_records_read: int = 0
    shuffle_local_bytes_read: int = 0
    shuffle_remote_bytes_read: int = 0
    shuffle_records_written: int = 0
    shuffle_bytes_written: int = 0


class Task:
    """What recipes, the shuffle and user code may ask of the running task; a `TaskScope`."""

    def __init__(self, batch: TaskBatch, spec: TaskSpec, state: ExecutorState, running: RunningTask) -> None:
        self.partition = spec.partition
        self.stage_id = batch.stage_id
        self.task_id = spec.task_id
        self.attempt = spec.attempt
        self.counts: Counts = TaskCounts()
        self.memory_share = state.memory_share
        self.properties: Mapping[str, str] = batch.properties
        """The local properties of the thread that submitted the job."""
        self.stored_blocks: list[StoredBlock] = []
        self.accumulators = TaskAccumulators()
        self._folder = state.folder / "tasks" / f"{spec.task_id}-{batch.stage_attempt}"
        self._has_scratch = False
        self._running = running

    @property
    def scratch(self) -> Path:
        """A folder for temporary files, made on first use and removed when the task ends."""
        if not self._has_scratch:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._has_scratch = True
        return self._folder

    def check_cancelled(self) -> None:
        """Raise TaskInterrupted when the task was cancelled."""
        self._running.check()

    def on_cancel(self, callback: Callable[[], None]) -> None:
        """Call ``callback``, from another thread, when the task is cancelled: for waits that no exception can end."""
        self._running.on_cancel(callback)

    def adopt_thread(self) -> Callable[[], None]:
        """The calling thread works for the task too; returns what to call when it ends."""
        self._running.adopt_thread()
        return self._running.release_thread

    def clean_up(self) -> None:
        """Remove the temporary files."""
        if self._has_scratch:
            shutil.rmtree(self._folder, ignore_errors=True)

    def metrics(self, seconds: float, result_bytes: int) -> TaskMetrics:
        """The counts, for the driver."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT
        return TaskMetrics(run_seconds=seconds, result_bytes=result_bytes, peak_memory_bytes=peak, **vars(self.counts))


_current: ContextVar[Task | None] = ContextVar("spark_kernel_task", default=None)


def current_task() -> Task | None:
    """The task that the calling code runs in; None on the driver."""
    return _current.get()


def run_task(batch: TaskBatch, spec: TaskSpec, state: ExecutorState) -> Outcome:
    """Run one task to its end, whatever that is. ``batch.tasks`` is not looked at."""
    running = RunningTask(spec.task_id, (batch.stage_id, batch.stage_attempt), state.running)
    task = Task(batch, spec, state, running)
    try:
        try:
            running.begin()
            return _attempt(batch, spec, state, task)
        finally:
            running.end()
    except TaskInterrupted:
        running.end()
        return Interrupted(spec.task_id)
    finally:
        task.clean_up()


def _attempt(batch: TaskBatch, spec: TaskSpec, state: ExecutorState, task: Task) -> Outcome:
    token = _current.set(task)
    started = time.perf_counter()
    try:
        with broadcasts_of_worker(state.broadcasts), accumulators_of_task(task.accumulators):
            program = _program(batch.program)
            try:
                value = _result(program, batch, spec, state, task)
                data = _pickled(value)
                accumulators = _pickled_updates(task.accumulators)
            except BaseException as error:
                return _failed(error, spec, program, task, started)
        metrics = task.metrics(time.perf_counter() - started, len(data))
        return Succeeded(spec.task_id, data, metrics, accumulators, tuple(task.stored_blocks))
    except BaseException as error:
        return _failed(error, spec, None, task, started)
    finally:
        _current.reset(token)


def _program(data: bytes) -> StageProgram:
    try:
        program = loads(data)
    except TaskInterrupted:
        raise
    except BaseException as error:
        raise _ProgramUnreadable from error
    assert isinstance(program, StageProgram)
    return program


class _ProgramUnreadable(Exception):
    """The program can't be unpickled here; its cause says why."""


def _result(program: StageProgram, batch: TaskBatch, spec: TaskSpec, state: ExecutorState, task: Task) -> Any:
    records = Pipeline(program.steps, spec.payloads, _Inputs(batch, state, task), task).records(spec.partition)
    output = program.output
    if isinstance(output, Deliver):
        return output.function(records)
    return _write(output, records, spec, state, task)


def _write(output: WriteShuffle, records: Records, spec: TaskSpec, state: ExecutorState, task: Task) -> Any:
    target = ShuffleTarget(
        folder=state.folder,
        place=state.place,
        executor_id=state.executor_id,
        shuffle_id=output.shuffle_id,
        map_partition=spec.partition,
        attempt_id=spec.task_id,
    )
    return write_shuffle(records, output.spec, target, task)


class _Inputs:
    """The pipeline's way to shuffles and to the cache."""

    def __init__(self, batch: TaskBatch, state: ExecutorState, task: Task) -> None:
        self._batch = batch
        self._state = state
        self._task = task
        self.adopt_thread = task.adopt_thread

    def shuffled(self, action: ReadShuffle, partition: int) -> Records:
        outputs = self._batch.shuffle_inputs[action.shuffle_id]
        return read_shuffle(outputs, partition, action.spec, self._task, self._state.transport, action.shuffle_id)

    def cached(self, node_id: int, partition: int) -> Records | None:
        return self._state.blocks.get(node_id, partition)

    def keep(self, node_id: int, partition: int, level: StorageLevel, records: Records) -> Records:
        kept, stored = self._state.blocks.put(node_id, partition, level, records)
        self._task.stored_blocks.extend(stored)
        return kept


def _pickled(value: Any) -> bytes:
    try:
        return dumps(value)
    except Exception as error:
        raise SerializationError(
            f"The result of this partition can't be sent to the driver: {type(error).__name__}: {error}. Return plain "
            "values instead, for example what a file or a connection holds and not the object itself."
        ) from error


def _pickled_updates(accumulators: TaskAccumulators) -> bytes:
    added = accumulators.close()
    return dumps(added) if added else b""


def _failed(error: BaseException, spec: TaskSpec, program: StageProgram | None, task: Task, started: float) -> Outcome:
    if isinstance(error, TaskInterrupted):
        return Interrupted(spec.task_id)
    if isinstance(error, FetchFailedError):
        return FetchFailed(spec.task_id, error)
    retry = not isinstance(error, (_ProgramUnreadable, SerializationError))
    if isinstance(error, _ProgramUnreadable) and error.__cause__ is not None:
        error = error.__cause__
    metrics = task.metrics(time.perf_counter() - started, 0)
    failure = describe_failure(error, program)
    return Raised(spec.task_id, failure, _pickled_exception(error), metrics, retry)


def _pickled_exception(error: BaseException) -> bytes | None:
    """The exception, if it survives the way: many classes can be pickled and not be read back."""
    try:
        data = dumps(error)
        if len(data) > _MAX_EXCEPTION_BYTES:
            return None
        pickle.loads(data)
    except BaseException:
        return None
    return data
