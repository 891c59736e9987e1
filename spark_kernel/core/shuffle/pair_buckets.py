"""Pairs on their way to their partitions: collected in a list for each, and encoded some hundreds at a time.

Batches of about a thousand records, fewer where they are large, are pickled and unpickled fastest (measured: a third
faster than 16,000): the pickler's memo and the records stay in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from spark_kernel.core.shuffle.combining import Pair
from spark_kernel.core.shuffle.frame_buffer import FrameBuffer
from spark_kernel.core.shuffle.frames import frame
from spark_kernel.core.shuffle.record_blocks import RecordBlocks
from spark_kernel.core.shuffle.sizes import object_bytes
from spark_kernel.core.shuffle.user_functions import checked_pairs

BATCH_RECORDS = 1000
_BATCH_BYTES = 1 << 18
"""In memory; pickled it is a fraction of that."""
_MIN_CHUNK = 16
_MAX_CHUNK = 2000
_CHUNK_BYTES = 1 << 22


class PairBuckets:
    """Sends pairs to the partitions that ``choose`` names for many keys at once, encoded into ``buffer``."""

    def __init__(
        self,
        partitions: int,
        choose: Callable[[Sequence[Any]], Sequence[int]],
        blocks: RecordBlocks,
        buffer: FrameBuffer,
        memory_limit: int,
    ) -> None:
        self._choose = choose
        self._blocks = blocks
        self._buffer = buffer
        self._limit = memory_limit
        self._buckets: list[list[Pair]] = [[] for _ in range(partitions)]
        self._appends = [bucket.append for bucket in self._buckets]
        self._most = partitions * BATCH_RECORDS
        self._pending = 0
        self._pending_bytes = 0
        self.records = 0
        """How many pairs were added."""

    def add(self, pairs: Sequence[Pair], record_bytes: int) -> None:
        """Add some pairs, each of about ``record_bytes``."""
        try:
            keys = [key for key, _ in pairs]
        except ValueError:
            keys = [key for key, _ in checked_pairs(pairs)]
        if len(self._buckets) == 1:
            self._buckets[0].extend(pairs)
        else:
            appends = self._appends
            for partition, pair in zip(self._choose(keys), pairs, strict=True):
                appends[partition](pair)
        self.records += len(pairs)
        self._pending += len(pairs)
        self._pending_bytes += len(pairs) * record_bytes
        if self._pending >= self._most or self._pending_bytes > self._limit:
            self.flush()

    def flush(self) -> None:
        """Encode all that is waiting."""
        blocks, buffer = self._blocks, self._buffer
        length = batch_length(self._pending_bytes // max(1, self._pending))
        for partition, bucket in enumerate(self._buckets):
            for start in range(0, len(bucket), length):
                payload = blocks.encode(bucket[start : start + length])
                buffer.add(partition, frame(blocks.kind, payload))
            bucket.clear()
        self._pending = self._pending_bytes = 0


def batch_length(record_bytes: int) -> int:
    """How many records of that size make a batch.

    >>> batch_length(100), batch_length(10_000), batch_length(100_000_000)
    (1000, 26, 1)
    """
    return max(1, min(BATCH_RECORDS, _BATCH_BYTES // max(1, record_bytes)))


def chunks(records: Iterator[Any], memory_share: int) -> Iterator[tuple[list[Pair], int]]:
    """Lists of pairs, each with the size of one of its pairs; short lists where records are large.

    A list is a small part of the task's ``memory_share``.

    Raises TypeError when a record is not a pair.
    """
    most = min(_CHUNK_BYTES, memory_share // 32)
    size = _MIN_CHUNK
    while chunk := list(islice(records, size)):
        record_bytes = max(object_bytes(chunk[0]), object_bytes(chunk[-1]), 64)
        size = min(4 * size, _MAX_CHUNK, max(1, most // record_bytes))
        if set(map(type, chunk)) != {tuple}:
            chunk = checked_pairs(chunk)
        yield chunk, record_bytes
