"""The beginning of a reduce task: the blocks of one reducer, from every map output, merged and sorted as asked.

Called by execution for a step that reads a shuffle.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from spark_kernel.core.lineage.recipes import TaskScope
from spark_kernel.core.lineage.shuffle_specs import ShuffleSpec
from spark_kernel.core.shuffle.combining import Pair
from spark_kernel.core.shuffle.fetching import BlockFetcher
from spark_kernel.core.shuffle.frames import DamagedFrameError, split_frames
from spark_kernel.core.shuffle.map_outputs import MapOutput
from spark_kernel.core.shuffle.merging import combine_by_key
from spark_kernel.core.shuffle.record_blocks import RecordBlocks
from spark_kernel.core.shuffle.sorting import sort_batches, sort_by_key
from spark_kernel.core.shuffle.transport import BlockTransport


def read_shuffle(
    outputs: Sequence[MapOutput],
    reducer: int,
    spec: ShuffleSpec,
    scope: TaskScope,
    transport: BlockTransport,
    shuffle_id: int,
    blocks: RecordBlocks | None = None,
) -> Iterator[Pair]:
    """The pairs that ``outputs`` hold for ``reducer``: merged by the aggregator, sorted by the ordering of ``spec``.

    Without either they come in the order of ``outputs``. Nothing is read before the first pair is asked for.

    Raises FetchFailedError, possibly after some pairs, when a block can't be had.
    """
    blocks = blocks or RecordBlocks()
    batches = _batches(BlockFetcher(outputs, reducer, shuffle_id, transport, scope), blocks, scope)
    if spec.aggregator is not None:
        pairs = chain.from_iterable(batches)
        merged = combine_by_key(pairs, spec.aggregator, scope, blocks, combined=spec.map_side_combine)
        return merged if spec.ordering is None else sort_by_key(merged, spec.ordering, scope, blocks)
    return (
        chain.from_iterable(batches) if spec.ordering is None else sort_batches(batches, spec.ordering, scope, blocks)
    )


def _batches(fetcher: BlockFetcher, blocks: RecordBlocks, scope: TaskScope) -> Iterator[list[Pair]]:
    for output, pieces in fetcher.blocks():
        try:
            for kind, payload in split_frames(pieces):
                if kind != blocks.kind:
                    raise DamagedFrameError(f"its frames are of kind {kind}, where {blocks.kind} was expected")
                batch = blocks.decode(payload)
                scope.counts.shuffle_records_read += len(batch)
                yield batch
        except DamagedFrameError as error:
            raise fetcher.failure(output, f"the block is damaged: {error}") from error
