"""What follows when executors store, drop or lose cached blocks: who is told, and which block needs another copy.

Storage levels with several copies (``MEMORY_ONLY_2``): the executor that computed a block keeps it, and others are told
to fetch it, right after; so a lost executor costs nothing but the time to copy its blocks again. With fewer executors
than copies there is one copy on each, and a worker that joins gets what is missing. Pure; asked by the state machine.
"""

from __future__ import annotations

from collections.abc import Iterator

from spark_kernel.core.execution import backend
from spark_kernel.core.scheduler import announcements, messages
from spark_kernel.core.scheduler.block_registry import BlockRegistry
from spark_kernel.core.scheduler.job_graph import NodeFacts
from spark_kernel.core.scheduler.messages import Instruction

_Copy = tuple[int, int, str]
"""Dataset, partition, and the executor that is fetching it."""


class BlockKeeping:
    """Keeps the registry of blocks up to date."""

    def __init__(self, facts: NodeFacts, blocks: BlockRegistry) -> None:
        self._facts = facts
        self._blocks = blocks
        self._hosts: dict[str, str] = {}
        self._on_the_way: set[_Copy] = set()

    def stored(self, now: float, executor_id: str, block: backend.StoredBlock) -> Iterator[Instruction]:
        """An executor stored a block, moved it, or, when it holds no bytes of it, dropped it."""
        if self._facts.level(block.node_id) is None:
            yield messages.DropBlocks(block.node_id)  # Unpersisted while it was being stored.
            return
        self._blocks.update(executor_id, block)
        yield messages.Announce(announcements.block_updated(now, executor_id, block))
        if block.memory_bytes or block.disk_bytes:
            yield from self._missing_copies(block.node_id, block.partition)

    def copied(self, now: float, executor_id: str, block: backend.StoredBlock) -> Iterator[Instruction]:
        """An executor that was told to copy a block has done so, or found no way or no room."""
        self._on_the_way.discard((block.node_id, block.partition, executor_id))
        if executor_id in self._hosts and (block.memory_bytes or block.disk_bytes):
            yield from self.stored(now, executor_id, block)

    def executor_joined(self, executor: backend.Executor) -> Iterator[Instruction]:
        """It may hold copies."""
        self._hosts[executor.executor_id] = executor.host
        for node_id, partition in list(self._blocks.places()):
            yield from self._missing_copies(node_id, partition)

    def executor_lost(self, now: float, executor_id: str) -> Iterator[Instruction]:
        """It is gone, and its blocks with it."""
        self._hosts.pop(executor_id, None)
        self._on_the_way = {copy for copy in self._on_the_way if copy[2] != executor_id}
        for block in self._blocks.lose_executor(executor_id):
            yield messages.Announce(announcements.block_lost(now, executor_id, block))
            yield from self._missing_copies(block.node_id, block.partition)

    def forget(self, node_id: int) -> None:
        """The dataset is not persisted any more."""
        self._on_the_way = {copy for copy in self._on_the_way if copy[0] != node_id}
        self._blocks.forget(node_id)

    def _missing_copies(self, node_id: int, partition: int) -> Iterator[messages.CopyBlock]:
        level = self._facts.level(node_id)
        holders = self._blocks.holders_of(node_id, partition)
        if level is None or level.replication < 2 or not holders:
            return
        taken = {*holders, *(copy[2] for copy in self._on_the_way if copy[:2] == (node_id, partition))}
        free = [executor_id for executor_id in self._hosts if executor_id not in taken]
        # Another machine first, as in Spark; among equals the copies of the partitions are spread.
        turn = partition % max(len(free), 1)
        hosts = {self._hosts.get(executor_id) for executor_id in taken}
        targets = sorted(free[turn:] + free[:turn], key=lambda executor_id: self._hosts[executor_id] in hosts)
        for target in targets[: max(level.replication - len(taken), 0)]:
            self._on_the_way.add((node_id, partition, target))
            yield messages.CopyBlock(node_id, partition, level, holders[0], target)
