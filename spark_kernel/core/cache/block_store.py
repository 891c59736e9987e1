"""The blocks of persisted datasets on one executor: in memory up to a limit, on disk where the level allows it.

A block is one partition, kept as pickled batches so that its size is exact. Execution asks `get` before it computes a
persisted dataset and `put` when it had to; the blocks that this pushed out are reported to the driver.
"""

from __future__ import annotations

import pickle
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from spark_kernel.core.cache.stored_blocks import StoredBlock
from spark_kernel.core.lineage.storage_levels import StorageLevel

BlockKey = tuple[int, int]
"""(node_id, partition)."""
_BATCH = 1024


@dataclass
class _Block:
    level: StorageLevel
    batches: list[bytes] | None
    """In memory; None when it lies on disk."""
    path: Path | None
    size: int


class BlockStore:
    """Blocks of one executor. Safe to use from all its task threads.

    ``on_drop`` is called with a `StoredBlock` for each block that left memory to make room for another.
    """

    def __init__(
        self, folder: Path, memory_limit: int, on_drop: Callable[[StoredBlock], None] = lambda block: None
    ) -> None:
        self._folder = folder
        self._memory_limit = memory_limit
        self._on_drop = on_drop
        self._lock = threading.RLock()
        self._blocks: OrderedDict[BlockKey, _Block] = OrderedDict()
        self._memory_used = 0

    def get(self, node_id: int, partition: int) -> Iterator[Any] | None:
        """The records of a block, or None when it is not here."""
        with self._lock:
            block = self._blocks.get((node_id, partition))
            if block is None:
                return None
            self._blocks.move_to_end((node_id, partition))
            batches = block.batches
            if batches is None:
                assert block.path is not None
                batches = pickle.loads(block.path.read_bytes())
        return _records(batches)

    def put(
        self, node_id: int, partition: int, level: StorageLevel, records: Iterable[Any]
    ) -> tuple[Iterator[Any], list[StoredBlock]]:
        """Keep ``records`` as ``level`` says; gives them back, and what was stored (nothing when it did not fit)."""
        iterator = iter(records)
        batches = []
        while batch := list(islice(iterator, _BATCH)):
            batches.append(pickle.dumps(batch, 5))
        size = sum(map(len, batches))
        key = (node_id, partition)
        with self._lock:
            if (level.useMemory or level.useOffHeap) and self._make_room(size, node_id):
                self._blocks[key] = _Block(level, batches, None, size)
                self._memory_used += size
                return _records(batches), [StoredBlock(node_id, partition, size, 0)]
            if level.useDisk:
                self._blocks[key] = _Block(level, None, self._write(key, batches), size)
                return _records(batches), [StoredBlock(node_id, partition, 0, size)]
        return _records(batches), []

    def remove_node(self, node_id: int) -> None:
        """Forget every block of a dataset."""
        with self._lock:
            for key in [key for key in self._blocks if key[0] == node_id]:
                self._remove(key)

    def _make_room(self, size: int, node_id: int) -> bool:
        while self._memory_used + size > self._memory_limit:
            victim = next((k for k, b in self._blocks.items() if b.batches is not None and k[0] != node_id), None)
            if victim is None:
                return False
            self._evict(victim)
        return True

    def _evict(self, key: BlockKey) -> None:
        block = self._blocks[key]
        assert block.batches is not None
        if block.level.useDisk:
            block.path = self._write(key, block.batches)
            block.batches = None
            self._memory_used -= block.size
            self._on_drop(StoredBlock(*key, 0, block.size))
        else:
            self._remove(key)
            self._on_drop(StoredBlock(*key, 0, 0))

    def _remove(self, key: BlockKey) -> None:
        block = self._blocks.pop(key)
        if block.batches is not None:
            self._memory_used -= block.size
        if block.path is not None:
            block.path.unlink(missing_ok=True)

    def _write(self, key: BlockKey, batches: list[bytes]) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"block-{key[0]}-{key[1]}"
        path.write_bytes(pickle.dumps(batches, 5))
        return path


def _records(batches: list[bytes]) -> Iterator[Any]:
    for batch in batches:
        yield from pickle.loads(batch)
