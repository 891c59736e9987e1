"""What a context makes: datasets from collections and files, broadcast variables, accumulators."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from typing import Any

from pyspark.accumulators import AccumulatorParam
from pyspark.serializers import Serializer

from spark_kernel.core.context import settings as settings_table
from spark_kernel.core.context.context_session import ContextSession
from spark_kernel.core.lineage.node import Node
from spark_kernel.core.lineage.recipes import Source
from spark_kernel.core.rdd import RDD
from spark_kernel.core.rdd.binary_sources import binary_files_source, binary_records_source
from spark_kernel.core.rdd.checkpoint_files import checkpoint_source
from spark_kernel.core.rdd.operations import current_site, operation
from spark_kernel.core.rdd.sources import (
    MAX_BATCH,
    batch_size_of,
    collection_source,
    range_source,
    slices_of_batches,
    text_source,
    whole_files_source,
)
from spark_kernel.core.rdd.spark_rdds import AUTO_BATCHED, UNBATCHED, UTF8, SparkView, batched
from spark_kernel.core.shared_variables.accumulator import Accumulator
from spark_kernel.core.shared_variables.broadcast import Broadcast
from spark_kernel.storage.filesystems import absolute_url


class Creation:
    """parallelize, textFile, broadcast and the like."""

    session: ContextSession
    serializer: Serializer
    _batchSize: int

    @property
    def defaultParallelism(self) -> int:
        """Partitions of a dataset when nobody says how many: ``spark.default.parallelism``, else the cores."""
        return self.session.defaultParallelism

    @property
    def defaultMinPartitions(self) -> int:
        """Partitions of a file when nobody says how many: 2 at most."""
        return min(self.defaultParallelism, 2)

    @operation
    def parallelize(self, c: Iterable[Any], numSlices: int | None = None) -> RDD:
        """The elements of a collection of the driver, in ``numSlices`` partitions. A range is not written out.

        Raises ValueError for a generator that was used up before, SerializationError for elements that can't be
        pickled.
        """
        slices = self._slices(numSlices)
        _refuse_used_up(c)
        if isinstance(c, range) and len(c):
            numbers = range_source(c, slices)
            return self._source(numbers, self._view("ParallelCollectionRDD", slices, batched(1)), is_python_step=True)
        elements: Sequence[Any] = c if isinstance(c, (list, tuple)) else list(c)
        batch = batch_size_of(len(elements), slices, self._batchSize or MAX_BATCH)
        source = collection_source(slices_of_batches(elements, slices, batch))
        return self._source(source, self._view("ParallelCollectionRDD", slices, batched(batch)))

    @operation
    def range(self, start: int, end: int | None = None, step: int = 1, numSlices: int | None = None) -> RDD:
        """The integers from ``start`` to ``end``, exclusive; with one argument those from 0."""
        return self.parallelize(range(start) if end is None else range(start, end, step), numSlices)

    @operation
    def emptyRDD(self) -> RDD:
        """A dataset without partitions."""
        return self._source(collection_source([]), self._view("EmptyRDD", 0, UNBATCHED))

    @operation
    def textFile(self, name: str, minPartitions: int | None = None, use_unicode: bool = True) -> RDD:
        """The lines of text files: a path or URL, a glob, a folder, or a comma-separated list of these.

        With ``use_unicode=False`` lines are bytes. Raises PathNotFoundError, StorageError.
        """
        self.session.require_open()
        source = text_source(
            name,
            minPartitions or self.defaultMinPartitions,
            use_unicode,
            self.session.storage_options,
            keep_empty=not settings_table.value_of(self.session.settings, "spark.hadoopRDD.ignoreEmptySplits"),
        )
        files = self._view("HadoopRDD", len(source.payloads), UTF8, name)
        return self._source(source, files.named("MapPartitionsRDD", current_site(), UTF8, name))

    @operation
    def wholeTextFiles(self, path: str, minPartitions: int | None = None, use_unicode: bool = True) -> RDD:
        """Pairs of a file's URL and its whole content, small files together in a partition.

        With ``use_unicode=False`` both are bytes. Raises PathNotFoundError, StorageError.
        """
        self.session.require_open()
        wanted = minPartitions or self.defaultMinPartitions
        source = whole_files_source(path, wanted, use_unicode, self.session.storage_options)
        pairs = ("pair", UTF8, UTF8)
        files = self._view("WholeTextFileRDD", len(source.payloads), pairs)
        return self._source(source, files.named("MapPartitionsRDD", current_site(), pairs, path))

    @operation
    def binaryFiles(self, path: str, minPartitions: int | None = None) -> RDD:
        """Pairs of a file's URL and its bytes, small files together in a partition.

        Raises PathNotFoundError, StorageError.
        """
        self.session.require_open()
        parallelism = max(self.defaultParallelism, minPartitions or self.defaultMinPartitions)
        source = binary_files_source(
            path,
            parallelism,
            self.session.storage_options,
            most_bytes=settings_table.value_of(self.session.settings, "spark.files.maxPartitionBytes"),
            open_cost=settings_table.value_of(self.session.settings, "spark.files.openCostInBytes"),
        )
        return self._source(source, self._view("BinaryFileRDD", len(source.payloads), ("pair", UTF8, UNBATCHED), path))

    @operation
    def binaryRecords(self, path: str, recordLength: int) -> RDD:
        """The records of binary files, each ``recordLength`` bytes long.

        Raises PathNotFoundError, StorageError when a file does not hold a whole number of records.
        """
        self.session.require_open()
        source = binary_records_source(path, recordLength, self.session.storage_options)
        files = self._view("NewHadoopRDD", len(source.payloads), UNBATCHED, path)
        return self._source(source, files.derived("MapPartitionsRDD", current_site(), files.num_partitions, UNBATCHED))

    @operation
    def union(self, rdds: Sequence[RDD]) -> RDD:
        """The records of several datasets, duplicates kept."""
        if not rdds:
            raise IndexError(
                "list index out of range: union needs at least one RDD; emptyRDD() makes one without records"
            )
        return rdds[0]._union(rdds, tells_partitioner=False)

    def setCheckpointDir(self, dirName: str) -> None:
        """Write checkpoints to a folder of their own below ``dirName``, which all machines must see."""
        self.session.require_open()
        self.session.set_checkpoint_folder(dirName)

    def getCheckpointDir(self) -> str | None:
        """The folder that checkpoints are written to, or None."""
        return self.session.checkpoint_folder

    @operation
    def _checkpointFile(self, name: str, input_deserializer: Serializer | None = None) -> RDD:
        """What ``RDD.checkpoint`` wrote to the folder ``name``, in this context or in one that is gone.

        ``input_deserializer`` changes nothing: the files say how they are to be read. Raises IllegalArgumentException
        when nothing is there, StorageError when it is not whole.
        """
        self.session.require_open()
        source = checkpoint_source(name, self.session.storage_options)
        rdd = self._source(source, self._view("ReliableCheckpointRDD", len(source.payloads), AUTO_BATCHED))
        rdd._read_from = absolute_url(name)
        return rdd

    def broadcast(self, value: Any) -> Broadcast[Any]:
        """A read-only variable that every executor holds once; read it with ``.value``."""
        return self.session.broadcast(value)

    def accumulator(self, value: Any, accum_param: AccumulatorParam | None = None) -> Accumulator[Any]:
        """A variable that tasks add to and only the driver reads, beginning with ``value``.

        Raises TypeError when ``value`` is no number and there is no ``accum_param``.
        """
        self.session.require_open()
        return self.session.accumulators.create(value, accum_param)

    def _slices(self, asked: int | None) -> int:
        slices = int(asked) if asked is not None else self.defaultParallelism
        if slices < 1:
            raise ValueError(f"Positive number of partitions required, not {slices}")
        return slices

    def _view(
        self, class_name: str, partitions: int, serializer: tuple[object, ...], name: str | None = None
    ) -> SparkView:
        new_id = self.session.new_rdd_id
        return SparkView.of(new_id, class_name, current_site(), partitions, serializer, name=name)

    def _source(self, source: Source, view: SparkView, is_python_step: bool = False) -> RDD:
        site = current_site()
        node = Node(
            node_id=self.session.new_node_id(),
            operation=site.function,
            call_site=site,
            recipe=source,
            num_partitions=len(source.payloads),
        )
        return RDD(self.session.adopt(node), self, view.python_step(site) if is_python_step else view)


def _refuse_used_up(elements: object) -> None:
    # Taken as it is, it would make an empty dataset without a word.
    if inspect.isgenerator(elements) and inspect.getgeneratorstate(elements) == inspect.GEN_CLOSED:
        raise ValueError(
            f"the generator {elements.__name__} was used up before: a generator gives its elements once. Make a list "
            "of it first, and use that as often as you like, or call its function again."
        )
