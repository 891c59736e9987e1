"""From files to the byte ranges that one task each reads. Pure. Called when a dataset is planned.

Formula of org.apache.hadoop.mapred.FileInputFormat.getSplits, compared with Spark 4.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from spark_kernel.storage.codecs import codec_of
from spark_kernel.storage.inputs import InputFile

BLOCK_BYTES = 32 * 2**20
"""The largest split: Hadoop's block size for local files, and for S3."""
SLOP = 1.1
"""The last split of a file may be this many times as large as the others, so that no tiny one is left."""


@dataclass(frozen=True)
class FileSplit:
    """A range of bytes of one file. Its records are decided by `lines`: they may begin and end beyond it."""

    url: str
    start: int
    """Offset of the first byte."""
    length: int | None
    """Bytes; None for all that there is, where the storage doesn't say how much."""
    file_size: int | None
    """Bytes that the file had when it was listed."""

    @property
    def end(self) -> int | None:
        """Offset after the last byte."""
        return None if self.length is None else self.start + self.length

    @property
    def is_last(self) -> bool:
        """Whether it ends where the file ended."""
        return self.end == self.file_size


def plan_splits(
    files: Iterable[InputFile],
    min_partitions: int,
    block_bytes: int = BLOCK_BYTES,
    min_split_bytes: int = 1,
    keep_empty: bool = False,
    whole_if_compressed: bool = True,
) -> list[FileSplit]:
    """Cut ``files`` into at least about ``min_partitions`` ranges of at most about ``block_bytes``.

    A compressed file, and one that can't be read from any place, is one split. Empty files give none, as Spark's
    ``spark.hadoopRDD.ignoreEmptySplits`` has it; one each with ``keep_empty``. With ``whole_if_compressed`` false a
    name that speaks of compression means nothing, for formats that are compressed inside.

    >>> [(split.start, split.length) for split in plan_splits([InputFile("file:/a", 100)], 3)]
    [(0, 33), (33, 33), (66, 34)]
    """
    files = list(files)
    total = sum(file.size or 0 for file in files)
    goal = total // max(min_partitions, 1)
    split_bytes = max(min_split_bytes, min(goal, block_bytes))
    return [
        split
        for file in files
        for split in _splits_of(file, split_bytes, whole_if_compressed)
        if keep_empty or split.length != 0
    ]


def _splits_of(file: InputFile, split_bytes: int, whole_if_compressed: bool) -> Iterator[FileSplit]:
    if file.size is None or not file.seekable or (whole_if_compressed and codec_of(file.url) is not None):
        yield FileSplit(file.url, 0, file.size, file.size)
        return
    start = 0
    while (file.size - start) / split_bytes > SLOP:
        yield FileSplit(file.url, start, split_bytes, file.size)
        start += split_bytes
    if start < file.size or file.size == 0:
        yield FileSplit(file.url, start, file.size - start, file.size)
