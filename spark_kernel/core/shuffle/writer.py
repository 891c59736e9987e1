"""The end of a map task: its pairs become one indexed shuffle file, each reducer's part in one piece.

Called by execution for a stage that ends in a shuffle. What the file looks like is in `frames.py`.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, chain, islice
from pathlib import Path
from typing import Any

from spark_kernel.core.lineage.recipes import TaskScope
from spark_kernel.core.lineage.shuffle_specs import Aggregator, ShuffleSpec
from spark_kernel.core.shuffle.frames import frame
from spark_kernel.core.shuffle.map_outputs import MapOutput, NodePlace
from spark_kernel.core.shuffle.partitioning import partitions_of
from spark_kernel.core.shuffle.record_blocks import Pair, RecordBlocks

INLINE_BYTES = 64 * 1024
"""Outputs up to this size travel with the task's result instead of lying in a file."""
_CHUNK = 2048


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

    Raises whatever the user's functions raise, and OSError when the disk is full.
    """
    blocks = blocks or RecordBlocks()
    if spec.aggregator is not None and spec.map_side_combine:
        records = iter(_combined(records, spec.aggregator).items())
    buckets: list[list[Pair]] = [[] for _ in range(spec.partitioner.num_partitions)]
    while chunk := list(islice(records, _CHUNK)):
        scope.check_cancelled()
        for partition, record in zip(partitions_of(spec.partitioner, [key for key, _ in chunk]), chunk, strict=True):
            buckets[partition].append(record)
    parts = [frame(blocks.kind, blocks.encode(bucket)) if bucket else [] for bucket in buckets]
    offsets = array("Q", accumulate((sum(map(len, part)) for part in parts), initial=0))
    count = sum(map(len, buckets))
    scope.counts.shuffle_records_written += count
    scope.counts.shuffle_bytes_written += offsets[-1]
    inline = b"".join(chain.from_iterable(parts)) if offsets[-1] <= INLINE_BYTES else None
    if inline is None:
        _write_atomically(target.path, parts)
    return MapOutput(
        map_partition=target.map_partition,
        executor_id=target.executor_id,
        place=target.place,
        path="" if inline is not None else str(target.path),
        offsets=offsets,
        records=count,
        inline=inline,
    )


def _combined(records: Iterator[Pair], aggregator: Aggregator) -> dict[Any, Any]:
    combined: dict[Any, Any] = {}
    create, merge = aggregator.create, aggregator.merge_value
    for key, value in records:
        combined[key] = merge(combined[key], value) if key in combined else create(value)
    return combined


def _write_atomically(path: Path, parts: list[list[bytes]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".writing")
    with open(temporary, "wb") as file:
        file.writelines(chain.from_iterable(parts))
    os.replace(temporary, path)
