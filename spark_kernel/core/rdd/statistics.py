"""Actions on numbers: stats and what is read off it, histogram."""

from __future__ import annotations

import functools
from typing import Any

from pyspark.statcounter import StatCounter

from spark_kernel.core.rdd.actions import EMPTY
from spark_kernel.core.rdd.elementwise import Filter
from spark_kernel.core.rdd.histograms import even_buckets, given_buckets, is_comparable, minimum_and_maximum
from spark_kernel.core.rdd.operations import operation
from spark_kernel.core.rdd.sampling import Sampling


class Statistics(Sampling):
    """Summaries of numbers."""

    @operation
    def stats(self) -> StatCounter:
        """Count, mean, variance, largest and smallest of the records, in one pass."""
        return functools.reduce(StatCounter.mergeStats, self._run_some(StatCounter))

    @operation
    def mean(self) -> Any:
        """The mean of the records."""
        return self.stats().mean()

    @operation
    def variance(self) -> Any:
        """The variance, divided by the number of records."""
        return self.stats().variance()

    @operation
    def stdev(self) -> float:
        """The square root of `variance`."""
        # A StatCounter takes NumPy's root where NumPy is installed, and NumPy's floats print as np.float64(...).
        return float(self.stats().stdev())

    @operation
    def sampleVariance(self) -> Any:
        """The variance, divided by the number of records less one."""
        return self.stats().sampleVariance()

    @operation
    def sampleStdev(self) -> float:
        """The square root of `sampleVariance`."""
        return float(self.stats().sampleStdev())

    @operation
    def histogram(self, buckets: int | list[Any] | tuple[Any, ...]) -> tuple[Any, list[int]]:
        """Bounds of buckets, and how many records each has.

        Buckets are ``[low, high)``, the last one ``[low, high]``. A number asks for so many of equal width between the
        smallest and the largest record. None and NaN are left out.
        """
        if isinstance(buckets, int):
            if buckets < 1:
                raise ValueError("number of buckets must be >= 1")
            comparable = self._narrow(Filter(is_comparable), keeps=True)
            extremes = [pair for pair in comparable._run(minimum_and_maximum) if pair is not None]
            if not extremes:
                raise ValueError(EMPTY)
            low, high = min(pair[0] for pair in extremes), max(pair[1] for pair in extremes)
            if low == high or buckets == 1:
                return [low, high], [comparable.count()]
            chosen = even_buckets(low, high, buckets)
        elif isinstance(buckets, (list, tuple)):
            chosen = given_buckets(buckets)
        else:
            raise TypeError("buckets should be a list or tuple or number(int or long)")
        counts = self._run_some(chosen)
        return chosen.bounds, [sum(column) for column in zip(*counts, strict=True)]
