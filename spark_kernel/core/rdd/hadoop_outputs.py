"""saveAsHadoopFile and its kin, for the formats that need no Java (`hadoop_formats.py`)."""

from __future__ import annotations

from spark_kernel.core.rdd import hadoop_formats as formats
from spark_kernel.core.rdd.operations import operation
from spark_kernel.core.rdd.sequence_files import SequenceFiles


class HadoopOutputs(SequenceFiles):
    """Write pairs as SequenceFiles. What the pairs hold decides the classes, as in `saveAsSequenceFile`; classes that
    are named have to be these. Of a ``conf`` the folder, the format, the classes and the compression count.
    """

    @operation
    def saveAsHadoopFile(
        self,
        path: str,
        outputFormatClass: str,
        keyClass: str | None = None,
        valueClass: str | None = None,
        keyConverter: str | None = None,
        valueConverter: str | None = None,
        conf: dict[str, str] | None = None,
        compressionCodecClass: str | None = None,
    ) -> None:
        """Write pairs to the folder ``path``. ``outputFormatClass``: a SequenceFileOutputFormat.

        Raises PySparkNotImplementedError for what needs Java, and what `saveAsSequenceFile` raises.
        """
        formats.check_output("saveAsHadoopFile", outputFormatClass, keyConverter, valueConverter)
        self._save_pairs(path, compressionCodecClass or formats.codec_of(conf), keyClass, valueClass)

    @operation
    def saveAsNewAPIHadoopFile(
        self,
        path: str,
        outputFormatClass: str,
        keyClass: str | None = None,
        valueClass: str | None = None,
        keyConverter: str | None = None,
        valueConverter: str | None = None,
        conf: dict[str, str] | None = None,
    ) -> None:
        """The same as `saveAsHadoopFile`."""
        formats.check_output("saveAsNewAPIHadoopFile", outputFormatClass, keyConverter, valueConverter)
        self._save_pairs(path, formats.codec_of(conf), keyClass, valueClass)

    @operation
    def saveAsHadoopDataset(
        self, conf: dict[str, str], keyConverter: str | None = None, valueConverter: str | None = None
    ) -> None:
        """The same as `saveAsHadoopFile`, all of it said in ``conf`` under Hadoop's names.

        Raises IllegalArgumentException when ``conf`` names no folder.
        """
        self._save_as_said("saveAsHadoopDataset", conf, keyConverter, valueConverter)

    @operation
    def saveAsNewAPIHadoopDataset(
        self, conf: dict[str, str], keyConverter: str | None = None, valueConverter: str | None = None
    ) -> None:
        """The same as `saveAsHadoopDataset`."""
        self._save_as_said("saveAsNewAPIHadoopDataset", conf, keyConverter, valueConverter)

    def _save_as_said(self, method: str, conf: dict[str, str], *converters: str | None) -> None:
        formats.check_output(method, formats.named(conf, formats.OUTPUT_FORMAT), *converters)
        classes = (formats.named(conf, names) for names in (formats.KEY_CLASS, formats.VALUE_CLASS))
        self._save_pairs(formats.path_of(conf, formats.OUTPUT_PATH), formats.codec_of(conf), *classes)
