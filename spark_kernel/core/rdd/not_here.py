"""Methods that can't be carried out by this release. They say so, and what to use instead."""

from __future__ import annotations

from typing import Any, NoReturn

from pyspark.errors import PySparkNotImplementedError

from spark_kernel.core.rdd.resource_requests import ResourceRequests


def not_yet(method: str, alternative: str) -> PySparkNotImplementedError:
    """The error of a method that this release does not have."""
    return PySparkNotImplementedError(f"This release has no {method} yet. {alternative}.")


class NotHere(ResourceRequests):
    """Raise errors that name the alternative."""

    def toDF(self, schema: Any = None, sampleRatio: float | None = None) -> NoReturn:
        """Needs the SQL library."""
        raise not_yet("DataFrames, and so no toDF", "Collect the rows, and hand them to pandas or pyarrow")
