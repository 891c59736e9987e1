"""hadoopFile and its kin, for the formats that need no Java (`core/rdd/hadoop_formats.py`)."""

from __future__ import annotations

from spark_kernel.core.context.sequence_file_reading import SequenceFileReading
from spark_kernel.core.rdd import RDD
from spark_kernel.core.rdd import hadoop_formats as formats
from spark_kernel.core.rdd.operations import operation


class HadoopReading(SequenceFileReading):
    """Read the pairs of SequenceFiles. Of a ``conf`` only the folder counts; ``batchSize`` speaks of Java's pickler."""

    @operation
    def hadoopFile(
        self,
        path: str,
        inputFormatClass: str,
        keyClass: str,
        valueClass: str,
        keyConverter: str | None = None,
        valueConverter: str | None = None,
        conf: dict[str, str] | None = None,
        batchSize: int = 0,
    ) -> RDD:
        """The pairs of the files at ``path``, like `sequenceFile`. ``inputFormatClass``: a SequenceFileInputFormat.

        Raises PySparkNotImplementedError for what needs Java, and what `sequenceFile` raises.
        """
        formats.check_input("hadoopFile", inputFormatClass)
        return self.sequenceFile(path, keyClass, valueClass, keyConverter, valueConverter)

    @operation
    def newAPIHadoopFile(
        self,
        path: str,
        inputFormatClass: str,
        keyClass: str,
        valueClass: str,
        keyConverter: str | None = None,
        valueConverter: str | None = None,
        conf: dict[str, str] | None = None,
        batchSize: int = 0,
    ) -> RDD:
        """The same as `hadoopFile`."""
        formats.check_input("newAPIHadoopFile", inputFormatClass)
        return self.sequenceFile(path, keyClass, valueClass, keyConverter, valueConverter)

    @operation
    def hadoopRDD(
        self,
        inputFormatClass: str,
        keyClass: str,
        valueClass: str,
        keyConverter: str | None = None,
        valueConverter: str | None = None,
        conf: dict[str, str] | None = None,
        batchSize: int = 0,
    ) -> RDD:
        """The same as `hadoopFile`, the folder named in ``conf`` under Hadoop's name.

        Raises IllegalArgumentException when ``conf`` names none.
        """
        formats.check_input("hadoopRDD", inputFormatClass)
        path = formats.path_of(conf, formats.INPUT_PATH)
        return self.sequenceFile(path, keyClass, valueClass, keyConverter, valueConverter)

    @operation
    def newAPIHadoopRDD(
        self,
        inputFormatClass: str,
        keyClass: str,
        valueClass: str,
        keyConverter: str | None = None,
        valueConverter: str | None = None,
        conf: dict[str, str] | None = None,
        batchSize: int = 0,
    ) -> RDD:
        """The same as `hadoopRDD`."""
        formats.check_input("newAPIHadoopRDD", inputFormatClass)
        path = formats.path_of(conf, formats.INPUT_PATH)
        return self.sequenceFile(path, keyClass, valueClass, keyConverter, valueConverter)
