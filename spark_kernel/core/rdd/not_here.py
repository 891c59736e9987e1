"""Methods that need Hadoop's Java classes, or a library above the engine: they say so, and what to use instead."""

from __future__ import annotations

from typing import Any, NoReturn

from pyspark.errors import PySparkNotImplementedError, PySparkRuntimeError

from spark_kernel.core.rdd.saving import Saving

_WRITE_INSTEAD = "Write text with saveAsTextFile, or columns with a DataFrame's writer (parquet, json, csv)"


def needs_java(method: str, alternative: str) -> PySparkNotImplementedError:
    """The error of a method that only Hadoop's Java classes could carry out."""
    return PySparkNotImplementedError(f"{method} runs Hadoop's Java classes, and there is no JVM here. {alternative}.")


class NotHere(Saving):
    """Raise errors that name the alternative."""

    def toDF(self, schema: Any = None, sampleRatio: float | None = None) -> Any:
        """A DataFrame with these rows; available once there is a SparkSession."""
        raise PySparkRuntimeError(
            errorClass="CALL_BEFORE_INITIALIZE", messageParameters={"func_name": "RDD.toDF", "object": "SparkSession"}
        )

    def saveAsHadoopFile(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Needs Java."""
        raise needs_java("saveAsHadoopFile", _WRITE_INSTEAD)

    def saveAsHadoopDataset(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Needs Java."""
        raise needs_java("saveAsHadoopDataset", _WRITE_INSTEAD)

    def saveAsNewAPIHadoopFile(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Needs Java."""
        raise needs_java("saveAsNewAPIHadoopFile", _WRITE_INSTEAD)

    def saveAsNewAPIHadoopDataset(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Needs Java."""
        raise needs_java("saveAsNewAPIHadoopDataset", _WRITE_INSTEAD)
