"""Running one task on an executor: the same code on a Dask worker and in the inline backend.

A task unpickles its program for itself, as Spark does, so that state that user functions change is never shared
between tasks; broadcast values are shared. Whatever happens in it becomes an `Outcome`: nothing is raised.
"""

from __future__ import annotations

import pickle
import time
from typing import Any

from spark_kernel.common.errors import SerializationError
from spark_kernel.core.execution.executor_state import ExecutorState
from spark_kernel.core.execution.failures import describe_failure
from spark_kernel.core.execution.garbage import WHILE_TASKS_RUN
from spark_kernel.core.execution.orders import BatchHead, TaskOrder
from spark_kernel.core.execution.outcomes import FetchFailed, InputGone, Interrupted, Outcome, Raised, Succeeded
from spark_kernel.core.execution.packed_steps import UnreadableError, unpickled
from spark_kernel.core.execution.pipeline import Pipeline
from spark_kernel.core.execution.profiling import Profiled
from spark_kernel.core.execution.program import Deliver, StageProgram, WriteShuffle
from spark_kernel.core.execution.running_tasks import RunningTask, TaskInterrupted
from spark_kernel.core.execution.serialization import dumps, dumps_by_value
from spark_kernel.core.execution.task_inputs import TaskInputs
from spark_kernel.core.execution.task_scope import CURRENT_TASK, Task
from spark_kernel.core.lineage.recipes import Records
from spark_kernel.core.shared_variables.accumulator import TaskAccumulators, accumulators_of_task
from spark_kernel.core.shared_variables.broadcast import broadcasts_of_worker
from spark_kernel.core.shuffle.fetch_failures import FetchFailedError, note_fetch_failures
from spark_kernel.core.shuffle.record_blocks import RecordBlocks
from spark_kernel.core.shuffle.writer import ShuffleTarget, write_shuffle

_MAX_EXCEPTION_BYTES = 1 << 20


def run_task(head: BatchHead, order: TaskOrder, state: ExecutorState) -> Outcome:
    """Run one task to its end, whatever that is."""
    # Around all that an interrupt may end anywhere.
    with WHILE_TASKS_RUN:
        return _interruptible(head, order, state)


def _interruptible(head: BatchHead, order: TaskOrder, state: ExecutorState) -> Outcome:
    running = RunningTask(order.task_id, (head.stage_id, head.stage_attempt), state.running)
    task = Task(head, order, state, running)
    try:
        try:
            running.begin()
            if head.is_gang:
                task.join_gang(state.gangs.join(running, state.address))
            return _attempt(head, order, state, task)
        finally:
            running.end()
    except TaskInterrupted:
        running.end()
        return Interrupted(order.task_id)
    finally:
        state.gangs.leave(order.task_id)
        task.clean_up()


def _attempt(head: BatchHead, order: TaskOrder, state: ExecutorState, task: Task) -> Outcome:
    token = CURRENT_TASK.set(task)
    started = time.perf_counter()
    program: StageProgram | None = None
    lost: list[FetchFailedError] = []
    try:
        with (
            broadcasts_of_worker(state.broadcasts),
            accumulators_of_task(task.accumulators),
            note_fetch_failures() as noted,
        ):
            lost = noted
            program = unpickled(head.program, head.sides)
            payloads = unpickled(order.payloads) if order.payloads else {}
            inputs = TaskInputs(head, state, task)
            records = Pipeline(program.steps, payloads, inputs, task).records(order.partition)
            value = _end(program.output, records, state, task)
            data = _pickled_result(value)
            accumulators = _pickled_updates(task.accumulators)
        # Of errors that the user's function caught, to go on without the records.
        if lost:
            raise lost[0]
        if task.input_gone is not None:
            raise task.input_gone
        metrics = task.metrics(time.perf_counter() - started, len(data))
        return Succeeded(order.task_id, data, metrics, accumulators, tuple(task.stored_blocks))
    except BaseException as error:
        return _failed(lost[0] if lost and isinstance(error, Exception) else error, program, task, started)
    finally:
        CURRENT_TASK.reset(token)


def _end(output: WriteShuffle | Deliver, records: Records, state: ExecutorState, task: Task) -> Any:
    if isinstance(output, Deliver):
        return output.function(records)
    target = ShuffleTarget(
        folder=state.folder,
        place=state.place,
        executor_id=state.executor_id,
        shuffle_id=output.shuffle_id,
        map_partition=task.partition,
        attempt_id=task.task_id,
    )
    profiler = output.spec.profiler
    write = write_shuffle if profiler is None else Profiled(profiler, write_shuffle)
    return write(records, output.spec, target, task, RecordBlocks(fallback=dumps_by_value))


def _pickled_result(value: Any) -> bytes:
    try:
        return dumps(value)
    except Exception as error:
        raise SerializationError(
            f"The result of this partition can't be sent to the driver: {type(error).__name__}: {error}. Return plain "
            "values instead, for example what a file or a connection holds and not the object itself."
        ) from error


def _pickled_updates(accumulators: TaskAccumulators) -> bytes:
    added = accumulators.close()
    try:
        return dumps(added) if added else b""
    except Exception as error:
        raise SerializationError(
            f"What this task added to its accumulators can't be sent to the driver: {type(error).__name__}: {error}. "
            "Add plain values."
        ) from error


def _failed(error: BaseException, program: StageProgram | None, task: Task, started: float) -> Outcome:
    if isinstance(error, TaskInterrupted):
        return Interrupted(task.task_id)
    if isinstance(error, FetchFailedError):
        return FetchFailed(task.task_id, error)
    if task.input_gone is not None and isinstance(error, Exception):
        return InputGone(task.task_id, task.input_gone.block)
    # Another attempt would meet the same bytes and the same types.
    retry = not isinstance(error, (UnreadableError, SerializationError))
    if isinstance(error, UnreadableError) and error.__cause__ is not None:
        error = error.__cause__
    metrics = task.metrics(time.perf_counter() - started, 0)
    return Raised(task.task_id, describe_failure(error, program), _pickled_exception(error), metrics, retry)


def _pickled_exception(error: BaseException) -> bytes | None:
    """The exception, if it survives the way: many classes can be pickled and not be read back."""
    try:
        data = dumps(error)
        if len(data) > _MAX_EXCEPTION_BYTES:
            return None
        pickle.loads(data)
    except Exception:
        return None
    return data
