"""Recipes that choose records at random: the same ones as PySpark for the same seed, bit for bit.

The generators are PySpark's own (``pyspark.rddsampler``). Sampling without replacement, which is one comparison a
record, runs in numpy, whose older generator is Python's: the same algorithm, the same state, the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, compress
from random import Random
from typing import Any

import numpy as np
from pyspark.rddsampler import RDDRangeSampler, RDDSampler, RDDSamplerBase, RDDStratifiedSampler

from spark_kernel.core.lineage.recipes import Records, TaskScope

_FIRST_BLOCK, _BLOCK = 64, 4096

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
        return compress(next(inputs), chain.from_iterable(_chosen(sampler._random, self.fraction)))


@dataclass(frozen=True)
class PySparkSample:
    """The records that one of PySpark's samplers chooses."""

    sampler: RDDSamplerBase

    def compute(self, partition: int, inputs: Iterator[Records], scope: TaskScope) -> Records:
        """Some of the records, in order; some of them several times when sampling with replacement."""
        chosen: Iterator[Any] = self.sampler.func(partition, next(inputs))
        return chosen


def _chosen(source: Random, fraction: float) -> Iterator[bytes]:
    """Whether each next ``source.random()`` is below ``fraction``, a byte each, without end.

    >>> source, same = Random(1), Random(1)
    >>> [byte == (same.random() < 0.3) for byte in next(_chosen(source, 0.3))] == [True] * 64
    True
    """
    *key, position = source.getstate()[1]
    generator = np.random.RandomState(0)
    generator.set_state(("MT19937", np.array(key, np.uint32), position, 0, 0.0))
    size = _FIRST_BLOCK
    while True:
        yield (generator.random_sample(size) < fraction).tobytes()
        size = _BLOCK
