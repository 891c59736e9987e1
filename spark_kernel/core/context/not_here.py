"""Methods of the context that need Hadoop's Java classes: they say so, and what to use instead."""

from __future__ import annotations

from typing import Any, NoReturn

from spark_kernel.core.rdd.not_here import needs_java

_READ_INSTEAD = "Read lines with textFile, whole files with binaryFiles, or columns with a DataFrame's reader"


class NotHere:
    """Raise errors that name the alternative."""

    def hadoopFile(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Needs Java."""
        raise needs_java("hadoopFile", _READ_INSTEAD)

    def hadoopRDD(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Needs Java."""
        raise needs_java("hadoopRDD", _READ_INSTEAD)

    def newAPIHadoopFile(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Needs Java."""
        raise needs_java("newAPIHadoopFile", _READ_INSTEAD)

    def newAPIHadoopRDD(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Needs Java."""
        raise needs_java("newAPIHadoopRDD", _READ_INSTEAD)
