"""A dataset kept with two copies survives the loss of a worker: nothing of it is computed again."""

from __future__ import annotations

import os
import signal
import threading

import pytest
from pyspark import StorageLevel

from spark_kernel.common import events
from spark_kernel.core.context import SparkContext

pytestmark = pytest.mark.cluster

PARTITIONS = 6


class Holders:
    """Who holds which partition of any dataset, and a way to wait for it."""

    def __init__(self, sc: SparkContext) -> None:
        self._changed = threading.Condition()
        self._held: set[tuple[str, int]] = set()
        self._left: set[str] = set()
        sc.events.listen(self._hear)

    def _hear(self, event: events.Event) -> None:
        with self._changed:
            if isinstance(event, events.BlockUpdated):
                change = self._held.add if event.memory_bytes or event.disk_bytes else self._held.discard
                change((event.executor_id, event.partition))
            elif isinstance(event, events.ExecutorRemoved):
                self._left.add(event.executor_id)
            self._changed.notify_all()

    def wait_for_copies(self, copies: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self._least() >= copies, timeout=60), self._held

    def wait_for_loss(self) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self._left, timeout=60)

    def _least(self) -> int:
        return min(sum(1 for _, held in self._held if held == partition) for partition in range(PARTITIONS))


@pytest.mark.parametrize("level", [StorageLevel.MEMORY_ONLY_2, StorageLevel.DISK_ONLY_2])
def test_a_worker_dies_and_its_blocks_are_read_elsewhere(level, tmp_path) -> None:
    with SparkContext("local[2]", "replicated") as sc:
        holders = Holders(sc)
        computed = tmp_path / "computed"

        def note(x: int) -> int:
            with open(computed, "ab") as file:
                file.write(b".")
            return x

        rdd = sc.parallelize(range(PARTITIONS), PARTITIONS).map(note).persist(level)
        assert rdd.count() == PARTITIONS
        holders.wait_for_copies(2)
        assert "2x Replicated" in rdd.toDebugString().decode()
        os.kill(sc.parallelize([0], 1).map(lambda _: os.getpid()).first(), signal.SIGKILL)
        holders.wait_for_loss()
        assert sorted(rdd.collect()) == list(range(PARTITIONS))
        assert computed.stat().st_size == PARTITIONS
        # The worker that takes the lost one's place gets copies, so that the other may die as well.
        holders.wait_for_copies(2)
