"""How much of each persisted dataset is in the cache, as far as events tell. Used by `model` alone."""

from __future__ import annotations

from spark_kernel.common.events import BlockUpdated


class CachedBlocks:
    """The cached partitions of one dataset.

    A job announces how many there were, but not which; later updates name the partition.
    """

    def __init__(self, cached_at_submission: int) -> None:
        self._unnamed = cached_at_submission
        self._holders: dict[int, set[str]] = {}

    def update(self, event: BlockUpdated) -> None:
        """An executor stored or dropped a partition."""
        holders = self._holders.setdefault(event.partition, set())
        if event.memory_bytes or event.disk_bytes:
            holders.add(event.executor_id)
            return
        if not holders:
            self._unnamed = max(0, self._unnamed - 1)
        holders.discard(event.executor_id)

    def count(self, partitions: int) -> int:
        """How many of the dataset's ``partitions`` are held by some executor."""
        named = sum(1 for holders in self._holders.values() if holders)
        return min(partitions, self._unnamed + named)
