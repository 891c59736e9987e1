"""Arrow tables through the same shuffle files: each reducer gets record batches, without their schema.

The schema is part of the plan and known on both sides, so that a block costs its data and one header; with a schema in
each, 200 x 200 small blocks take four times as long. Which row goes to which reducer is said by the caller, who has
computed it column by column.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from spark_kernel.core.lineage.recipes import TaskScope
from spark_kernel.core.shuffle.fetching import BlockFetcher
from spark_kernel.core.shuffle.frame_buffer import FrameBuffer
from spark_kernel.core.shuffle.frames import DamagedFrameError, frame, split_frames
from spark_kernel.core.shuffle.map_outputs import MapOutput
from spark_kernel.core.shuffle.transport import BlockTransport, BytesLike
from spark_kernel.core.shuffle.writer import ShuffleTarget, store_frames

_SLICE_BYTES = 8 << 20
"""Rows are gathered so many bytes at a time: in the processor's cache, and in memory that is used again."""
_LEAST_ROWS = 1024
"""Of a slice, for each reducer on average; smaller batches cost more than they save."""

Reducers = npt.NDArray[Any]
"""The reducer of each row, integers from 0."""


class ArrowBlocks:
    """Encodes record batches of one schema, and decodes them without copying.

    >>> blocks = ArrowBlocks(pa.schema([("x", pa.int64())]))
    >>> blocks.decode(blocks.encode(pa.record_batch({"x": [1, 2]}))).to_pydict()
    {'x': [1, 2]}

    Raises ValueError for a schema with dictionaries, which a batch can't carry alone.
    """

    kind = 2

    def __init__(self, schema: pa.Schema) -> None:
        encoded = [field.name for field in schema if _has_dictionary(field.type)]
        if encoded:
            raise ValueError(
                f"columns {', '.join(encoded)} are dictionary-encoded; cast them to their value type first"
            )
        self.schema = schema

    def encode(self, batch: pa.RecordBatch) -> pa.Buffer:
        """The payload of one frame: only the rows of ``batch``, also when it is a slice."""
        return batch.serialize()

    def decode(self, payload: BytesLike) -> pa.RecordBatch:
        """The rows of one frame; they refer to the memory of ``payload``."""
        return pa.ipc.read_record_batch(pa.py_buffer(payload), self.schema)


def write_arrow_shuffle(
    tables: Iterable[tuple[pa.Table, Reducers]],
    reducers: int,
    blocks: ArrowBlocks,
    target: ShuffleTarget,
    scope: TaskScope,
) -> MapOutput:
    """Write the rows of each table to their reducers, in their order, to one shuffle file.

    ``tables`` yields tables of the schema of ``blocks``, each with the reducer of every row, an array of integers
    below ``reducers``.
    """
    buffer = FrameBuffer(reducers, scope.memory_share // 2, scope)
    rows = 0
    try:
        for table, reducer_of_row in tables:
            scope.check_cancelled()
            rows += table.num_rows
            length = max(_SLICE_BYTES * table.num_rows // max(1, table.nbytes), _LEAST_ROWS * reducers)
            for first in range(0, table.num_rows, length):
                rows_here = slice(first, first + length)
                for reducer, part in split_rows(table.slice(first, length), reducer_of_row[rows_here], reducers):
                    for batch in part.to_batches():
                        buffer.add(reducer, frame(blocks.kind, blocks.encode(batch)))
        return store_frames(buffer, rows, target, scope)
    finally:
        buffer.close()


def split_rows(table: pa.Table, reducer_of_row: Reducers, reducers: int) -> Iterator[tuple[int, pa.Table]]:
    """The rows of each reducer that has any.

    >>> parts = split_rows(pa.table({"x": [5, 6, 7]}), np.array([1, 0, 1]), reducers=2)
    >>> [(reducer, part["x"].to_pylist()) for reducer, part in parts]
    [(0, [6]), (1, [5, 7])]
    """
    if reducers == 1:
        yield from [(0, table)] if table.num_rows else []
        return
    # Integers of 16 bits are sorted by their digits: fast, and stable.
    small = reducer_of_row.astype(np.uint16 if reducers <= 1 << 16 else np.uint32)
    order = np.argsort(small, kind="stable")
    gathered = table.combine_chunks().take(pa.array(order))
    start = 0
    for reducer, count in enumerate(np.bincount(small, minlength=reducers).tolist()):
        if count:
            yield reducer, gathered.slice(start, count)
        start += count


def read_arrow_shuffle(
    outputs: Sequence[MapOutput],
    reducer: int,
    blocks: ArrowBlocks,
    scope: TaskScope,
    transport: BlockTransport,
    shuffle_id: int,
) -> Iterator[pa.RecordBatch]:
    """The record batches that ``outputs`` hold for ``reducer``, in the order of ``outputs``.

    Raises FetchFailedError, possibly after some batches, when a block can't be had.
    """
    fetcher = BlockFetcher(outputs, reducer, shuffle_id, transport, scope)
    for output, pieces in fetcher.blocks():
        try:
            for kind, payload in split_frames(pieces):
                if kind != blocks.kind:
                    raise DamagedFrameError(f"its frames are of kind {kind}, where {blocks.kind} was expected")
                batch = blocks.decode(payload)
                scope.counts.shuffle_records_read += batch.num_rows
                yield batch
        except DamagedFrameError as error:
            raise fetcher.failure(output, f"the block is damaged: {error}") from error


def _has_dictionary(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return True
    return any(_has_dictionary(kind.field(i).type) for i in range(kind.num_fields))
