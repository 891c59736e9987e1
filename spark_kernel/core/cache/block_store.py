"""The blocks of persisted datasets on one executor: in memory up to a limit, on disk where the level allows it.

A block is one partition, kept as pickled batches: its size is exact, and nobody can change what others will read.
Execution asks `get` before it computes a persisted dataset and `put` when it had to. When memory runs short, the block
that was used least recently goes: to disk if its level has a disk, else away. A block never pushes out another of its
own dataset, since a dataset larger than memory would then push out all of itself.

Levels: DISK_ONLY keeps blocks on disk; OFF_HEAP, and the levels whose name ends in DESER, are MEMORY_AND_DISK, since
Python has one heap and blocks are always pickled. The copies that replicated levels ask for lie in other executors'
stores (`put_copy`).
"""

from __future__ import annotations

import threading
from collections import Counter as Multiset
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from spark_kernel.common.errors import DiskFullError
from spark_kernel.common.ids import Counter
from spark_kernel.core.cache.batches import BatchFile, Dumps, pickled_batches, plain_dumps, records_of
from spark_kernel.core.cache.stored_blocks import StoredBlock
from spark_kernel.core.lineage.storage_levels import StorageLevel

BlockKey = tuple[int, int]
"""(node_id, partition)."""


@dataclass
class _Block:
    """Either ``batches`` or ``file`` is set."""

    level: StorageLevel
    batches: list[bytes] | None = None
    file: BatchFile | None = None
    memory_bytes: int = 0

    @property
    def disk_bytes(self) -> int:
        return self.file.size if self.file is not None else 0


@dataclass(frozen=True)
class StoreStatus:
    """What a store holds."""

    memory_limit: int
    memory_bytes: int
    """Blocks in memory, those that are being stored included."""
    disk_bytes: int
    blocks: int


class BlockStore:
    """Blocks of one executor. Safe to use from all its task threads.

    ``on_drop`` is called with a `StoredBlock` for each block that left memory to make room for another, without any
    lock held. ``dumps`` pickles a list of records.

    >>> from pyspark.storagelevel import StorageLevel
    >>> store = BlockStore(Path("/nowhere"), memory_limit=1 << 20)
    >>> records, stored = store.put(7, 0, StorageLevel.MEMORY_ONLY, range(3))
    >>> list(records), [(block.node_id, block.partition) for block in stored], list(store.get(7, 0))
    ([0, 1, 2], [(7, 0)], [0, 1, 2])
    """

    def __init__(
        self,
        folder: Path,
        memory_limit: int,
        on_drop: Callable[[StoredBlock], None] = lambda block: None,
        dumps: Dumps = plain_dumps,
    ) -> None:
        self._folder = folder
        self._memory_limit = memory_limit
        self._on_drop = on_drop
        self._dumps = dumps
        self._file_numbers = Counter()
        self._lock = threading.Lock()
        self._blocks: OrderedDict[BlockKey, _Block] = OrderedDict()
        """Least recently used first."""
        self._memory_used = 0
        self._removals: Multiset[int] = Multiset()
        """How often each dataset was removed, so that what was begun before a removal is not kept after it."""

    def get(self, node_id: int, partition: int) -> Iterator[Any] | None:
        """The records of a block, unpickled as they are asked for; None when it is not here."""
        batches = self.batches(node_id, partition)
        return None if batches is None else records_of(batches)

    def batches(self, node_id: int, partition: int) -> Iterable[bytes] | None:
        """The pickled batches of a block, as they are sent to another executor; None when it is not here."""
        key = (node_id, partition)
        with self._lock:
            block = self._blocks.get(key)
            if block is None:
                return None
            self._blocks.move_to_end(key)
            if block.batches is not None:
                return block.batches
            assert block.file is not None
            try:
                if block.file.is_whole():
                    return block.file.batches()
            except OSError:
                pass  # Somebody cleared the disk in between; that the block is lost is said below.
            self._forget(key)
        self._on_drop(StoredBlock(node_id, partition, 0, 0))
        return None

    def put(
        self, node_id: int, partition: int, level: StorageLevel, records: Iterable[Any]
    ) -> tuple[Iterator[Any], list[StoredBlock]]:
        """Keep ``records`` as ``level`` says.

        Returns them, to go on with, and what was stored: nothing when they don't fit into memory and may not lie on
        disk; then no more of them than fits is held at any time.

        Raises SerializationError when a record can't be pickled, DiskFullError.
        """
        batches, stored = self._store((node_id, partition), level, pickled_batches(iter(records), self._dumps))
        return records_of(batches), stored

    def put_copy(
        self, node_id: int, partition: int, level: StorageLevel, batches: Iterable[bytes]
    ) -> list[StoredBlock]:
        """Keep a block of another executor, given as its pickled batches. Returns what was stored, as `put` does.

        Raises DiskFullError.
        """
        return self._store((node_id, partition), level, iter(batches), is_read_on=False)[1]

    def _store(
        self, key: BlockKey, level: StorageLevel, rest: Iterator[bytes], is_read_on: bool = True
    ) -> tuple[Iterable[bytes], list[StoredBlock]]:
        """Keep the batches; they can be read again from what is returned, unless nobody wants to."""
        removals = self._removals[key[0]]
        held: list[bytes] = []
        if level.useMemory or level.useOffHeap:
            try:
                following = self._hold(held, rest, key[0])
            except BaseException:
                self._release(held)
                raise
            if following is None:
                return held, self._keep(key, _Block(level, batches=held), removals)
            rest = chain([following], rest)
        self._release(held)
        if not level.useDisk:
            return chain(held, rest), []
        file = self._new_file(key)
        file.write(chain(held, rest))
        # Opened before it is kept: its dataset may be removed at any time from then on.
        reading = file.batches() if is_read_on else ()
        return reading, self._keep(key, _Block(level, file=file), removals)

    def remove_node(self, node_id: int) -> None:
        """Forget every block of a dataset, those that are being stored now too."""
        with self._lock:
            self._removals[node_id] += 1
            for key in [key for key in self._blocks if key[0] == node_id]:
                self._forget(key)

    def clear(self) -> None:
        """Forget every block."""
        for node_id in {key[0] for key in list(self._blocks)}:
            self.remove_node(node_id)

    def status(self) -> StoreStatus:
        """What it holds now."""
        with self._lock:
            disk = sum(block.disk_bytes for block in self._blocks.values())
            return StoreStatus(self._memory_limit, self._memory_used, disk, len(self._blocks))

    def _hold(self, held: list[bytes], batches: Iterator[bytes], node_id: int) -> bytes | None:
        """Move ``batches`` to ``held`` as long as memory can be had; returns the first one that found no room."""
        for batch in batches:
            if not self._reserve(len(batch), node_id):
                return batch
            held.append(batch)
        return None

    def _reserve(self, size: int, node_id: int) -> bool:
        """Claim memory for a dataset, making room if need be."""
        dropped: list[StoredBlock] = []
        with self._lock:
            has_room = self._make_room(size, node_id, dropped)
            if has_room:
                self._memory_used += size
        for block in dropped:
            self._on_drop(block)
        return has_room

    def _make_room(self, size: int, node_id: int, dropped: list[StoredBlock]) -> bool:
        missing = self._memory_used + size - self._memory_limit
        if missing <= 0:
            return True
        victims = []
        for key, block in self._blocks.items():
            if block.batches is not None and key[0] != node_id:
                victims.append(key)
                missing -= block.memory_bytes
                if missing <= 0:
                    break
        if missing > 0:
            return False  # Nothing is pushed out for a block that doesn't fit anyway.
        for key in victims:
            dropped.append(self._evict(key))
        return True

    def _evict(self, key: BlockKey) -> StoredBlock:
        block = self._blocks[key]
        assert block.batches is not None
        if not block.level.useDisk:
            self._forget(key)
            return StoredBlock(*key, 0, 0)
        file = self._new_file(key)
        try:
            file.write(block.batches)
        except (OSError, DiskFullError):  # The block is lost, as its announcement says, and computed again.
            self._forget(key)
            return StoredBlock(*key, 0, 0)
        block.file, block.batches = file, None
        self._memory_used -= block.memory_bytes
        block.memory_bytes = 0
        return StoredBlock(*key, 0, file.size)

    def _keep(self, key: BlockKey, block: _Block, removals: int) -> list[StoredBlock]:
        """Enter a block whose memory is claimed already, unless its dataset was removed meanwhile."""
        block.memory_bytes = sum(map(len, block.batches or ()))
        with self._lock:
            if self._removals[key[0]] != removals:
                self._let_go(block)
                return []
            if key in self._blocks:  # Another attempt at the same partition was first; its block is the same.
                self._forget(key)
            self._blocks[key] = block
        return [StoredBlock(*key, block.memory_bytes, block.disk_bytes)]

    def _release(self, held: list[bytes]) -> None:
        with self._lock:
            self._memory_used -= sum(map(len, held))

    def _forget(self, key: BlockKey) -> None:
        self._let_go(self._blocks.pop(key))

    def _let_go(self, block: _Block) -> None:
        self._memory_used -= block.memory_bytes
        if block.file is not None:
            block.file.remove()

    def _new_file(self, key: BlockKey) -> BatchFile:
        return BatchFile(self._folder / f"block-{key[0]}-{key[1]}-{self._file_numbers.next()}")
