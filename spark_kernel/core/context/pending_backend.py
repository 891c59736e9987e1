"""The backend of a cluster that is still starting: takes everything, and passes it on once the cluster is there.

So a context can be used at once: a job is planned and shown while its workers are coming up.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from spark_kernel.core.execution.added_files import AddedFile
from spark_kernel.core.execution.backend import Backend, BackendFailed, Executor, Report, TaskBatch, TaskCancelled
from spark_kernel.core.lineage.storage_levels import StorageLevel


class PendingBackend:
    """A `Backend` that stands for the one that `attach` brings, or for none after `fail`."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._report: Callable[[Report], None] | None = None
        self._backend: Backend | None = None
        self._failure: str | None = None
        self._stopped = False
        self._waiting: list[TaskBatch] = []
        self._later: list[Callable[[Backend], None]] = []

    def attach(self, backend: Backend) -> None:
        """The cluster is there. Starts ``backend`` and hands it all that waited."""
        with self._lock:
            if self._stopped:
                return
            assert self._report is not None
            self._backend = backend
            backend.start(self._report)
            for call in self._later:
                call(backend)
            for batch in self._waiting:
                backend.submit(batch)
            self._later.clear()
            self._waiting.clear()

    def fail(self, reason: str) -> None:
        """The cluster did not start, or is lost."""
        with self._lock:
            self._failure = reason
            self._waiting.clear()
            if self._report is not None and not self._stopped:
                self._report(BackendFailed(reason))

    def start(self, report: Callable[[Report], None]) -> None:
        """``report`` is called for everything that happens."""
        with self._lock:
            self._report = report

    def submit(self, batch: TaskBatch) -> None:
        """Run the batch's tasks, now or when the cluster is there."""
        with self._lock:
            if self._backend is not None:
                self._backend.submit(batch)
            elif self._failure is not None:
                assert self._report is not None
                self._report(BackendFailed(self._failure))
            else:
                self._waiting.append(batch)

    def cancel(self, stage_id: int, stage_attempt: int) -> None:
        """Stop the tasks of a stage attempt."""
        with self._lock:
            if self._backend is not None:
                self._backend.cancel(stage_id, stage_attempt)
                return
            assert self._report is not None
            cancelled = [
                each for each in self._waiting if (each.stage_id, each.stage_attempt) == (stage_id, stage_attempt)
            ]
            self._waiting = [each for each in self._waiting if each not in cancelled]
            for batch in cancelled:
                for task in batch.tasks:
                    self._report(TaskCancelled(task.task_id, ""))

    def kill(self, task_ids: Sequence[int]) -> None:
        """Stop single tasks, which only a cluster that is there can run."""
        self._now_or_later(lambda backend: backend.kill(task_ids))

    def executors(self) -> Sequence[Executor]:
        """Those that are there now."""
        return self._backend.executors() if self._backend is not None else ()

    def put_broadcast(self, broadcast_id: int, value: bytes) -> None:
        """Make a serialised value available to every task that refers to it."""
        self._now_or_later(lambda backend: backend.put_broadcast(broadcast_id, value))

    def drop_broadcast(self, broadcast_id: int) -> None:
        """Forget it everywhere."""
        self._now_or_later(lambda backend: backend.drop_broadcast(broadcast_id))

    def put_file(self, file: AddedFile, path: Path) -> None:
        """See that tasks submitted from now on find the file."""
        self._now_or_later(lambda backend: backend.put_file(file, path))

    def drop_blocks(self, node_id: int) -> None:
        """Remove a dataset's cached blocks from every executor."""
        self._now_or_later(lambda backend: backend.drop_blocks(node_id))

    def copy_block(self, node_id: int, partition: int, level: StorageLevel, holder: str, target: str) -> None:
        """Have an executor keep a copy of another one's block; there are none yet where there is no cluster."""
        self._now_or_later(lambda backend: backend.copy_block(node_id, partition, level, holder, target))

    def drop_shuffle(self, shuffle_id: int) -> None:
        """Remove a shuffle's files everywhere."""
        self._now_or_later(lambda backend: backend.drop_shuffle(shuffle_id))

    def settle(self) -> None:
        """Wait until everything that was dropped so far is gone; without a cluster there is nothing to wait for."""
        if self._backend is not None:
            self._backend.settle()

    def stop(self) -> None:
        """Let go of the cluster. Idempotent."""
        with self._lock:
            self._stopped = True
            self._waiting.clear()
            self._later.clear()
        if self._backend is not None:
            self._backend.stop()

    def _now_or_later(self, call: Callable[[Backend], None]) -> None:
        with self._lock:
            if self._backend is not None:
                call(self._backend)
            elif self._failure is None and not self._stopped:
                self._later.append(call)
