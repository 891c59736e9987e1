"""The pipeline's way to what a task reads besides its steps: shuffles and the cache."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from spark_kernel.core.execution.executor_state import ExecutorState
from spark_kernel.core.execution.program import ReadShuffle
from spark_kernel.core.execution.task_scope import Task
from spark_kernel.core.lineage.recipes import Records
from spark_kernel.core.lineage.storage_levels import StorageLevel
from spark_kernel.core.shuffle.fetch_failures import FetchFailedError
from spark_kernel.core.shuffle.map_outputs import MapOutput, NodePlace
from spark_kernel.core.shuffle.reader import read_shuffle


class TaskInputs:
    """What one task reads on its executor."""

    def __init__(self, shuffle_inputs: Mapping[int, Sequence[MapOutput]], state: ExecutorState, task: Task) -> None:
        self._shuffle_inputs = shuffle_inputs
        self._state = state
        self._task = task

    def shuffled(self, action: ReadShuffle, partition: int) -> Records:
        """What a shuffle brought together for ``partition``.

        Raises FetchFailedError, at once or while it is read, when map outputs are missing.
        """
        outputs = self._shuffle_inputs.get(action.shuffle_id, ())
        missing = set(range(action.map_partitions)).difference(output.map_partition for output in outputs)
        if missing:
            # A cached block hid this shuffle when the job was planned, and is gone.
            nowhere = NodePlace("nowhere", "", ())
            raise FetchFailedError(action.shuffle_id, min(missing), nowhere, "its map task has not run")
        return read_shuffle(outputs, partition, action.spec, self._task, self._state.transport, action.shuffle_id)

    def cached(self, node_id: int, partition: int) -> Records | None:
        """A stored block, or None when it has to be computed."""
        return self._state.blocks.get(node_id, partition)

    def keep(self, node_id: int, partition: int, level: StorageLevel, records: Records) -> Records:
        """Compute a block as a whole and store it; its records, to go on with."""
        kept, stored = self._state.blocks.put(node_id, partition, level, records)
        self._task.stored_blocks.extend(stored)
        return kept

    def adopt_thread(self) -> Callable[[], None]:
        """The calling thread works for the task too; returns what to call when it ends."""
        return self._task.adopt_thread()
