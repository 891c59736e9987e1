"""Sorting pairs by key that may be more than memory holds.

Pairs are collected and sorted in memory; when they outgrow their share, the sorted run goes to a temporary file. At the
end the runs are merged a batch at a time: of what each run has at hand, everything up to the lowest of the last keys is
sorted together, which Python's sort does fast since it finds the runs. That keeps the work per record in C, where
``heapq.merge``, and with it ``pyspark.shuffle.ExternalSorter``, spends a microsecond of Python on each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

from spark_kernel.core.lineage.recipes import TaskScope
from spark_kernel.core.lineage.shuffle_specs import KeyOrdering
from spark_kernel.core.shuffle.combining import Pair
from spark_kernel.core.shuffle.frames import frame, split_frames
from spark_kernel.core.shuffle.orders import sort_pairs
from spark_kernel.core.shuffle.pair_buckets import BATCH_RECORDS, chunks
from spark_kernel.core.shuffle.record_blocks import RecordBlocks
from spark_kernel.core.shuffle.sizes import object_bytes
from spark_kernel.core.shuffle.spill_files import SpillFile
from spark_kernel.core.shuffle.user_functions import UsersFunctions

_SLOT_BYTES = 24
"""A pair's place in the list, and in the lists that the sort makes."""
_SAMPLED = 8
_LEAST_PIECE, _MOST_PIECE = 4096, 1 << 18
"""Bytes that are read of a run at a time."""


def sort_by_key(
    records: Iterator[Pair], ordering: KeyOrdering, scope: TaskScope, blocks: RecordBlocks | None = None
) -> Iterator[Pair]:
    """``records`` sorted by key; pairs whose keys are equal stay in their order, descending too.

    Nothing is read before the first pair is asked for. More than ``scope.memory_share`` bytes are spilled to
    ``scope.scratch``.

    Raises TypeError for keys that can't be compared, and for records that are no pairs.
    """
    return sort_batches((chunk for chunk, _ in chunks(records, scope.memory_share)), ordering, scope, blocks)


def sort_batches(
    batches: Iterable[Sequence[Pair]], ordering: KeyOrdering, scope: TaskScope, blocks: RecordBlocks | None = None
) -> Iterator[Pair]:
    """`sort_by_key` for pairs that come in lists."""
    return chain.from_iterable(_Sort(ordering, scope, blocks or RecordBlocks()).parts(batches))


class _Sort:
    def __init__(self, ordering: KeyOrdering, scope: TaskScope, blocks: RecordBlocks) -> None:
        self._ordering = ordering
        self._descending = not ordering.ascending
        self._scope = scope
        self._blocks = blocks
        self._file: SpillFile | None = None

    def parts(self, batches: Iterable[Sequence[Pair]]) -> Iterator[list[Pair]]:
        """The sorted pairs, in lists that follow each other."""
        pairs: list[Pair] = []
        size = 0
        runs: list[tuple[int, int]] = []
        try:
            for batch in batches:
                self._scope.check_cancelled()
                pairs += batch
                size += _bytes_of(batch)
                if size > self._scope.memory_share // 2:
                    runs.append(self._spill(pairs, size))
                    pairs, size = [], 0
            pairs = self._sorted(pairs)
            if not runs:
                yield pairs
            else:
                piece = min(_MOST_PIECE, max(_LEAST_PIECE, self._scope.memory_share // (8 * len(runs))))
                yield from self._merged([*(self._run(run, piece) for run in runs), iter([pairs])])
        finally:
            if self._file is not None:
                self._file.close()

    def _sorted(self, pairs: list[Pair]) -> list[Pair]:
        with UsersFunctions():
            return sort_pairs(pairs, self._ordering.key, self._descending)

    def _spill(self, pairs: list[Pair], size: int) -> tuple[int, int]:
        pairs = self._sorted(pairs)
        if self._file is None:
            self._file = SpillFile(self._scope.scratch)
        start = self._file.size
        # While runs are merged there is a batch of each in memory.
        length = max(1, min(BATCH_RECORDS, len(pairs) * (self._scope.memory_share // 128) // size))
        for position in range(0, len(pairs), length):
            payload = self._blocks.encode(pairs[position : position + length])
            self._file.append(frame(self._blocks.kind, payload))
        self._scope.counts.spilled_bytes += self._file.size - start
        return start, self._file.size

    def _run(self, place: tuple[int, int], piece: int) -> Iterator[list[Pair]]:
        assert self._file is not None
        for _, payload in split_frames(self._file.pieces(*place, piece)):
            self._scope.check_cancelled()
            yield self._blocks.decode(payload)

    def _merged(self, runs: list[Iterator[list[Pair]]]) -> Iterator[list[Pair]]:
        key = _pair_key(self._ordering.key)
        heads = [head for head in (_Head(run, key, self._descending) for run in runs) if head.refill()]
        while heads:
            lowest = _lowest(heads)
            bound = heads[lowest].keys[-1]
            # Equal keys stay in the order of the runs: those of later runs wait until the lowest run has no more.
            taken = [pair for i, head in enumerate(heads) for pair in head.take(bound, through=i <= lowest)]
            taken.sort(key=key, reverse=self._descending)
            yield taken
            if not heads[lowest].refill():
                del heads[lowest]


class _Head:
    """The batch of a run that is in memory."""

    def __init__(self, run: Iterator[list[Pair]], key: Callable[[Pair], Any], descending: bool) -> None:
        self._run = run
        self._key = key
        self._descending = descending
        self._pairs: list[Pair] = []
        self.keys: list[Any] = []

    def refill(self) -> bool:
        """Load the next batch, the one before being used up; False when there is none."""
        self._pairs = next((batch for batch in self._run if batch), [])
        self.keys = list(map(self._key, self._pairs))
        return bool(self._pairs)

    def take(self, bound: Any, through: bool) -> list[Pair]:
        """Remove and return the pairs whose keys come before ``bound``, and those equal to it if ``through``."""
        low, high = 0, len(self.keys)
        while low < high:
            middle = (low + high) // 2
            key = self.keys[middle]
            if not self.comes_before(bound, key) if through else self.comes_before(key, bound):
                low = middle + 1
            else:
                high = middle
        taken, self._pairs = self._pairs[:low], self._pairs[low:]
        self.keys = self.keys[low:]
        return taken

    def comes_before(self, key: Any, other: Any) -> bool:
        """Whether ``key`` is sorted before ``other``. Uses ``<`` alone, as Python's sort does."""
        return bool(other < key) if self._descending else bool(key < other)


def _lowest(heads: list[_Head]) -> int:
    """The first of those heads whose last key is lowest."""
    lowest = 0
    for i, head in enumerate(heads):
        if head.comes_before(head.keys[-1], heads[lowest].keys[-1]):
            lowest = i
    return lowest


def _pair_key(key: Callable[[Any], Any] | None) -> Callable[[Pair], Any]:
    return itemgetter(0) if key is None else lambda pair: key(pair[0])


def _bytes_of(batch: Sequence[Pair]) -> int:
    sample = batch[:: max(1, len(batch) // _SAMPLED)]
    return sum(map(object_bytes, sample)) * len(batch) // len(sample) + _SLOT_BYTES * len(batch) if sample else 0
