"""Methods that can't be carried out: without Java, or not by this release. They say so, and what to use instead."""

from __future__ import annotations

from typing import Any, NoReturn

from pyspark.errors import PySparkNotImplementedError

from spark_kernel.core.rdd.resource_requests import ResourceRequests

_WRITE_INSTEAD = (
    "Write text with saveAsTextFile, pairs with saveAsSequenceFile, or files of your own in foreachPartition"
)


def needs_java(method: str, alternative: str) -> PySparkNotImplementedError:
    """The error of a method that only Hadoop's Java classes could carry out."""
    return PySparkNotImplementedError(f"{method} runs Hadoop's Java classes, and there is no JVM here. {alternative}.")


def not_yet(method: str, alternative: str) -> PySparkNotImplementedError:
    """The error of a method that this release does not have."""
    return PySparkNotImplementedError(f"This release has no {method} yet. {alternative}.")


class NotHere(ResourceRequests):
    """Raise errors that name the alternative."""

    def toDF(self, schema: Any = None, sampleRatio: float | None = None) -> NoReturn:
        """Needs the SQL library."""
        raise not_yet("DataFrames, and so no toDF", "Collect the rows, and hand them to pandas or pyarrow")

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
    ) -> NoReturn:
        """Needs Java."""
        raise needs_java("saveAsHadoopFile", _WRITE_INSTEAD)

    def saveAsHadoopDataset(
        self, conf: dict[str, str], keyConverter: str | None = None, valueConverter: str | None = None
    ) -> NoReturn:
        """Needs Java."""
        raise needs_java("saveAsHadoopDataset", _WRITE_INSTEAD)

    def saveAsNewAPIHadoopFile(
        self,
        path: str,
        outputFormatClass: str,
        keyClass: str | None = None,
        valueClass: str | None = None,
        keyConverter: str | None = None,
        valueConverter: str | None = None,
        conf: dict[str, str] | None = None,
    ) -> NoReturn:
        """Needs Java."""
        raise needs_java("saveAsNewAPIHadoopFile", _WRITE_INSTEAD)

    def saveAsNewAPIHadoopDataset(
        self, conf: dict[str, str], keyConverter: str | None = None, valueConverter: str | None = None
    ) -> NoReturn:
        """Needs Java."""
        raise needs_java("saveAsNewAPIHadoopDataset", _WRITE_INSTEAD)
