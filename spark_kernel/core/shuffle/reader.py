"""The beginning of a reduce task: the blocks of one reducer, from every map output, merged and sorted as asked.

Called by execution for a step that reads a shuffle.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Any

from spark_kernel.core.lineage.recipes import TaskScope
from spark_kernel.core.lineage.shuffle_specs import Aggregator, KeyOrdering, ShuffleSpec
from spark_kernel.core.shuffle.fetch_failures import FetchFailedError
from spark_kernel.core.shuffle.frames import DamagedFrameError, split_frames
from spark_kernel.core.shuffle.map_outputs import MapOutput
from spark_kernel.core.shuffle.record_blocks import Pair, RecordBlocks
from spark_kernel.core.shuffle.transport import BlockMissingError, BlockTransport, BytesLike, PeerUnreachableError


def read_shuffle(
    outputs: Sequence[MapOutput],
    reducer: int,
    spec: ShuffleSpec,
    scope: TaskScope,
    transport: BlockTransport,
    shuffle_id: int,
) -> Iterator[Pair]:
    """The pairs that ``outputs`` hold for ``reducer``: merged by the aggregator, sorted by the ordering of ``spec``.

    Without either they come in the order of ``outputs``.

    Raises FetchFailedError, possibly after some pairs, when a block can't be had.
    """
    records = _streamed(outputs, reducer, scope, transport, shuffle_id)
    if spec.aggregator is not None:
        records = iter(_merged(records, spec.aggregator, spec.map_side_combine).items())
    return records if spec.ordering is None else iter(_sorted(records, spec.ordering))


def _streamed(
    outputs: Iterable[MapOutput], reducer: int, scope: TaskScope, transport: BlockTransport, shuffle_id: int
) -> Iterator[Pair]:
    blocks = RecordBlocks()
    for output in outputs:
        if output.size(reducer):
            scope.check_cancelled()
            data = _fetched(output, reducer, transport, shuffle_id)
            scope.counts.shuffle_local_bytes_read += len(data)
            try:
                for _, payload in split_frames(memoryview(data)):
                    records = blocks.decode(payload)
                    scope.counts.shuffle_records_read += len(records)
                    yield from records
            except DamagedFrameError as error:
                raise FetchFailedError(shuffle_id, output.map_partition, output.place, str(error)) from error


def _fetched(output: MapOutput, reducer: int, transport: BlockTransport, shuffle_id: int) -> BytesLike:
    start, stop = output.offsets[reducer], output.offsets[reducer + 1]
    if output.inline is not None:
        return memoryview(output.inline)[start:stop]
    try:
        return transport.request(output.place, [(output.path, start, stop)]).result()[0]
    except (BlockMissingError, PeerUnreachableError) as error:
        lost = isinstance(error, PeerUnreachableError)
        raise FetchFailedError(shuffle_id, output.map_partition, output.place, str(error), lost) from error


def _merged(records: Iterator[Pair], aggregator: Aggregator, combined: bool) -> dict[Any, Any]:
    merged: dict[Any, Any] = {}
    if combined:
        merge = aggregator.merge_combiners
        for key, value in records:
            merged[key] = merge(merged[key], value) if key in merged else value
    else:
        create, merge = aggregator.create, aggregator.merge_value
        for key, value in records:
            merged[key] = merge(merged[key], value) if key in merged else create(value)
    return merged


def _sorted(records: Iterator[Pair], ordering: KeyOrdering) -> list[Pair]:
    key = itemgetter(0)
    if ordering.key is None:
        return sorted(records, key=key, reverse=not ordering.ascending)
    compare = ordering.key
    return sorted(records, key=lambda pair: compare(pair[0]), reverse=not ordering.ascending)
