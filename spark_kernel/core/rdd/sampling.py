"""Random choices. With a seed they are PySpark's, bit for bit, and the same in every run."""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from itertools import pairwise
from math import log, sqrt
from typing import TYPE_CHECKING, Any

from spark_kernel.core.rdd.operations import operation
from spark_kernel.core.rdd.samplers import (
    BernoulliSample,
    PySparkSample,
    RDDRangeSampler,
    RDDSampler,
    RDDStratifiedSampler,
)
from spark_kernel.core.rdd.sorting import Sorting

if TYPE_CHECKING:
    from spark_kernel.core.rdd.rdd import RDD


class Sampling(Sorting):
    """sample, randomSplit, sampleByKey, takeSample."""

    @operation
    def sample(self, withReplacement: bool, fraction: float, seed: int | None = None) -> RDD:
        """About ``fraction`` of the records, each chosen by itself; with replacement, some of them several times."""
        if not fraction >= 0:
            raise ValueError("Fraction must be nonnegative.")
        if withReplacement:
            return self._narrow(PySparkSample(RDDSampler(True, fraction, seed)), keeps=True)
        return self._narrow(BernoulliSample(fraction, _seed(seed)), keeps=True)

    @operation
    def randomSplit(self, weights: Sequence[int | float], seed: int | None = None) -> list[RDD]:
        """The records dealt out to as many datasets as there are weights, in those proportions."""
        if not all(weight >= 0 for weight in weights):
            raise ValueError("Weights must be nonnegative")
        total = float(sum(weights))
        if not total > 0:
            raise ValueError("Sum of weights must be positive")
        bounds = [0.0]
        for weight in weights:
            bounds.append(bounds[-1] + weight / total)
        common = seed if seed is not None else random.randint(0, 2**32 - 1)
        return [
            self._narrow(PySparkSample(RDDRangeSampler(lower, upper, common)), keeps=True)
            for lower, upper in pairwise(bounds)
        ]

    @operation
    def sampleByKey(self, withReplacement: bool, fractions: dict[Any, float | int], seed: int | None = None) -> RDD:
        """About ``fractions[key]`` of the pairs of each key."""
        for fraction in fractions.values():
            if not fraction >= 0.0:
                # PySpark's class for this one mistake.
                raise AssertionError(f"Negative fraction value: {fraction}")
        return self._narrow(PySparkSample(RDDStratifiedSampler(withReplacement, fractions, seed)), keeps=True)

    @operation
    def takeSample(self, withReplacement: bool, num: int, seed: int | None = None) -> list[Any]:
        """Exactly ``num`` random records, or all if there are fewer and none may come twice.

        Runs a job to count the records, and at least one to sample them.
        """
        most = sys.maxsize - int(10.0 * sqrt(sys.maxsize))
        if num < 0:
            raise ValueError("Sample size cannot be negative.")
        if num > most:
            raise ValueError(f"Sample size cannot be greater than {most}.")
        if num == 0 or self.getNumPartitions() == 0:
            return []
        size = self.count()
        if size == 0:
            return []
        source = random.Random(seed)
        if not withReplacement and num >= size:
            samples = self.collect()
        else:
            samples = self._sample_enough(withReplacement, num, size, seed, source)
        source.shuffle(samples)
        return samples[:num]

    def _sample_enough(
        self, with_replacement: bool, num: int, size: int, seed: int | None, source: random.Random
    ) -> list[Any]:
        fraction = _fraction_for(num, size, with_replacement)
        samples = self.sample(with_replacement, fraction, seed).collect()
        while len(samples) < num:
            samples = self.sample(with_replacement, fraction, source.randint(0, sys.maxsize)).collect()
        return samples


def _seed(seed: int | None) -> int:
    return seed if seed is not None else random.randint(0, sys.maxsize)


def _fraction_for(wanted: int, total: int, with_replacement: bool) -> float:
    """A fraction that gives at least ``wanted`` of ``total`` records in 99.99 % of all samples.

    ``RDD._computeFractionForSampleSize`` in PySpark: bounds of the Poisson and the binomial distribution.
    """
    fraction = wanted / total
    if with_replacement:
        deviations = 9 if wanted < 12 else 5
        return fraction + deviations * sqrt(fraction / total)
    gamma = -log(0.00005) / total
    return min(1.0, fraction + gamma + sqrt(gamma * gamma + 2 * gamma * fraction))
