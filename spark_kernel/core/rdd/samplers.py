"""Recipes that choose records at random: the same ones as PySpark for the same seed, bit for bit.

The generators are PySpark's own (``pyspark.rddsampler``); sampling without replacement, which is one comparison a
record, runs at C speed on the same random numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import compress
from typing import Any

from pyspark.rddsampler import RDDRangeSampler, RDDSampler, RDDSamplerBase, RDDStratifiedSampler

from spark_kernel.core.lineage.recipes import Records, TaskScope

__all__ = ["BernoulliSample", "PySparkSample", "RDDRangeSampler", "RDDSampler", "RDDStratifiedSampler"]


@dataclass(frozen=True)
class BernoulliSample:
    """Each record with probability ``fraction``; ``RDDSampler(False, fraction, seed)``."""

    fraction: float
    seed: int

    def compute(self, partition: int, inputs: Iterator[Records], scope: TaskScope) -> Records:
        """Some of the records, in order."""
        sampler = RDDSampler(False, self.fraction, self.seed)
        sampler.initRandomGenerator(partition)
        # ``fraction > number``, not ``number < fraction``: a bound method of the one fraction needs no frame.
        chosen = map(float(self.fraction).__gt__, iter(sampler._random.random, None))
        return compress(next(inputs), chosen)


@dataclass(frozen=True)
class PySparkSample:
    """The records that one of PySpark's samplers chooses."""

    sampler: RDDSamplerBase

    def compute(self, partition: int, inputs: Iterator[Records], scope: TaskScope) -> Records:
        """Some of the records, in order; some of them several times when sampling with replacement."""
        chosen: Iterator[Any] = self.sampler.func(partition, next(inputs))
        return chosen
