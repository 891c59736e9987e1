"""The backend without a cluster: tasks run one after the other in a thread of the driver's process.

For tests, for small work, and for understanding: the code that runs a task is the same as on a worker, and all that a
task needs and returns is pickled on the way, so that what works here works there.
"""

from __future__ import annotations

import os
import queue
import shutil
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from spark_kernel.core.cache.block_store import BlockStore
from spark_kernel.core.cache.stored_blocks import StoredBlock
from spark_kernel.core.execution.added_files import AddedFile
from spark_kernel.core.execution.backend import (
    BlockDropped,
    Executor,
    ExecutorJoined,
    Report,
    StageRefused,
    TaskBatch,
    TaskCancelled,
    TaskSpec,
    TaskStarted,
)
from spark_kernel.core.execution.cpu_slots import CpuSlots
from spark_kernel.core.execution.demands import refusal, suits
from spark_kernel.core.execution.executor_state import ExecutorState, task_memory
from spark_kernel.core.execution.gang_dispatch import MORE_SLOTS
from spark_kernel.core.execution.gang_meetings import Meetings
from spark_kernel.core.execution.gang_member import GangMembers
from spark_kernel.core.execution.orders import BatchHead, head_of, order_of
from spark_kernel.core.execution.outcomes import Outcome, report_of, unsendable
from spark_kernel.core.execution.running_tasks import StageAttempt
from spark_kernel.core.execution.serialization import dumps
from spark_kernel.core.execution.task import run_task
from spark_kernel.core.execution.worker_messages import Meets
from spark_kernel.core.lineage.storage_levels import StorageLevel
from spark_kernel.core.shared_variables.broadcast import BroadcastCache
from spark_kernel.core.shuffle.local_transport import LocalTransport
from spark_kernel.core.shuffle.map_outputs import NodePlace
from spark_kernel.core.shuffle.writer import shuffle_folder

EXECUTOR_ID = "driver"
_Work = tuple[TaskBatch, BatchHead, TaskSpec]


class InlineBackend:
    """Runs tasks in this process. ``folder`` is the application's folder for shuffle files and blocks on disk."""

    def __init__(self, folder: Path, memory_limit: int = 1 << 30, settings: Mapping[str, str] | None = None) -> None:
        self._folder = folder
        self._broadcasts: dict[int, bytes] = {}
        machine = f"{socket.gethostname()}-{os.getpid()}"
        self._state = ExecutorState(
            executor_id=EXECUTOR_ID,
            place=NodePlace(socket.gethostname(), machine, ()),
            folder=folder,
            own_folder=folder,
            memory_share=task_memory(settings or {}, memory_limit // 2),
            blocks=BlockStore(folder / "blocks", memory_limit // 2, self._dropped, dumps),
            broadcasts=BroadcastCache(self._broadcasts.__getitem__),
            transport=LocalTransport(machine),
            gangs=GangMembers(self._meet),
            cpus=CpuSlots(1),
        )
        self._executor = Executor(EXECUTOR_ID, socket.gethostname(), cores=1, memory_bytes=memory_limit)
        self._meetings = Meetings()
        self._work: queue.PriorityQueue[tuple[int, int, _Work | None]] = queue.PriorityQueue()
        self._sequence = 0
        self._lock = threading.Lock()
        self._report: Callable[[Report], None] | None = None
        self._stopped = False
        self._thread = threading.Thread(target=self._loop, name="spark-kernel-inline", daemon=True)

    def start(self, report: Callable[[Report], None]) -> None:
        """Begin; ``report`` is called for everything that happens."""
        self._report = report
        report(ExecutorJoined(self._executor))
        self._thread.start()

    def submit(self, batch: TaskBatch) -> None:
        """Run the batch's tasks, those of a batch with a lower priority number first."""
        if not suits(batch.demand, self._executor):
            self._refuse(batch, refusal(batch.demand, [self._executor]))
            return
        if batch.is_gang and len(batch.tasks) > self._executor.cores:
            self._refuse(batch, MORE_SLOTS)
            return
        if batch.is_gang:
            self._meetings.open(batch)
        head = head_of(batch)
        with self._lock:
            for spec in batch.tasks:
                self._sequence += 1
                self._work.put((batch.priority, self._sequence, (batch, head, spec)))

    def cancel(self, stage_id: int, stage_attempt: int) -> None:
        """Stop the tasks of a stage attempt: the running one is interrupted, the others are not begun."""
        self._state.running.cancel((stage_id, stage_attempt))

    def kill(self, task_ids: Sequence[int]) -> None:
        """Stop single tasks."""
        self._state.running.kill(task_ids)

    def executors(self) -> Sequence[Executor]:
        """This process."""
        return () if self._stopped else (self._executor,)

    def put_broadcast(self, broadcast_id: int, value: bytes) -> None:
        """Make a serialised value available to every task that refers to it."""
        self._broadcasts[broadcast_id] = value

    def drop_broadcast(self, broadcast_id: int) -> None:
        """Forget it."""
        self._broadcasts.pop(broadcast_id, None)
        self._state.broadcasts.unpersist(broadcast_id)

    def put_file(self, file: AddedFile, path: Path) -> None:
        """The driver's files are this process's."""

    def drop_blocks(self, node_id: int) -> None:
        """Remove a dataset's cached blocks."""
        self._state.blocks.remove_node(node_id)

    def copy_block(self, node_id: int, partition: int, level: StorageLevel, holder: str, target: str) -> None:
        """There is no other executor that could be asked for."""
        raise ValueError(f"inline has one executor: {target} can't copy a block of {holder}")

    def drop_shuffle(self, shuffle_id: int) -> None:
        """Remove a shuffle's files."""
        shutil.rmtree(shuffle_folder(self._folder, shuffle_id), ignore_errors=True)

    def settle(self) -> None:
        """What is dropped is gone at once."""

    def stop(self) -> None:
        """End the thread; unfinished tasks are cancelled. Idempotent."""
        with self._lock:
            if self._stopped:
                return
            self._stopped = True
        for stage in self._pending_stages():
            self._state.running.cancel(stage)
        self._work.put((_LAST, 0, None))
        if self._report is not None and threading.current_thread() is not self._thread:
            self._thread.join(timeout=2)

    def _pending_stages(self) -> set[StageAttempt]:
        with self._work.mutex:
            waiting = {_stage(entry[2]) for entry in self._work.queue if entry[2] is not None}
        return waiting | self._state.running.stages()

    def _loop(self) -> None:
        assert self._report is not None
        while (work := self._work.get()[2]) is not None:
            batch, head, spec = work
            if self._state.running.is_cancelled(_stage(work)):
                self._report(TaskCancelled(spec.task_id, EXECUTOR_ID))
                continue
            self._report(TaskStarted(spec.task_id, EXECUTOR_ID))
            self._report(report_of(self._run(head, spec), spec, batch, EXECUTOR_ID))
            self._meetings.forget([spec.task_id])

    def _run(self, head: BatchHead, spec: TaskSpec) -> Outcome:
        try:
            order = order_of(spec)
        except Exception as error:
            return unsendable(spec, error)
        return run_task(head, order, self._state)

    def _refuse(self, batch: TaskBatch, reason: str) -> None:
        assert self._report is not None
        self._report(StageRefused(batch.stage_id, reason))
        for spec in batch.tasks:
            self._report(TaskCancelled(spec.task_id, EXECUTOR_ID))

    def _meet(self, message: Meets) -> None:
        for replies in self._meetings.meets(message, EXECUTOR_ID).values():
            self._state.gangs.deliver(replies)

    def _dropped(self, block: StoredBlock) -> None:
        if self._report is not None:
            self._report(BlockDropped(EXECUTOR_ID, block))


_LAST = 1 << 62


def _stage(work: _Work) -> StageAttempt:
    return work[0].stage_id, work[0].stage_attempt
