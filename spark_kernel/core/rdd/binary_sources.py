"""Datasets of bytes: whole files, and records of a fixed length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from spark_kernel.common.errors import StorageError
from spark_kernel.core.lineage.recipes import Records, Source, TaskScope
from spark_kernel.core.rdd.sources import bytes_counter, total_bytes
from spark_kernel.storage.byte_sources import ByteSource
from spark_kernel.storage.inputs import list_inputs
from spark_kernel.storage.options import StorageOptions
from spark_kernel.storage.splits import BLOCK_BYTES, FileSplit
from spark_kernel.storage.whole_files import plan_whole_files


def binary_files_source(
    path: str, parallelism: int, options: StorageOptions, most_bytes: int = 128 << 20, open_cost: int = 4 << 20
) -> Source:
    """Pairs of a file's URL and its bytes; about ``parallelism`` partitions, none much larger than ``most_bytes``.

    ``open_cost`` is how many bytes opening a file counts for, so that small ones share a partition. Grouped as by
    Spark's ``StreamFileInputFormat``. Raises PathNotFoundError, StorageError.
    """
    files = list_inputs(path, options)
    weight = sum((file.size or 0) + open_cost for file in files) // max(parallelism, 1)
    groups = plan_whole_files(files, 1, share_bytes=min(most_bytes, max(open_cost, weight)))
    return Source([tuple(file.url for file in group) for group in groups], ReadFiles(options), total_bytes(files))


def binary_records_source(path: str, record_length: int, options: StorageOptions) -> Source:
    """Records of ``record_length`` bytes each.

    Raises PathNotFoundError, StorageError, also for a file that does not hold a whole number of records.
    """
    if record_length < 1:
        raise ValueError(f"a record has at least 1 byte, not {record_length}")
    files = list_inputs(path, options)
    step = max(1, BLOCK_BYTES // record_length) * record_length
    splits = []
    for file in files:
        if file.size is None or file.size % record_length:
            raise StorageError(
                f"{file.url} has {file.size} bytes, which are no whole number of records of {record_length} bytes"
            )
        splits += [
            FileSplit(file.url, start, min(step, file.size - start), file.size) for start in range(0, file.size, step)
        ]
    return Source(splits, ReadRecords(options, record_length), total_bytes(files))


@dataclass(frozen=True)
class ReadFiles:
    """Reads a partition of `binary_files_source`."""

    options: StorageOptions

    def __call__(self, urls: Sequence[str], scope: TaskScope) -> Records:
        for url in urls:
            with ByteSource(url, self.options, count=bytes_counter(scope)) as source:
                content = b"".join(iter(source.read, b""))
            scope.counts.records_read += 1
            yield url, content


@dataclass(frozen=True)
class ReadRecords:
    """Reads a partition of `binary_records_source`."""

    options: StorageOptions
    length: int

    def __call__(self, split: FileSplit, scope: TaskScope) -> Records:
        assert split.length is not None
        with ByteSource(split.url, self.options, split.start, split.end, bytes_counter(scope)) as source:
            yield from self._records(source, split.length, scope)

    def _records(self, source: ByteSource, left: int, scope: TaskScope) -> Iterator[bytes]:
        held = b""
        while left and (piece := source.read(left)):
            left -= len(piece)
            held += piece
            whole = len(held) - len(held) % self.length
            scope.counts.records_read += whole // self.length
            yield from (held[start : start + self.length] for start in range(0, whole, self.length))
            held = held[whole:]
        if left or held:
            raise StorageError(f"{source.url} became shorter while it was read")
