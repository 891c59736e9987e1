"""SequenceFiles of datasets: written by tasks as pairs of Hadoop's Writables or as pickled batches, and read back.

The format is in `storage/sequence_files`; what is written here real Spark reads, and the other way round.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import count, islice
from operator import itemgetter
from typing import Any

from pyspark.errors import PySparkTypeError, UnsupportedOperationException

from spark_kernel.common.errors import StorageError
from spark_kernel.core.execution.serialization import dumps_for_pyspark
from spark_kernel.core.lineage.recipes import Records, Source, TaskScope
from spark_kernel.core.rdd.operations import current_site, operation
from spark_kernel.core.rdd.saving import Saving
from spark_kernel.core.rdd.sources import bytes_counter, total_bytes
from spark_kernel.core.rdd.spark_rdds import AUTO_BATCHED, batched
from spark_kernel.storage.codecs import Codec
from spark_kernel.storage.inputs import list_inputs
from spark_kernel.storage.options import StorageOptions
from spark_kernel.storage.outputs import DirectoryOutput
from spark_kernel.storage.sequence_files.header import hadoop_codec
from spark_kernel.storage.sequence_files.java_arrays import dump_arrays, load_arrays
from spark_kernel.storage.sequence_files.python_values import class_of
from spark_kernel.storage.sequence_files.reading import plan_sequence_splits, read_sequence_file
from spark_kernel.storage.sequence_files.writables import BYTES, NULL
from spark_kernel.storage.sequence_files.writing import encode_pairs
from spark_kernel.storage.splits import FileSplit

BATCHES_TOGETHER = 10
"""Batches in one record of a pickle file; RDD.saveAsObjectFile's number."""
_BEST_BATCH_BYTES = 1 << 16
"""The size that PySpark's AutoBatchedSerializer aims at."""


@dataclass(frozen=True)
class WritePairs:
    """The partition as one sequence file; one record that says where it is."""

    output: DirectoryOutput
    key_class: str
    value_class: str
    codec: str | None

    def compute(self, partition: int, inputs: Iterator[Records], scope: TaskScope) -> Records:
        """A `WrittenFile`. The driver chooses one for each partition."""
        counted = count()
        records = map(itemgetter(0), zip(next(inputs), counted, strict=False))
        codec = None if self.codec is None else hadoop_codec(self.codec)
        chunks = encode_pairs(_checked_pairs(records), self.key_class, self.value_class, codec)
        written = self.output.write_partition(partition, scope.task_id, chunks)
        scope.counts.bytes_written += written.bytes
        scope.counts.records_written += next(counted)
        return iter((written,))


@dataclass(frozen=True)
class WritePickled:
    """The partition as one sequence file of pickled batches; one record that says where it is."""

    output: DirectoryOutput
    batch_size: int
    """Records pickled together; 0 for as many as make a good size, -1 for all."""

    def compute(self, partition: int, inputs: Iterator[Records], scope: TaskScope) -> Records:
        """A `WrittenFile`."""
        pairs = ((None, dump_arrays(group)) for group in _groups(self._batches(next(inputs), scope)))
        written = self.output.write_partition(partition, scope.task_id, encode_pairs(pairs, NULL, BYTES))
        scope.counts.bytes_written += written.bytes
        return iter((written,))

    def _batches(self, records: Records, scope: TaskScope) -> Iterator[bytes]:
        size = None if self.batch_size < 0 else self.batch_size or 1
        while batch := list(islice(records, size)):
            data = dumps_for_pyspark(batch)
            scope.counts.records_written += len(batch)
            yield data
            if self.batch_size == 0 and size is not None:
                size = next_batch_size(size, len(data))


@dataclass(frozen=True)
class ReadPairs:
    """Reads a partition of `pairs_source`."""

    options: StorageOptions

    def __call__(self, split: FileSplit, scope: TaskScope) -> Records:
        for pair in read_sequence_file(split, self.options, bytes_counter(scope)):
            scope.counts.records_read += 1
            yield pair


@dataclass(frozen=True)
class ReadPickled:
    """Reads a partition of `pickled_source`."""

    options: StorageOptions

    def __call__(self, split: FileSplit, scope: TaskScope) -> Records:
        for _, value in read_sequence_file(split, self.options, bytes_counter(scope)):
            if not isinstance(value, bytearray):
                raise StorageError(
                    f"{split.url} holds {type(value).__name__} values, not pickled batches; read it with sequenceFile"
                )
            for data in load_arrays(bytes(value)):
                batch = pickle.loads(data)
                scope.counts.records_read += len(batch)
                yield from batch


def pairs_source(path: str, min_partitions: int, options: StorageOptions) -> Source:
    """The pairs of sequence files.

    Raises PathNotFoundError, StorageError.
    """
    return _source(path, min_partitions, options, ReadPairs(options))


def pickled_source(path: str, min_partitions: int, options: StorageOptions) -> Source:
    """The records of files that saveAsPickleFile wrote.

    Raises PathNotFoundError, StorageError.
    """
    return _source(path, min_partitions, options, ReadPickled(options))


def _source(path: str, min_partitions: int, options: StorageOptions, read: Callable[..., Records]) -> Source:
    files = list_inputs(path, options)
    return Source(plan_sequence_splits(files, min_partitions), read, total_bytes(files))


class SequenceFiles(Saving):
    """saveAsPickleFile and saveAsSequenceFile."""

    @operation
    def saveAsPickleFile(self, path: str, batchSize: int = 10) -> None:
        """Write the records, pickled, to the folder ``path``, for `SparkContext.pickleFile` here and in Spark.

        ``batchSize`` records are pickled together; 0 lets their size decide. Raises PathExistsError when something is
        at ``path``.
        """
        output = DirectoryOutput(path, self._session.storage_options)
        site = current_site()
        serializer = AUTO_BATCHED if batchSize == 0 else batched(batchSize)
        view = self._view.reserialized(site, serializer, self._is_pipelinable())
        self._save(output, WritePickled(output, batchSize), self._steps_of_spark(view, 2))

    @operation
    def saveAsSequenceFile(self, path: str, compressionCodecClass: str | None = None) -> None:
        """Write pairs to the folder ``path`` as SequenceFiles, for `SparkContext.sequenceFile` here and in Spark.

        What the first pair holds decides the classes of all: None is NullWritable, bool BooleanWritable, int
        IntWritable or LongWritable by its size, float DoubleWritable, str Text, bytes BytesWritable, dict MapWritable,
        tuple ArrayWritable. With a codec (Hadoop's class name, or a plain one such as ``gzip``) blocks are compressed.
        Runs a job for the first pair. Raises PathExistsError when something is at ``path``, PySparkTypeError for a
        first record that can't be written, UnsupportedOperationException when there is none.
        """
        self._save_pairs(path, compressionCodecClass, None, None)

    def _save_pairs(self, path: str, codec_class: str | None, key_class: str | None, value_class: str | None) -> None:
        """Write pairs; raises PySparkTypeError when a class is named and the first pair has another."""
        codec: Codec | None = hadoop_codec(codec_class) if codec_class else None
        output = DirectoryOutput(path, self._session.storage_options)
        view = self._view.reserialized(current_site(), AUTO_BATCHED, self._is_pipelinable())
        steps = self._steps_of_spark(view, 3)
        classes = self._classes_of_first()
        for asked, found in zip((key_class, value_class), classes, strict=True):
            if asked not in (None, found):
                raise PySparkTypeError(f"the pairs are written as {found}, not {asked}; name that class, or none")
        recipe = WritePairs(output, *classes, None if codec is None else codec.name)
        self._save(output, recipe, steps)

    def _classes_of_first(self) -> tuple[str, str]:
        first = self._first_records(1, is_python_step=False)
        if not first:
            raise UnsupportedOperationException(
                "empty collection: the first pair decides the classes of a SequenceFile, and there is none"
            )
        ((key, value),) = _checked_pairs(first)
        return class_of(key), class_of(value)


def next_batch_size(size: int, data_bytes: int) -> int:
    """How many records to pickle together after ``size`` of them took so many bytes.

    >>> next_batch_size(4, 1000), next_batch_size(4, 100_000), next_batch_size(4, 1_000_000)
    (8, 4, 2)
    """
    if data_bytes < _BEST_BATCH_BYTES:
        return 2 * size
    return size // 2 if data_bytes > 10 * _BEST_BATCH_BYTES and size > 1 else size


def _groups(batches: Iterator[bytes]) -> Iterator[list[bytes]]:
    while group := list(islice(batches, BATCHES_TOGETHER)):
        yield group


def _checked_pairs(records: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    for record in records:
        if type(record) is not tuple or len(record) != 2:
            raise PySparkTypeError(
                f"RDD element of type {type(record).__name__} cannot be used: a SequenceFile holds pairs, tuples of a "
                "key and a value. Make them with map, or use saveAsPickleFile"
            )
        yield record
