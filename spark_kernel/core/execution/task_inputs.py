"""The pipeline's way to what a task reads besides its steps: shuffles and the cache."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import NoReturn

from spark_kernel.core.cache.batches import records_of
from spark_kernel.core.execution.executor_state import ExecutorState
from spark_kernel.core.execution.orders import BatchHead
from spark_kernel.core.execution.program import ReadShuffle
from spark_kernel.core.execution.serialization import dumps_by_value
from spark_kernel.core.execution.task_scope import InputGoneError, Task
from spark_kernel.core.lineage.recipes import Records
from spark_kernel.core.lineage.storage_levels import StorageLevel
from spark_kernel.core.shuffle.fetch_failures import FetchFailedError
from spark_kernel.core.shuffle.map_outputs import NodePlace
from spark_kernel.core.shuffle.reader import read_shuffle
from spark_kernel.core.shuffle.record_blocks import RecordBlocks
from spark_kernel.core.shuffle.transport import BlockMissingError, BytesLike, PeerUnreachableError

_LOOK_SECONDS = 0.2
"""How often a wait looks whether the task was cancelled."""


class TaskInputs:
    """What one task reads on its executor."""

    def __init__(self, head: BatchHead, state: ExecutorState, task: Task) -> None:
        self._head = head
        self._state = state
        self._task = task
        self._absent: tuple[int, int] | None = None
        """The last block that should have been somewhere and was not: node_id and partition."""

    def shuffled(self, action: ReadShuffle, partition: int) -> Records:
        """What a shuffle brought together for ``partition``.

        Raises FetchFailedError, at once or while it is read, when map outputs are missing.
        """
        outputs = self._head.shuffle_inputs.get(action.shuffle_id, ())
        missing = set(range(action.map_partitions)).difference(output.map_partition for output in outputs)
        if missing:
            # A cached block hid this shuffle when the job was planned, and is gone.
            nowhere = NodePlace("nowhere", "", ())
            raise FetchFailedError(action.shuffle_id, min(missing), nowhere, "its map task has not run")
        blocks = RecordBlocks(fallback=dumps_by_value)
        transport = self._state.transport
        return read_shuffle(outputs, partition, action.spec, self._task, transport, action.shuffle_id, blocks)

    def cached(self, node_id: int, partition: int) -> Records | None:
        """A stored block, from here or from another executor; None when it has to be computed."""
        records = self.cached_here(node_id, partition)
        if records is not None:
            return records
        holders = self._head.cached_blocks.get(node_id, {}).get(partition, ())
        fetch = self._state.fetch_cached
        for executor_id in holders:
            if fetch is not None and executor_id != self._state.executor_id:
                records = self._fetched(fetch(executor_id, node_id, partition))
                if records is not None:
                    return records
        if holders:
            self._absent = node_id, partition
        return None

    def cached_here(self, node_id: int, partition: int) -> Records | None:
        """A block that is stored on this executor, or None."""
        return self._state.blocks.get(node_id, partition)

    def gone(self) -> NoReturn:
        """A block can't be had, and what it stands for was left out of the task.

        Raises InputGoneError.
        """
        # A user's function may catch the error and go on without the records; the task must not succeed all the same.
        self._task.input_gone = InputGoneError(self._absent)
        raise self._task.input_gone

    def keep(self, node_id: int, partition: int, level: StorageLevel, records: Records) -> Records:
        """Compute a block as a whole and store it; its records, to go on with."""
        kept, stored = self._state.blocks.put(node_id, partition, level, records)
        self._task.stored_blocks.extend(stored)
        return kept

    def adopt_thread(self) -> Callable[[], None]:
        """The calling thread works for the task too; returns what to call when it ends."""
        return self._task.adopt_thread()

    def _fetched(self, coming: Future[list[BytesLike]]) -> Records | None:
        try:
            while True:
                try:
                    return records_of(coming.result(timeout=_LOOK_SECONDS))
                except FutureTimeoutError:
                    self._task.check_cancelled()
        except (BlockMissingError, PeerUnreachableError):
            # Evicted, or lost with its executor: computed again.
            return None
        finally:
            coming.cancel()
