"""What is known of the output of one map task: where it is and how much of it belongs to each reducer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class NodePlace:
    """A machine that holds shuffle files of an application, and how to ask for ranges of them."""

    host: str
    """Name of the machine; readers on the same one map its files into memory."""
    machine_id: str
    """Tells machines apart that share a host name, and containers that share a machine but no file system."""
    servers: tuple[str, ...]
    """Dask addresses that serve ranges of files there, best first: the nanny, then the worker."""


@dataclass(frozen=True)
class MapOutput:
    """The output of one map task.

    Reducer r reads ``[offsets[r], offsets[r + 1])`` of the file, or of ``inline`` for an output so small that it
    travels with the task's result.
    """

    map_partition: int
    executor_id: str
    """The worker that wrote it. The file outlives that worker's process, not its machine."""
    place: NodePlace
    path: str
    """Absolute path on that machine; empty when inline."""
    offsets: Sequence[int]
    """One more than there are reducers; bytes, rising from 0."""
    records: int
    inline: bytes | None = None

    def size(self, reducer: int) -> int:
        """Bytes that belong to ``reducer``."""
        return self.offsets[reducer + 1] - self.offsets[reducer]
