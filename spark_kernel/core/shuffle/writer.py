"""The end of a map task: its pairs become one indexed shuffle file, each reducer's part in one piece.

Called by execution for a stage that ends in a shuffle. What the file looks like is in `frames.py`. Combiners that
outgrow memory are written out and begun anew: the reduce side combines them once more anyway.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from spark_kernel.core.lineage.recipes import TaskScope
from spark_kernel.core.lineage.shuffle_specs import ShuffleSpec
from spark_kernel.core.shuffle.combining import Pair, combine, fastest, makes_groups
from spark_kernel.core.shuffle.frame_buffer import FrameBuffer
from spark_kernel.core.shuffle.large_groups import in_pieces
from spark_kernel.core.shuffle.map_outputs import MapOutput, NodePlace
from spark_kernel.core.shuffle.pair_buckets import PairBuckets, chunks
from spark_kernel.core.shuffle.partitioning import partitions_of
from spark_kernel.core.shuffle.record_blocks import RecordBlocks
from spark_kernel.core.shuffle.tagging import Tagged
from spark_kernel.core.shuffle.user_functions import UsersFunctions
from spark_kernel.resource_managers.full_disks import room_in

INLINE_BYTES = 8 * 1024
"""Outputs up to this size travel with the task's result instead of lying in a file.

Every reducer's executor receives all of them, so they must stay small also when there are thousands."""


@dataclass(frozen=True)
class ShuffleTarget:
    """Where one attempt of a map task writes."""

    folder: Path
    """The application's folder on this machine; shared by its executors."""
    place: NodePlace
    executor_id: str
    shuffle_id: int
    map_partition: int
    attempt_id: int
    """Unique among all attempts of the application (the task id), so that no attempt overwrites another's file."""

    @property
    def path(self) -> Path:
        """The file that this attempt writes."""
        return shuffle_folder(self.folder, self.shuffle_id) / f"map-{self.map_partition}-{self.attempt_id}"


def shuffle_folder(folder: Path, shuffle_id: int) -> Path:
    """Where an application, whose folder is given, keeps the files of one shuffle; remove it to drop the shuffle."""
    return folder / "shuffle" / str(shuffle_id)


def write_shuffle(
    records: Iterator[Pair],
    spec: ShuffleSpec,
    target: ShuffleTarget,
    scope: TaskScope,
    blocks: RecordBlocks | None = None,
) -> MapOutput:
    """Partition the pairs, combining them first where ``spec`` says so, and write them to one file.

    Raises whatever the user's functions raise, TypeError for records that are no pairs or keys that can't be hashed,
    and DiskFullError.
    """
    blocks = blocks or RecordBlocks()
    early = spec.aggregator if spec.map_side_combine else None
    if early is None and isinstance(records, Tagged):
        blocks, records = blocks.tagged(records.tag), records.pairs
    share = scope.memory_share
    partitions = spec.partitioner.num_partitions
    buffer = FrameBuffer(partitions, share // 4, scope)
    choose = partial(partitions_of, spec.partitioner)
    buckets = PairBuckets(partitions, choose, blocks, buffer, share // 8)
    try:
        if early is not None:
            for combined, _ in combine(*fastest(records, early), share // 2, scope):
                pairs = in_pieces(combined) if makes_groups(early) else iter(combined.items())
                _add_all(pairs, buckets, scope)
                combined.clear()
        else:
            _add_all(records, buckets, scope)
        buckets.flush()
        return store_frames(buffer, buckets.records, target, scope)
    finally:
        buffer.close()


def store_frames(buffer: FrameBuffer, records: int, target: ShuffleTarget, scope: TaskScope) -> MapOutput:
    """The output of a map task whose frames for each reducer are in ``buffer``: written to its file, or inline."""
    offsets = buffer.offsets()
    inline = b"".join(buffer.all_pieces()) if offsets[-1] <= INLINE_BYTES else None
    if inline is None:
        _write_atomically(target.path, buffer)
    scope.counts.shuffle_records_written += records
    scope.counts.shuffle_bytes_written += offsets[-1]
    return MapOutput(
        map_partition=target.map_partition,
        executor_id=target.executor_id,
        place=target.place,
        path="" if inline is not None else str(target.path),
        offsets=offsets,
        records=records,
        inline=inline,
    )


def _add_all(pairs: Iterator[tuple[Any, Any]], buckets: PairBuckets, scope: TaskScope) -> None:
    for chunk, record_bytes in chunks(pairs, scope.memory_share):
        scope.check_cancelled()
        with UsersFunctions():
            buckets.add(chunk, record_bytes)


def _write_atomically(path: Path, buffer: FrameBuffer) -> None:
    temporary = path.with_name(path.name + ".writing")
    try:
        with room_in(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
        with room_in(path.parent), open(temporary, "wb", buffering=1 << 18) as file:
            file.writelines(buffer.all_pieces())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
