"""What a running task offers to the recipes, the shuffle and the user code inside it."""

from __future__ import annotations

import resource
import shutil
import sys
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from spark_kernel.common.errors import SparkKernelError
from spark_kernel.common.events import TaskMetrics
from spark_kernel.core.cache.stored_blocks import StoredBlock
from spark_kernel.core.execution.demands import Grant
from spark_kernel.core.execution.executor_state import ExecutorState
from spark_kernel.core.execution.gang_member import GangMember
from spark_kernel.core.execution.orders import BatchHead, TaskOrder
from spark_kernel.core.execution.running_tasks import RunningTask
from spark_kernel.core.lineage.recipes import Counts
from spark_kernel.core.shared_variables.accumulator import TaskAccumulators
from spark_kernel.resource_managers.full_disks import room_in

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


class InputGoneError(SparkKernelError):
    """A cached block is gone for which something was left out of the task. Not for users: the task runs again."""

    def __init__(self, block: tuple[int, int] | None) -> None:
        super().__init__("a cached block is gone, and what it was computed from did not travel with the task")
        self.block = block
        """node_id and partition, when they are known."""


class Task:
    """What recipes, the shuffle and user code may ask of the running task; a `TaskScope`."""

    def __init__(self, head: BatchHead, order: TaskOrder, state: ExecutorState, running: RunningTask) -> None:
        self.partition = order.partition
        self.stage_id = head.stage_id
        self.task_id = order.task_id
        self.attempt = order.attempt
        self.counts: Counts = TaskCounts()
        self.memory_share = state.memory_share
        self.properties: Mapping[str, str] = head.properties
        """The local properties of the thread that submitted the job."""
        self.stored_blocks: list[StoredBlock] = []
        self.input_gone: InputGoneError | None = None
        self.accumulators = TaskAccumulators()
        self.grant: Grant = order.grant
        """What it has of its executor."""
        self.gang: GangMember | None = None
        """The others that it runs together with; None outside a barrier stage."""
        self.application_folder = state.folder
        """On this machine."""
        self._executors_folder = state.own_folder
        self._scratch: Path | None = None
        self._running = running

    @property
    def scratch(self) -> Path:
        """A folder for temporary files, made on first use and removed when the task ends."""
        if self._scratch is None:
            # No two attempts of an application have the same task id.
            scratch = self._executors_folder / "tasks" / str(self.task_id)
            with room_in(scratch):
                scratch.mkdir(parents=True, exist_ok=True)
            self._scratch = scratch
        return self._scratch

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

    def join_gang(self, member: GangMember) -> None:
        """It runs together with others."""
        self.gang = member
        self.properties = {**self.properties, "addresses": ",".join(member.addresses)}

    def clean_up(self) -> None:
        """Remove the temporary files."""
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def metrics(self, seconds: float, result_bytes: int) -> TaskMetrics:
        """The counts, for the driver."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT
        return TaskMetrics(run_seconds=seconds, result_bytes=result_bytes, peak_memory_bytes=peak, **vars(self.counts))


CURRENT_TASK: ContextVar[Task | None] = ContextVar("spark_kernel_task", default=None)
"""Set by `run_task` only."""


def current_task() -> Task | None:
    """The task that the calling code runs in; None on the driver."""
    return CURRENT_TASK.get()
