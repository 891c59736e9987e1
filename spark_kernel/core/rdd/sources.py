"""Datasets without parents: how a task reads its own part, and how the driver plans the parts.

What stays on the driver is one payload a partition; a task receives its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise, repeat
from typing import Any

from spark_kernel.common.errors import SerializationError
from spark_kernel.core.execution.serialization import dumps, loads
from spark_kernel.core.lineage.recipes import Records, Source, TaskScope
from spark_kernel.storage.inputs import InputFile, list_inputs
from spark_kernel.storage.lines import read_lines
from spark_kernel.storage.options import StorageOptions
from spark_kernel.storage.splits import FileSplit, plan_splits
from spark_kernel.storage.whole_files import plan_whole_files, read_whole_file

MAX_BATCH = 1024
"""PySpark pickles at most so many elements of a collection together; part of the layout that users see."""


def slices_of(numbers: range, slices: int) -> list[range]:
    """A range cut into as many ranges, of sizes that differ by one at most.

    >>> slices_of(range(0, 6, 2), 5)
    [range(0, 0, 2), range(0, 2, 2), range(2, 2, 2), range(2, 4, 2), range(4, 6, 2)]
    """
    size = len(numbers)
    first, step = (numbers[0], numbers.step if size > 1 else 1) if size else (0, 1)
    bounds = [first + i * size // slices * step for i in range(slices + 1)]
    return [range(low, high, step) for low, high in pairwise(bounds)]


def batch_size_of(length: int, slices: int, most: int) -> int:
    """How many elements of a collection PySpark puts into one batch."""
    return max(1, min(length // slices, most))


def slices_of_batches(elements: Sequence[Any], slices: int, batch: int) -> list[Sequence[Any]]:
    """A collection cut into slices of whole batches, as by ``SparkContext.parallelize`` in PySpark.

    >>> slices_of_batches(list(range(10)), 4, 2)
    [[0, 1], [2, 3], [4, 5], [6, 7, 8, 9]]
    """
    batches = -(-len(elements) // batch)
    bounds = [i * batches // slices * batch for i in range(slices + 1)]
    return [elements[low:high] for low, high in pairwise(bounds)]


def range_source(numbers: range, slices: int) -> Source:
    """The numbers of a range; no number is made before its task runs."""
    return Source(slices_of(numbers, slices), read_range)


def collection_source(slices: Iterable[Sequence[Any]]) -> Source:
    """The elements of a collection of the driver, pickled as they are now.

    Raises SerializationError.
    """
    try:
        payloads = [dumps(each) for each in slices]
    except Exception as error:
        raise SerializationError(
            f"Could not serialize object: {type(error).__name__}: {error}. The elements of a collection travel to the "
            "workers: use plain values, and make connections, locks and the like in mapPartitions."
        ) from error
    return Source(payloads, read_pickled, estimated_bytes=sum(map(len, payloads)))


def text_source(path: str, min_partitions: int, use_unicode: bool, options: StorageOptions, keep_empty: bool) -> Source:
    """The lines of text files.

    Raises PathNotFoundError, StorageError.
    """
    files = list_inputs(path, options)
    splits = plan_splits(files, min_partitions, keep_empty=keep_empty)
    return Source(splits, ReadLines(options, use_unicode), total_bytes(files))


def whole_files_source(path: str, min_partitions: int, use_unicode: bool, options: StorageOptions) -> Source:
    """Pairs of a file's URL and its content; both are bytes when ``use_unicode`` is false.

    Raises PathNotFoundError, StorageError.
    """
    # Spark leaves folders in a folder out here, where for textFile they are an error.
    files = list_inputs(path, options, subfolders="skip")
    groups = [tuple(file.url for file in group) for group in plan_whole_files(files, min_partitions)]
    return Source(groups, ReadWholeFiles(options, use_unicode), total_bytes(files))


def read_range(numbers: range, scope: TaskScope) -> Records:
    """A partition of `range_source`."""
    scope.counts.records_read += len(numbers)
    return iter(numbers)


def read_pickled(data: bytes, scope: TaskScope) -> Records:
    """A partition of `collection_source`."""
    elements = loads(data)
    scope.counts.records_read += len(elements)
    return iter(elements)


@dataclass(frozen=True)
class ReadLines:
    """Reads a partition of `text_source`."""

    options: StorageOptions
    use_unicode: bool

    def __call__(self, split: FileSplit, scope: TaskScope) -> Records:
        return read_lines(split, self.options, self.use_unicode, bytes_counter(scope))


@dataclass(frozen=True)
class ReadWholeFiles:
    """Reads a partition of `whole_files_source`."""

    options: StorageOptions
    use_unicode: bool

    def __call__(self, urls: Sequence[str], scope: TaskScope) -> Records:
        return map(self._read, urls, repeat(scope))

    def _read(self, url: str, scope: TaskScope) -> tuple[str | bytes, str | bytes]:
        scope.counts.records_read += 1
        name = url if self.use_unicode else url.encode("utf-8")
        return name, read_whole_file(url, self.options, self.use_unicode, bytes_counter(scope))


def bytes_counter(scope: TaskScope) -> Callable[[int], None]:
    """Adds to the bytes that a task read; the storage calls it once a request."""

    def count(size: int) -> None:
        scope.counts.bytes_read += size
        scope.check_cancelled()

    return count


def total_bytes(files: Sequence[InputFile]) -> int | None:
    """The size of all files, or None when that of one is not known."""
    sizes = [file.size for file in files]
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None
