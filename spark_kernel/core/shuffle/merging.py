"""Combining the values of keys that may be more than memory holds.

Pairs are combined in a dictionary. When it outgrows its share it is written to a temporary file, cut into slices by a
hash of the keys; at the end each slice is combined on its own, and sliced again if need be. What comes out is one pair
for each key, in the order of first arrival as long as nothing was spilled.

Measured against ``pyspark.shuffle.ExternalMerger``, which judges by the resident size of the whole process and dumps
its first spill one record at a time: this one is several times as fast once it spills, and works in threads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from spark_kernel.core.lineage.recipes import TaskScope
from spark_kernel.core.lineage.shuffle_specs import Aggregator
from spark_kernel.core.shuffle.combining import CombineLoop, Pair, combine, combiner_loop, fastest, makes_groups
from spark_kernel.core.shuffle.frame_buffer import FrameBuffer
from spark_kernel.core.shuffle.frames import split_frames
from spark_kernel.core.shuffle.large_groups import LargeGroups, in_pieces
from spark_kernel.core.shuffle.pair_buckets import PairBuckets, chunks
from spark_kernel.core.shuffle.record_blocks import RecordBlocks

SLICES = 64
_MAX_DEPTH = 4
"""After so many cuts a slice has few keys; what is too large then is a single key's combiner, which can't be cut unless
it is a group (`large_groups.py`)."""
_NO_LIMIT = 1 << 60


def combine_by_key(
    records: Iterator[Pair],
    aggregator: Aggregator,
    scope: TaskScope,
    blocks: RecordBlocks | None = None,
    combined: bool = False,
) -> Iterator[Pair]:
    """One pair of a key and its combiner for each key of ``records``.

    The values of ``records`` are combiners already when ``combined`` is set. Nothing is read before the first pair is
    asked for. More than ``scope.memory_share`` bytes are spilled to ``scope.scratch``.
    """
    items, loop = (records, combiner_loop(aggregator)) if combined else fastest(records, aggregator)
    merge = _Merge(combiner_loop(aggregator), scope, blocks or RecordBlocks(), makes_groups(aggregator), depth=0)
    return chain.from_iterable(merge.parts(items, loop))


class _Merge:
    def __init__(
        self, again: CombineLoop, scope: TaskScope, blocks: RecordBlocks, are_groups: bool, depth: int
    ) -> None:
        self._again = again
        """Combines what was spilled."""
        self._scope = scope
        self._blocks = blocks
        self._are_groups = are_groups
        """Combiners are lists of values, which can be put into a file one by one."""
        self._depth = depth

    def parts(self, records: Iterator[Pair], loop: CombineLoop) -> Iterator[Iterator[Pair]]:
        """The combined pairs, in iterators of which no two have a key in common."""
        limit = self._scope.memory_share * 3 // 4 if self._depth < _MAX_DEPTH else _NO_LIMIT
        slices: FrameBuffer | None = None
        large = LargeGroups(limit, self._scope, self._blocks)
        for dictionary, is_last in combine(records, loop, limit, self._scope):
            if self._are_groups and not is_last:
                large.take(dictionary)
            elif self._are_groups:
                large.finish(dictionary)
            if slices is None and is_last:
                yield iter(dictionary.items())
            elif dictionary:
                slices = slices or FrameBuffer(SLICES, self._scope.memory_share // 16, self._scope)
                self._spill(dictionary, slices)
                dictionary.clear()
        if slices is not None:
            try:
                for part in self._sliced(slices):
                    yield large.without_large(part) if large else part
            finally:
                slices.close()
        yield large.pairs()

    def _spill(self, dictionary: dict[Any, Any], slices: FrameBuffer) -> None:
        buckets = PairBuckets(SLICES, self._choose, self._blocks, slices, self._scope.memory_share // 16)
        items = in_pieces(dictionary) if self._are_groups else iter(dictionary.items())
        for pairs, record_bytes in chunks(items, self._scope.memory_share):
            self._scope.check_cancelled()
            buckets.add(pairs, record_bytes)
        buckets.flush()
        slices.spill()

    def _choose(self, keys: Sequence[Any]) -> list[int]:
        # A slice is cut again at the next depth, so each depth must cut differently.
        depth = self._depth
        return [hash((depth, key)) % SLICES for key in keys]

    def _sliced(self, slices: FrameBuffer) -> Iterator[Iterator[Pair]]:
        decode = self._blocks.decode
        for number in range(SLICES):
            deeper = _Merge(self._again, self._scope, self._blocks, self._are_groups, self._depth + 1)
            batches = (decode(payload) for _, payload in split_frames(slices.pieces(number)))
            yield from deeper.parts(chain.from_iterable(batches), self._again)
