"""Methods of the context that can't be carried out: they say so, and what to use instead."""

from __future__ import annotations

from typing import NoReturn

from spark_kernel.core.rdd.not_here import needs_java

_READ_INSTEAD = (
    "Read lines with textFile, pairs with sequenceFile, whole files with binaryFiles, or records of one length with "
    "binaryRecords"
)


class NotHere:
    """Raise errors that name the alternative."""

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
    ) -> NoReturn:
        """Needs Java."""
        raise needs_java("hadoopFile", _READ_INSTEAD)

    def hadoopRDD(
        self,
        inputFormatClass: str,
        keyClass: str,
        valueClass: str,
        keyConverter: str | None = None,
        valueConverter: str | None = None,
        conf: dict[str, str] | None = None,
        batchSize: int = 0,
    ) -> NoReturn:
        """Needs Java."""
        raise needs_java("hadoopRDD", _READ_INSTEAD)

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
    ) -> NoReturn:
        """Needs Java."""
        raise needs_java("newAPIHadoopFile", _READ_INSTEAD)

    def newAPIHadoopRDD(
        self,
        inputFormatClass: str,
        keyClass: str,
        valueClass: str,
        keyConverter: str | None = None,
        valueConverter: str | None = None,
        conf: dict[str, str] | None = None,
        batchSize: int = 0,
    ) -> NoReturn:
        """Needs Java."""
        raise needs_java("newAPIHadoopRDD", _READ_INSTEAD)
