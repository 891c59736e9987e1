"""sequenceFile and pickleFile: datasets of Hadoop's binary files."""

from __future__ import annotations

from pyspark.errors import PySparkNotImplementedError

from spark_kernel.core.context.creation import Creation
from spark_kernel.core.rdd import RDD
from spark_kernel.core.rdd.hadoop_formats import needs_java
from spark_kernel.core.rdd.operations import current_site, operation
from spark_kernel.core.rdd.sequence_files import pairs_source, pickled_source
from spark_kernel.core.rdd.spark_rdds import AUTO_BATCHED, UNBATCHED
from spark_kernel.storage.sequence_files.writables import ARRAY, READERS

_CONVERT_INSTEAD = "Convert the pairs with map: they come as Python values"


class SequenceFileReading(Creation):
    """Reading what saveAsSequenceFile and saveAsPickleFile wrote, here or in Spark."""

    @operation
    def sequenceFile(
        self,
        path: str,
        keyClass: str | None = None,
        valueClass: str | None = None,
        keyConverter: str | None = None,
        valueConverter: str | None = None,
        minSplits: int | None = None,
        batchSize: int = 0,
    ) -> RDD:
        """The pairs of SequenceFiles: a path or URL, a glob, a folder, or a comma-separated list of these.

        Each file says itself what classes it holds, so ``keyClass`` and ``valueClass`` change nothing. They become
        None, bool, int, float, str, bytearray and dict. ``batchSize`` speaks of Java's pickler and changes nothing.
        Raises PathNotFoundError, StorageError, and PySparkNotImplementedError for converters and classes of Java.
        """
        self.session.require_open()
        for name in (keyConverter, valueConverter):
            if name is not None:
                raise needs_java(f"the converter {name}", _CONVERT_INSTEAD)
        for name in (keyClass, valueClass):
            if name is not None and name not in READERS and name != ARRAY:
                raise _unknown_class(name)
        wanted = minSplits or min(self.defaultParallelism, 2)
        source = pairs_source(path, wanted, self.session.storage_options)
        files = self._view("HadoopRDD", len(source.payloads), UNBATCHED, path)
        converted = files.derived("MapPartitionsRDD", current_site(), files.num_partitions, UNBATCHED)
        return self._source(
            source, converted.derived("MapPartitionsRDD", current_site(), files.num_partitions, AUTO_BATCHED)
        )

    @operation
    def pickleFile(self, name: str, minPartitions: int | None = None) -> RDD:
        """The records that `RDD.saveAsPickleFile` wrote, here or in Spark.

        They are unpickled: read files of people whom you trust. Raises PathNotFoundError, StorageError.
        """
        self.session.require_open()
        source = pickled_source(name, minPartitions or self.defaultMinPartitions, self.session.storage_options)
        files = self._view("HadoopRDD", len(source.payloads), UNBATCHED, name)
        return self._source(
            source, files.derived("MapPartitionsRDD", current_site(), files.num_partitions, AUTO_BATCHED)
        )


def _unknown_class(name: str) -> PySparkNotImplementedError:
    known = ", ".join(sorted(name.rpartition(".")[2] for name in READERS))
    return needs_java(
        f"reading {name}", f"Known classes of org.apache.hadoop.io are {known}; write the records anew as one of these"
    )
