"""Which cached blocks are copied where, for storage levels with several copies."""

from __future__ import annotations

import pytest
from pyspark import StorageLevel

from spark_kernel.core.execution.backend import Executor, StoredBlock
from spark_kernel.core.scheduler.block_keeping import BlockKeeping
from spark_kernel.core.scheduler.block_registry import BlockRegistry
from spark_kernel.core.scheduler.job_graph import NodeFacts
from spark_kernel.core.scheduler.messages import CopyBlock, DropBlocks

TWICE, THRICE = StorageLevel.MEMORY_ONLY_2, StorageLevel.DISK_ONLY_3


class Cluster:
    """A `BlockKeeping`, and the copies that it asks for."""

    def __init__(self, *executors: str, level: StorageLevel | None = TWICE) -> None:
        """``executors`` are named ``host:port``."""
        self.level = level
        self.registry = BlockRegistry()
        facts = NodeFacts(lambda node_id: self.level, lambda node_id: None, self.registry.cached_partitions)
        self.keeping = BlockKeeping(facts, self.registry)
        for name in executors:
            self.join(name)

    def join(self, name: str) -> list[tuple[int, str, str]]:
        executor = Executor(name, name.partition(":")[0], cores=1, memory_bytes=0)
        return orders(self.keeping.executor_joined(executor))

    def stored(self, partition: int, executor: str, size: int = 10) -> list[tuple[int, str, str]]:
        return orders(self.keeping.stored(0.0, executor, StoredBlock(1, partition, size, 0)))

    def copied(self, partition: int, executor: str, size: int = 10) -> list[tuple[int, str, str]]:
        return orders(self.keeping.copied(0.0, executor, StoredBlock(1, partition, size, 0)))

    def lose(self, executor: str) -> list[tuple[int, str, str]]:
        return orders(self.keeping.executor_lost(0.0, executor))

    def holders(self, partition: int) -> set[str]:
        return set(self.registry.holders_of(1, partition))


def orders(instructions) -> list[tuple[int, str, str]]:
    return [(each.partition, each.holder, each.target) for each in instructions if isinstance(each, CopyBlock)]


def test_a_block_is_copied_once_to_another_executor() -> None:
    cluster = Cluster("a:1", "a:2")
    assert cluster.stored(0, "a:1") == [(0, "a:1", "a:2")]
    assert cluster.copied(0, "a:2") == []
    assert cluster.holders(0) == {"a:1", "a:2"}


def test_another_machine_comes_first() -> None:
    cluster = Cluster("a:1", "a:2", "b:1", "b:2", level=THRICE)
    assert [target for _, _, target in cluster.stored(0, "a:1")] == ["b:1", "b:2"]


def test_the_copies_of_several_partitions_are_spread() -> None:
    cluster = Cluster("a:1", "b:1", "c:1", "d:1")
    targets = [cluster.stored(partition, "a:1")[0][2] for partition in range(3)]
    assert sorted(targets) == ["b:1", "c:1", "d:1"]


@pytest.mark.parametrize("level", [StorageLevel.MEMORY_ONLY, None])
def test_one_copy_is_enough_for_other_levels(level) -> None:
    cluster = Cluster("a:1", "a:2", level=level)
    assert cluster.stored(0, "a:1") == []


def test_a_second_report_on_the_way_orders_nothing_twice() -> None:
    cluster = Cluster("a:1", "a:2", "a:3")
    assert len(cluster.stored(0, "a:1")) == 1
    assert cluster.stored(0, "a:1") == []


def test_what_a_lost_executor_held_is_copied_from_who_still_has_it() -> None:
    cluster = Cluster("a:1", "b:1", "c:1")
    ((_, _, target),) = cluster.stored(0, "a:1")
    cluster.copied(0, target)
    (other,) = {"b:1", "c:1"} - {target}
    assert cluster.lose("a:1") == [(0, target, other)]
    cluster.copied(0, other)
    assert cluster.holders(0) == {"b:1", "c:1"}


def test_a_copy_on_its_way_to_a_lost_executor_is_ordered_elsewhere() -> None:
    cluster = Cluster("a:1", "a:2")
    assert cluster.stored(0, "a:1") == [(0, "a:1", "a:2")]
    cluster.lose("a:2")
    assert cluster.copied(0, "a:2") == []
    assert cluster.holders(0) == {"a:1"}
    assert cluster.join("a:3") == [(0, "a:1", "a:3")]


def test_an_executor_that_joins_gets_what_is_missing() -> None:
    cluster = Cluster("a:1")
    assert cluster.stored(0, "a:1") == cluster.stored(1, "a:1") == []
    assert cluster.join("a:2") == [(0, "a:1", "a:2"), (1, "a:1", "a:2")]


def test_a_copy_that_found_no_room_is_not_ordered_again_at_once() -> None:
    cluster = Cluster("a:1", "a:2")
    cluster.stored(0, "a:1")
    assert cluster.copied(0, "a:2", size=0) == []
    assert cluster.holders(0) == {"a:1"}


def test_a_block_that_was_dropped_for_lack_of_room_is_not_copied_back() -> None:
    cluster = Cluster("a:1", "a:2")
    cluster.stored(0, "a:1")
    cluster.copied(0, "a:2")
    assert cluster.stored(0, "a:1", size=0) == []
    assert cluster.holders(0) == {"a:2"}


def test_a_copy_that_comes_after_unpersist_is_dropped() -> None:
    cluster = Cluster("a:1", "a:2")
    cluster.stored(0, "a:1")
    cluster.level = None
    cluster.keeping.forget(1)
    assert list(cluster.keeping.copied(0.0, "a:2", StoredBlock(1, 0, 10, 0))) == [DropBlocks(1)]
