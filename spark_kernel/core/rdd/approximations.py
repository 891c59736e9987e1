"""Approximate actions. As called from PySpark, Spark's own wait for all partitions and so give exact bounds."""

from __future__ import annotations

from spark_kernel.core.rdd.folds import count_records
from spark_kernel.core.rdd.hyperloglog import Sketch, estimate, merged, precision_for
from spark_kernel.core.rdd.operations import operation
from spark_kernel.core.rdd.trees import Trees


class BoundedFloat(float):
    """A number that is between ``low`` and ``high`` with probability ``confidence``.

    >>> value = BoundedFloat(100.0, 0.95, 95.0, 105.0)
    >>> value + 1, value.low, value.high, value.confidence
    (101.0, 95.0, 105.0, 0.95)
    """

    confidence: float
    low: float
    high: float

    def __new__(cls, mean: float, confidence: float, low: float, high: float) -> BoundedFloat:
        value = float.__new__(cls, mean)
        value.confidence = confidence
        value.low = low
        value.high = high
        return value


class Approximations(Trees):
    """countApprox, sumApprox, meanApprox, countApproxDistinct."""

    @operation
    def countApprox(self, timeout: int, confidence: float = 0.95) -> int:
        """The number of records. Like PySpark it waits for all of them, whatever ``timeout`` (milliseconds) says."""
        return sum(self._run(count_records))

    @operation
    def sumApprox(self, timeout: int, confidence: float = 0.95) -> BoundedFloat:
        """The sum of the records. Like PySpark it waits for all of them, whatever ``timeout`` (milliseconds) says."""
        return _exactly(float(sum(self._run(sum))))

    @operation
    def meanApprox(self, timeout: int, confidence: float = 0.95) -> BoundedFloat:
        """The mean of the records. Like PySpark it waits for all of them, whatever ``timeout`` (milliseconds) says."""
        return _exactly(float(self.map(float).mean()))

    @operation
    def countApproxDistinct(self, relativeSD: float = 0.05) -> int:
        """About the number of different records, with a relative standard deviation of ``relativeSD``."""
        if relativeSD < 0.000017:
            raise ValueError("relativeSD should be greater than 0.000017")
        precision = precision_for(relativeSD)
        return estimate(merged(self._run(Sketch(precision))), precision)


def _exactly(value: float) -> BoundedFloat:
    return BoundedFloat(value, 1.0, value, value)
