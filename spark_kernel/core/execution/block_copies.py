"""Copies of other executors' cached blocks, for storage levels that ask for several: fetched one after the other, in a
thread of its own, on the driver's order (`core/scheduler/block_keeping.py`).
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable

from spark_kernel.core.cache.block_store import BlockStore
from spark_kernel.core.cache.stored_blocks import StoredBlock
from spark_kernel.core.execution.executor_state import FetchCached
from spark_kernel.core.execution.worker_messages import Copied
from spark_kernel.core.lineage.storage_levels import StorageLevel
from spark_kernel.core.shuffle.transport import BlockMissingError, PeerUnreachableError

_log = logging.getLogger(__name__)

_Order = tuple[int, int, StorageLevel, str]


class BlockCopies:
    """The copies that one executor is told to keep. ``tell`` hears of each how it went."""

    def __init__(self, blocks: BlockStore, fetch: FetchCached, tell: Callable[[Copied], None]) -> None:
        self._blocks = blocks
        self._fetch = fetch
        self._tell = tell
        self._orders: queue.SimpleQueue[_Order | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def begin(self, node_id: int, partition: int, level: StorageLevel, holder: str) -> None:
        """Copy a block that the executor ``holder`` has. Returns at once. To be called from one thread only."""
        self._orders.put((node_id, partition, level, holder))
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="spark-kernel-block-copies", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Begin no other copy."""
        self._orders.put(None)

    def _run(self) -> None:
        while (order := self._orders.get()) is not None:
            self._tell(Copied(self._copied(*order)))

    def _copied(self, node_id: int, partition: int, level: StorageLevel, holder: str) -> StoredBlock:
        nothing = StoredBlock(node_id, partition, 0, 0)
        try:
            batches = self._fetch(holder, node_id, partition).result()
            # What comes over the wire may be a view of a larger buffer.
            stored = self._blocks.put_copy(node_id, partition, level, map(bytes, batches))
        except (BlockMissingError, PeerUnreachableError) as error:
            _log.info("no copy of block %d of dataset %d: %s", partition, node_id, error)
            return nothing
        except OSError as error:
            _log.warning("no copy of block %d of dataset %d: %s", partition, node_id, error)
            return nothing
        return stored[0] if stored else nothing
