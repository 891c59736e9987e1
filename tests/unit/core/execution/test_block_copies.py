"""An executor that is told to keep copies of other executors' blocks."""

from __future__ import annotations

import queue
from concurrent.futures import Future

import pytest
from pyspark import StorageLevel

from spark_kernel.core.cache.block_store import BlockStore
from spark_kernel.core.cache.stored_blocks import StoredBlock
from spark_kernel.core.execution.block_copies import BlockCopies
from spark_kernel.core.shuffle.transport import BlockMissingError, PeerUnreachableError


class Peers:
    """Other executors: what they answer when they are asked for a block."""

    def __init__(self) -> None:
        self.source = BlockStore("/nowhere", memory_limit=1 << 20)
        self.source.put(1, 0, StorageLevel.MEMORY_ONLY_2, [1, 2])
        self.error: Exception | None = None

    def fetch(self, executor_id: str, node_id: int, partition: int):
        coming = Future()
        if self.error is not None:
            coming.set_exception(self.error)
        else:
            coming.set_result([memoryview(batch) for batch in self.source.batches(node_id, partition)])
        return coming


@pytest.fixture
def peers():
    return Peers()


@pytest.fixture
def told():
    return queue.Queue()


@pytest.fixture
def store(tmp_path):
    return BlockStore(tmp_path, memory_limit=1 << 20)


@pytest.fixture
def copies(store, peers, told):
    copies = BlockCopies(store, peers.fetch, told.put)
    yield copies
    copies.stop()


def test_it_keeps_what_it_fetched_and_says_so(copies, store, told) -> None:
    copies.begin(1, 0, StorageLevel.MEMORY_ONLY_2, "tcp://peer")
    block = told.get(timeout=10).block
    assert block.memory_bytes > 0
    assert list(store.get(1, 0)) == [1, 2]


@pytest.mark.parametrize("error", [BlockMissingError("gone"), PeerUnreachableError("dead"), OSError("disk full")])
def test_a_copy_that_can_not_be_made_is_reported_and_the_next_one_is(copies, store, peers, told, error) -> None:
    peers.error = error
    copies.begin(1, 0, StorageLevel.MEMORY_ONLY_2, "tcp://peer")
    assert told.get(timeout=10).block == StoredBlock(1, 0, 0, 0)
    peers.error = None
    copies.begin(1, 0, StorageLevel.MEMORY_ONLY_2, "tcp://peer")
    assert told.get(timeout=10).block.memory_bytes > 0
