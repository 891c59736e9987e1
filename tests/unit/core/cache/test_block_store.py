"""What an executor keeps of persisted datasets, and what it gives up when memory runs short."""

from __future__ import annotations

import itertools
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from pyspark.storagelevel import StorageLevel

from spark_kernel.common.errors import SerializationError
from spark_kernel.core.cache.batches import records_of
from spark_kernel.core.cache.block_store import BlockStore
from spark_kernel.core.cache.stored_blocks import StoredBlock

MEMORY, BOTH, DISK = StorageLevel.MEMORY_ONLY, StorageLevel.MEMORY_AND_DISK, StorageLevel.DISK_ONLY
LIMIT = 10_000


def block(size: int = 3000) -> list[Any]:
    return ["first", os.urandom(size), "last"]


@pytest.fixture
def dropped() -> list[StoredBlock]:
    return []


@pytest.fixture
def store(tmp_path: Path, dropped: list[StoredBlock]) -> BlockStore:
    return BlockStore(tmp_path, LIMIT, dropped.append)


def files(folder: Path) -> int:
    return sum(path.is_file() for path in folder.rglob("*"))


def got(store: BlockStore, node_id: int, partition: int) -> list[Any] | None:
    records = store.get(node_id, partition)
    return None if records is None else list(records)


@pytest.mark.parametrize("level", [MEMORY, BOTH, DISK, StorageLevel.OFF_HEAP, StorageLevel.MEMORY_AND_DISK_DESER])
def test_what_is_put_can_be_got_again_and_again(store: BlockStore, level: StorageLevel) -> None:
    content = block()
    records, stored = store.put(1, 2, level, iter(content))
    assert list(records) == content
    assert got(store, 1, 2) == got(store, 1, 2) == content
    in_memory, on_disk = stored[0].memory_bytes > 0, stored[0].disk_bytes > 0
    assert (in_memory, on_disk) == (level is not DISK, level is DISK)
    assert got(store, 1, 3) is None


def test_sizes_are_exact(store: BlockStore, tmp_path: Path) -> None:
    _, in_memory = store.put(1, 0, MEMORY, block())
    _, on_disk = store.put(1, 1, DISK, block())
    status = store.status()
    assert (status.memory_bytes, status.disk_bytes, status.blocks) == (
        in_memory[0].memory_bytes,
        on_disk[0].disk_bytes,
        2,
    )
    assert on_disk[0].disk_bytes == sum(path.stat().st_size for path in tmp_path.iterdir())


def test_nobody_can_change_what_others_read(store: BlockStore) -> None:
    records, _ = store.put(1, 0, MEMORY, [[1], [2]])
    next(records).append("mine")
    next(store.get(1, 0) or iter(())).append("mine")
    assert got(store, 1, 0) == [[1], [2]]


def test_the_least_recently_used_block_goes_first(store: BlockStore, dropped: list[StoredBlock]) -> None:
    for node_id in (1, 2, 3):
        store.put(node_id, 0, MEMORY, block())
    got(store, 1, 0)
    store.put(4, 0, MEMORY, block())
    assert dropped == [StoredBlock(2, 0, 0, 0)]
    assert [got(store, node_id, 0) is not None for node_id in (1, 2, 3, 4)] == [True, False, True, True]


def test_a_block_that_may_lie_on_disk_moves_there(
    store: BlockStore, dropped: list[StoredBlock], tmp_path: Path
) -> None:
    content = block()
    store.put(1, 0, BOTH, content)
    store.put(2, 0, MEMORY, block(8000))
    assert [(each.node_id, each.memory_bytes) for each in dropped] == [(1, 0)]
    assert dropped[0].disk_bytes > 3000
    assert got(store, 1, 0) == content
    assert files(tmp_path) == 1


def test_a_dataset_does_not_push_out_its_own_blocks(store: BlockStore, dropped: list[StoredBlock]) -> None:
    stored = [bool(store.put(1, partition, MEMORY, block())[1]) for partition in range(5)]
    assert stored == [True, True, True, False, False]
    assert dropped == []


def test_nothing_is_pushed_out_for_a_block_that_does_not_fit_anyway(
    store: BlockStore, dropped: list[StoredBlock]
) -> None:
    store.put(1, 0, MEMORY, block())
    _, stored = store.put(2, 0, MEMORY, [os.urandom(2 * LIMIT)])
    assert (stored, dropped) == ([], [])
    assert got(store, 1, 0) is not None


def test_what_does_not_fit_is_passed_on_without_being_held(store: BlockStore) -> None:
    made = []

    def numbered() -> Iterator[bytes]:
        for i in range(1000):
            made.append(i)
            yield i.to_bytes(4, "big") * 100

    records, stored = store.put(1, 0, MEMORY, numbered())
    assert stored == []
    assert len(made) < 200
    assert store.status().memory_bytes == 0
    assert [int.from_bytes(record[:4], "big") for record in records] == list(range(1000))
    assert got(store, 1, 0) is None


def test_what_does_not_fit_goes_to_disk_where_the_level_allows_it(store: BlockStore, tmp_path: Path) -> None:
    content = [os.urandom(1000) for _ in range(50)]
    records, stored = store.put(1, 0, BOTH, iter(content))
    assert list(records) == got(store, 1, 0) == content
    assert (stored[0].memory_bytes, stored[0].disk_bytes > 50_000) == (0, True)
    assert store.status().memory_bytes == 0


def test_a_removed_dataset_leaves_nothing_and_may_come_back(store: BlockStore, tmp_path: Path) -> None:
    for partition, level in enumerate((MEMORY, BOTH, DISK)):
        store.put(1, partition, level, block(1000))
    store.put(2, 0, DISK, block())
    store.remove_node(1)
    assert [got(store, 1, partition) for partition in range(3)] == [None] * 3
    assert (store.status().memory_bytes, files(tmp_path)) == (0, 1)
    store.put(1, 0, MEMORY, ["again"])
    assert got(store, 1, 0) == ["again"]


def test_a_block_whose_dataset_is_removed_while_it_is_computed_is_not_kept(store: BlockStore, tmp_path: Path) -> None:
    def interrupted() -> Iterator[int]:
        yield 1
        store.remove_node(1)
        yield 2

    for level in (MEMORY, DISK):
        records, stored = store.put(1, 0, level, interrupted())
        assert list(records) == [1, 2]
        assert stored == []
        assert got(store, 1, 0) is None
    assert (store.status().memory_bytes, files(tmp_path)) == (0, 0)


def test_a_second_attempt_at_a_block_replaces_it(store: BlockStore, tmp_path: Path) -> None:
    for level in (MEMORY, DISK, MEMORY):
        store.put(1, 0, level, block())
    assert store.status().blocks == 1
    assert store.status().memory_bytes < 2 * 3000 + 200
    assert files(tmp_path) == 0


@pytest.mark.parametrize("damage", ["unlink", "truncate"])
def test_a_block_whose_file_is_damaged_is_lost_not_wrong(
    store: BlockStore, dropped: list[StoredBlock], tmp_path: Path, damage: str
) -> None:
    store.put(1, 0, DISK, block())
    (path,) = tmp_path.iterdir()
    path.unlink() if damage == "unlink" else os.truncate(path, 100)
    assert got(store, 1, 0) is None
    assert dropped == [StoredBlock(1, 0, 0, 0)]
    assert store.status().blocks == 0


def test_a_block_that_is_removed_while_it_is_read_is_read_to_its_end(store: BlockStore) -> None:
    content = [os.urandom(1000) for _ in range(20)]
    store.put(1, 0, DISK, content)
    records = store.get(1, 0)
    assert records is not None
    first = next(records)
    store.remove_node(1)
    assert [first, *records] == content


def test_a_step_that_fails_leaves_nothing_behind(store: BlockStore, tmp_path: Path) -> None:
    def failing() -> Iterator[bytes]:
        yield from (os.urandom(100) for _ in range(50))
        raise ValueError("record 50")

    for level in (MEMORY, BOTH, DISK):
        with pytest.raises(ValueError, match="record 50"):
            store.put(1, 0, level, failing())
    assert (store.status().memory_bytes, store.status().blocks, files(tmp_path)) == (0, 0, 0)


def test_a_record_that_cannot_be_pickled_is_refused_with_advice(store: BlockStore) -> None:
    with pytest.raises(SerializationError, match=r"persisted.*lock.*plain values"):
        store.put(1, 0, MEMORY, [threading.Lock()])


def test_a_full_disk_costs_the_block_that_was_to_go_there_and_nothing_else(
    store: BlockStore, dropped: list[StoredBlock], monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put(1, 0, BOTH, block())
    monkeypatch.setattr(Path, "mkdir", lambda *_, **__: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    content = block(8000)
    store.put(2, 0, MEMORY, content)
    assert dropped == [StoredBlock(1, 0, 0, 0)]
    assert got(store, 1, 0) is None
    assert got(store, 2, 0) == content


def test_batches_travel_to_another_executor_as_they_are(store: BlockStore) -> None:
    content = list(range(2000))
    for partition, level in enumerate((MEMORY, DISK)):
        store.put(1, partition, level, content)
        assert list(records_of(store.batches(1, partition) or ())) == content
    assert store.batches(9, 9) is None


def test_large_records_are_pickled_in_short_batches(store: BlockStore) -> None:
    records = iter([os.urandom(100_000) for _ in range(64)])
    store = BlockStore(Path("/nowhere"), 1 << 30)
    store.put(1, 0, MEMORY, records)
    assert max(map(len, store.batches(1, 0) or ())) < 20 * 100_000


def test_many_threads_at_once_keep_the_books_straight(tmp_path: Path) -> None:
    store = BlockStore(tmp_path, 40_000)
    numbers = itertools.count()
    failures: list[Any] = []

    def work() -> None:
        for _ in range(30):
            number = next(numbers)
            content = [number, os.urandom(3000)]
            records, _ = store.put(number % 7, number, (MEMORY, BOTH)[number % 2], content)
            if list(records) != content or got(store, number % 7, number) not in (content, None):
                failures.append(number)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert store.status().memory_bytes <= 40_000
    store.clear()
    assert (store.status().memory_bytes, store.status().blocks, files(tmp_path)) == (0, 0, 0)


class AnyUse(RuleBasedStateMachine):
    """Whatever is done with a store: it never gives wrong records, and its announcements add up."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.known: dict[tuple[int, int], StoredBlock] = {}
        self.contents: dict[tuple[int, int], list[Any]] = {}
        self.store = BlockStore(Path(self.folder.name), 2000, self.update)

    def update(self, block: StoredBlock) -> None:
        self.known[block.node_id, block.partition] = block

    @rule(
        node=st.integers(0, 3),
        partition=st.integers(0, 3),
        level=st.sampled_from([MEMORY, BOTH, DISK]),
        size=st.integers(0, 1500),
    )
    def put(self, node: int, partition: int, level: StorageLevel, size: int) -> None:
        content = [node, partition, os.urandom(size)]
        records, stored = self.store.put(node, partition, level, iter(content))
        assert list(records) == content
        for block in stored:
            self.update(block)
            self.contents[node, partition] = content

    @precondition(lambda self: self.known)
    @rule(data=st.data())
    def get(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.known)))
        block = self.known[key]
        is_stored = block.memory_bytes + block.disk_bytes > 0
        assert got(self.store, *key) == (self.contents[key] if is_stored else None)

    @rule(node=st.integers(0, 3))
    def remove(self, node: int) -> None:
        self.store.remove_node(node)
        self.known = {key: block for key, block in self.known.items() if key[0] != node}

    @invariant()
    def books_agree(self) -> None:
        status = self.store.status()
        assert status.memory_bytes == sum(block.memory_bytes for block in self.known.values()) <= 2000
        assert status.disk_bytes == sum(block.disk_bytes for block in self.known.values())

    def teardown(self) -> None:
        self.folder.cleanup()


AnyUse.TestCase.settings = settings(max_examples=30, stateful_step_count=15, deadline=None)
TestAnyUse = AnyUse.TestCase


@pytest.mark.parametrize(
    "level", [StorageLevel.MEMORY_ONLY_2, StorageLevel.DISK_ONLY_3, StorageLevel.MEMORY_AND_DISK_2]
)
def test_a_copy_of_another_stores_block_reads_like_that_one(tmp_path, level) -> None:
    first, second = (BlockStore(tmp_path / name, memory_limit=1 << 20) for name in "ab")
    first.put(7, 3, level, [[1], None, "x"])
    (stored,) = second.put_copy(7, 3, level, first.batches(7, 3))
    assert (stored.node_id, stored.partition, bool(stored.memory_bytes)) == (7, 3, level.useMemory)
    assert list(second.get(7, 3)) == [[1], None, "x"]


def test_a_copy_without_room_is_not_kept(tmp_path) -> None:
    store = BlockStore(tmp_path, memory_limit=10)
    assert store.put_copy(7, 3, StorageLevel.MEMORY_ONLY_2, [b"x" * 8, b"y" * 8]) == []
    assert store.get(7, 3) is None
    assert store.status().memory_bytes == 0
