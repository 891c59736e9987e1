"""The frames of a task for each partition: in memory, and in a temporary file when they are too many.

Used by the writer, whose partitions are reducers, and by the external merge, whose partitions are slices of the keys.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from itertools import accumulate, chain
from typing import Any

from spark_kernel.core.lineage.recipes import TaskScope
from spark_kernel.core.shuffle.spill_files import SpillFile
from spark_kernel.core.shuffle.transport import BytesLike


class FrameBuffer:
    """Frames by partition, in the order in which they were added."""

    def __init__(self, partitions: int, memory_limit: int, scope: TaskScope) -> None:
        self._limit = memory_limit
        self._scope = scope
        self._parts: list[list[Any]] = [[] for _ in range(partitions)]
        self._sizes = [0] * partitions
        self._in_memory = 0
        self._file: SpillFile | None = None
        self._spills: list[array[int]] = []
        """For each spill the position of each partition's bytes in the file, and the end."""

    def add(self, partition: int, parts: tuple[Any, ...]) -> None:
        """Add a frame, given in parts. Spills when memory runs short."""
        self._parts[partition].extend(parts)
        size = sum(map(len, parts))
        self._sizes[partition] += size
        self._in_memory += size
        if self._in_memory > self._limit:
            self.spill()

    def spill(self) -> None:
        """Move what is in memory to the file."""
        if not self._in_memory:
            return
        if self._file is None:
            self._file = SpillFile(self._scope.scratch)
        positions = array("Q", accumulate((sum(map(len, parts)) for parts in self._parts), initial=self._file.size))
        self._file.append(chain.from_iterable(self._parts))
        self._spills.append(positions)
        self._scope.counts.spilled_bytes += self._in_memory
        self._parts = [[] for _ in self._parts]
        self._in_memory = 0

    def size(self, partition: int) -> int:
        """Bytes of a partition."""
        return self._sizes[partition]

    def offsets(self) -> array[int]:
        """Where each partition begins when all are written one after the other, and the end."""
        total = sum(self._sizes)
        return array("I" if total < 1 << 32 else "Q", accumulate(self._sizes, initial=0))

    def pieces(self, partition: int) -> Iterator[BytesLike]:
        """The bytes of a partition, in pieces."""
        for positions in self._spills:
            assert self._file is not None
            yield from self._file.pieces(positions[partition], positions[partition + 1])
        yield from self._parts[partition]

    def all_pieces(self) -> Iterator[BytesLike]:
        """The bytes of all partitions, one after the other."""
        return chain.from_iterable(map(self.pieces, range(len(self._parts))))

    def close(self) -> None:
        """Let go of everything. Idempotent."""
        self._parts = []
        if self._file is not None:
            self._file.close()
