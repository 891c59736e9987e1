"""Which executors hold which cached partitions. Lives on the driver; the blocks themselves live in `core/cache`."""

from __future__ import annotations

from collections.abc import Iterator

from spark_kernel.core.execution.backend import StoredBlock


class BlockRegistry:
    """Blocks by dataset, partition and executor."""

    def __init__(self) -> None:
        self._blocks: dict[int, dict[int, dict[str, StoredBlock]]] = {}

    def update(self, executor_id: str, block: StoredBlock) -> None:
        """An executor stored a block, moved it, or, when it holds no bytes of it, dropped it."""
        holders = self._blocks.setdefault(block.node_id, {}).setdefault(block.partition, {})
        if block.memory_bytes or block.disk_bytes:
            holders[executor_id] = block
        else:
            holders.pop(executor_id, None)
            if not holders:
                del self._blocks[block.node_id][block.partition]

    def lose_executor(self, executor_id: str) -> list[StoredBlock]:
        """The executor is gone, and its blocks with it; returns those."""
        lost = []
        for node_id, partition in list(self.places()):
            holders = self._blocks[node_id][partition]
            if (block := holders.pop(executor_id, None)) is not None:
                lost.append(block)
            if not holders:
                del self._blocks[node_id][partition]
        return lost

    def forget(self, node_id: int) -> None:
        """The dataset is not persisted any more."""
        self._blocks.pop(node_id, None)

    def lose_block(self, node_id: int, partition: int) -> None:
        """Nobody could deliver the block."""
        self._blocks.get(node_id, {}).pop(partition, None)

    def is_complete(self, node_id: int, partitions: int) -> bool:
        """Whether every partition of the dataset, of ``partitions`` in all, is held by some executor."""
        return 0 < partitions == len(self._blocks.get(node_id, ()))

    def cached_partitions(self, node_id: int) -> int:
        """How many partitions of the dataset are held by some executor."""
        return len(self._blocks.get(node_id, {}))

    def holders(self, node_id: int) -> dict[int, tuple[str, ...]]:
        """For each cached partition the executors that hold it."""
        return {partition: tuple(holders) for partition, holders in self._blocks.get(node_id, {}).items()}

    def sizes(self, node_id: int) -> tuple[int, int]:
        """Bytes of the dataset in memory and on disk, over all executors."""
        blocks = [block for holders in self._blocks.get(node_id, {}).values() for block in holders.values()]
        return sum(block.memory_bytes for block in blocks), sum(block.disk_bytes for block in blocks)

    def holders_of(self, node_id: int, partition: int) -> tuple[str, ...]:
        """The executors that hold one partition."""
        return tuple(self._blocks.get(node_id, {}).get(partition, ()))

    def places(self) -> Iterator[tuple[int, int]]:
        """Every cached partition, with its dataset first."""
        return ((node_id, partition) for node_id, partitions in self._blocks.items() for partition in partitions)
