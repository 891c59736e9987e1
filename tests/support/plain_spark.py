"""Spark's RDD API over lists of lists: the model that generated programs are compared with.

Written from Spark's documented behaviour and shares no code with the engine. A dataset is the list of its partitions,
each a list of records; every step is carried out at once. What is modelled is where records are and in which order,
what actions return, and which partitioner is known. `plain_actions.py` has the actions.

Not modelled, because Spark leaves it open: the order of a cartesian product's pairs within a partition (here the left
record changes slowest).
"""

from __future__ import annotations

import bisect
import copy
import pickle
import sys
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate, chain, pairwise
from pathlib import Path
from typing import Any
from zlib import crc32

from pyspark.rddsampler import RDDRangeSampler, RDDSampler, RDDStratifiedSampler

from tests.support.plain_actions import PlainActions
from tests.support.plain_text import lines_of_splits, read_back
from tests.support.plain_xorshift import first_below

Parts = list[list[Any]]


def key_hash(key: Any) -> int:
    """PySpark's ``portable_hash``; text by CRC-32, since Python's own hash of it differs between versions."""
    if key is None:
        return 0
    if isinstance(key, str):
        return crc32(key.encode())
    if isinstance(key, tuple):
        value = 0x345678
        for item in key:
            value = ((value ^ key_hash(item)) * 1000003) & sys.maxsize
        value ^= len(key)
        return -2 if value == -1 else value
    return hash(key)


class Plain(PlainActions):
    """A dataset."""

    def __init__(
        self,
        parts: Parts,
        partitioner: tuple[int, Callable[[Any], int]] | None = None,
        spread: tuple[int, Callable[[Any], int]] | None = None,
        tens: list[Parts] | None = None,
    ) -> None:
        self.parts = parts
        self.partitioner = partitioner
        # How the JVM knows the keys to be spread; `SparkContext.union` keeps that, and forgets the Python one.
        self.spread = spread if spread is not None else partitioner
        # The batches of ten that the records travel in, where they do: ``repartition`` deals out batches.
        self.tens = tens

    # Narrow steps

    def mapPartitionsWithIndex(self, f: Callable[[int, Any], Iterable[Any]], preservesPartitioning=False) -> Plain:
        parts = [list(f(i, iter(part))) for i, part in enumerate(self.parts)]
        return Plain(parts, self.partitioner, self.spread) if preservesPartitioning else Plain(parts)

    def mapPartitions(self, f, preservesPartitioning=False) -> Plain:
        return self.mapPartitionsWithIndex(lambda _, records: f(records), preservesPartitioning)

    def map(self, f, preservesPartitioning=False) -> Plain:
        return self.mapPartitions(lambda records: map(f, records), preservesPartitioning)

    def flatMap(self, f, preservesPartitioning=False) -> Plain:
        return self.mapPartitions(lambda records: chain.from_iterable(map(f, records)), preservesPartitioning)

    def filter(self, f) -> Plain:
        return self.mapPartitions(lambda records: filter(f, records), True)

    def glom(self) -> Plain:
        return Plain([[part] for part in self.parts])

    def keyBy(self, f) -> Plain:
        return self.map(lambda record: (f(record), record))

    def keys(self) -> Plain:
        return self.map(lambda pair: pair[0])

    def values(self) -> Plain:
        return self.map(lambda pair: pair[1])

    def mapValues(self, f) -> Plain:
        return self.map(lambda pair: (pair[0], f(pair[1])), True)

    def flatMapValues(self, f) -> Plain:
        return self.flatMap(lambda pair: [(pair[0], each) for each in f(pair[1])], True)

    def zipWithIndex(self) -> Plain:
        starts = [0, *accumulate(map(len, self.parts))]
        return self.mapPartitionsWithIndex(lambda i, records: ((x, starts[i] + n) for n, x in enumerate(records)))

    def zipWithUniqueId(self) -> Plain:
        step = len(self.parts)
        return self.mapPartitionsWithIndex(lambda i, records: ((x, i + n * step) for n, x in enumerate(records)))

    def pipe(self, command: str) -> Plain:
        assert command == "cat"
        return self.map(lambda record: str(record).rstrip("\n")).flatMap(lambda text: text.split("\n"))

    def sample(self, withReplacement: bool, fraction: float, seed: int) -> Plain:
        return self.mapPartitionsWithIndex(RDDSampler(withReplacement, fraction, seed).func, True)

    def randomSplit(self, weights: Sequence[float], seed: int) -> list[Plain]:
        total = float(sum(weights))
        bounds = list(accumulate([0.0, *(weight / total for weight in weights)]))
        samplers = [RDDRangeSampler(low, high, seed) for low, high in pairwise(bounds)]
        return [self.mapPartitionsWithIndex(sampler.func, True) for sampler in samplers]

    def sampleByKey(self, withReplacement: bool, fractions: dict[Any, float], seed: int) -> Plain:
        return self.mapPartitionsWithIndex(RDDStratifiedSampler(withReplacement, fractions, seed).func, True)

    # What changes nothing that can be seen in records

    def cache(self) -> Plain:
        return self

    def persist(self, storageLevel: Any) -> Plain:
        return self

    def unpersist(self) -> Plain:
        return self

    def setName(self, name: str) -> Plain:
        return self

    def checkpoint(self) -> None: ...

    def localCheckpoint(self) -> None: ...

    # Other partitions

    def coalesce(self, numPartitions: int, shuffle: bool = False) -> Plain:
        if shuffle:
            return self.repartition(numPartitions)
        have, n = len(self.parts), min(numPartitions, len(self.parts))
        groups = [range(i * have // n, (i + 1) * have // n) for i in range(n)]
        return Plain(
            [[x for i in group for x in self.parts[i]] for group in groups],
            tens=self.tens and [[ten for i in group for ten in self.tens[i]] for group in groups],
        )

    def repartition(self, numPartitions: int) -> Plain:
        batches = self.tens
        if batches is None:
            batches = [[part[i : i + 10] for i in range(0, len(part), 10)] for part in self.parts]
        dealt: list[Parts] = [[] for _ in range(numPartitions)]
        for index, part in enumerate(batches):
            start = first_below(numPartitions, index) + 1
            for place, batch in enumerate(part, start):
                dealt[place % numPartitions].append(batch)
        return Plain([list(chain(*part)) for part in dealt], tens=dealt)

    def partitionBy(self, numPartitions: int | None, partitionFunc: Callable[[Any], int] = key_hash) -> Plain:
        n = len(self.parts) if numPartitions is None else numPartitions
        if self.partitioner == (n, partitionFunc):
            return self
        parts: Parts = [[] for _ in range(n)]
        for key, value in chain(*self.parts):
            parts[partitionFunc(key) % n].append((key, value))
        return Plain(parts, (n, partitionFunc))

    # By key

    def combineByKey(self, create, merge_value, merge_combiners, numPartitions=None, partitionFunc=key_hash) -> Plain:
        def locally(pairs):
            combiners: dict[Any, Any] = {}
            for key, value in pairs:
                combiners[key] = merge_value(combiners[key], value) if key in combiners else create(value)
            return combiners.items()

        def over_all(pairs):
            merged: dict[Any, Any] = {}
            for key, combiner in pairs:
                merged[key] = merge_combiners(merged[key], combiner) if key in merged else combiner
            return merged.items()

        # The parent's number counts, as partitionBy would see it.
        return self.mapPartitions(locally, True).partitionBy(numPartitions, partitionFunc).mapPartitions(over_all, True)

    def reduceByKey(self, func, numPartitions=None, partitionFunc=key_hash) -> Plain:
        return self.combineByKey(lambda value: value, func, func, numPartitions, partitionFunc)

    def foldByKey(self, zero, func, numPartitions=None, partitionFunc=key_hash) -> Plain:
        return self.aggregateByKey(zero, func, func, numPartitions, partitionFunc)

    def aggregateByKey(self, zero, seq, comb, numPartitions=None, partitionFunc=key_hash) -> Plain:
        def create(value):
            return seq(copy.deepcopy(zero), value)

        return self.combineByKey(create, seq, comb, numPartitions, partitionFunc)

    def groupByKey(self, numPartitions=None, partitionFunc=key_hash) -> Plain:
        return self.combineByKey(
            lambda value: [value],
            lambda values, value: [*values, value],
            lambda left, right: left + right,
            numPartitions,
            partitionFunc,
        )

    def groupBy(self, f, numPartitions=None, partitionFunc=key_hash) -> Plain:
        return self.keyBy(f).groupByKey(numPartitions, partitionFunc)

    def distinct(self, numPartitions=None) -> Plain:
        return self.map(lambda x: (x, None)).reduceByKey(lambda first, _: first, numPartitions).keys()

    # Several datasets

    def union(self, other: Plain) -> Plain:
        both = united([self, other])
        alike = self.partitioner == other.partitioner and len(self.parts) == len(both.parts)
        return Plain(both.parts, self.partitioner if alike else None, both.spread, both.tens)

    __add__ = union

    def zip(self, other: Plain) -> Plain:
        if len(self.parts) != len(other.parts):
            raise ValueError("Can only zip with RDD which has the same number of partitions")
        pairs = zip(self.parts, other.parts, strict=True)
        return Plain([list(zip(left, right, strict=True)) for left, right in pairs])

    def cartesian(self, other: Plain) -> Plain:
        return Plain([[(x, y) for x in left for y in right] for left in self.parts for right in other.parts])

    def cogrouped(self, others: Sequence[Plain], numPartitions: int | None) -> Plain:
        """``(key, the values of each dataset)``: tagged, united and grouped."""
        tagged = [rdd.mapValues(lambda v, tag=tag: (tag, v)) for tag, rdd in enumerate([self, *others])]
        everything = tagged[0]
        for each in tagged[1:]:
            everything = everything.union(each)
        tags = range(len(tagged))
        return everything.groupByKey(numPartitions).mapValues(
            lambda values: tuple([v for tag, v in values if tag == wanted] for wanted in tags)
        )

    def cogroup(self, other: Plain, numPartitions: int | None = None) -> Plain:
        return self.cogrouped([other], numPartitions)

    def groupWith(self, *others: Plain) -> Plain:
        return self.cogrouped(others, None)

    def _joined(self, other: Plain, n: int | None, or_none: tuple[bool, bool] = (False, False)) -> Plain:
        def pairs(sides):
            left, right = (side or [None] * missing for side, missing in zip(sides, or_none, strict=True))
            return [(x, y) for x in left for y in right]

        return self.cogrouped([other], n).flatMapValues(pairs)

    def join(self, other: Plain, numPartitions: int | None = None) -> Plain:
        return self._joined(other, numPartitions)

    def leftOuterJoin(self, other: Plain, numPartitions: int | None = None) -> Plain:
        return self._joined(other, numPartitions, (False, True))

    def rightOuterJoin(self, other: Plain, numPartitions: int | None = None) -> Plain:
        return self._joined(other, numPartitions, (True, False))

    def fullOuterJoin(self, other: Plain, numPartitions: int | None = None) -> Plain:
        return self._joined(other, numPartitions, (True, True))

    def subtractByKey(self, other: Plain, numPartitions: int | None = None) -> Plain:
        sides = self.cogroup(other, numPartitions)
        return sides.filter(lambda group: group[1][0] and not group[1][1]).flatMapValues(lambda both: both[0])

    def subtract(self, other: Plain, numPartitions: int | None = None) -> Plain:
        return self.map(lambda x: (x, True)).subtractByKey(other.map(lambda x: (x, True)), numPartitions).keys()

    def intersection(self, other: Plain) -> Plain:
        return self.map(lambda x: (x, None)).cogroup(other.map(lambda x: (x, None))).filter(lambda g: all(g[1])).keys()

    # Sorting

    def sortByKey(self, ascending: bool = True, numPartitions: int | None = None) -> Plain:
        n = len(self.parts) if numPartitions is None else numPartitions

        def in_order(pairs):
            return sorted(pairs, key=lambda pair: pair[0], reverse=not ascending)

        if n == 1:
            return (self.coalesce(1) if len(self.parts) > 1 else self).mapPartitions(in_order, True)
        if not any(self.parts):
            return self
        fraction = min(n * 20.0 / sum(map(len, self.parts)), 1.0)
        samples = sorted(chain(*self.sample(False, fraction, 1).keys().parts))
        bounds = [samples[int(len(samples) * (i + 1) / n)] for i in range(n - 1)]

        def range_of(key):
            place = bisect.bisect_left(bounds, key)
            return place if ascending else n - 1 - place

        return self.partitionBy(n, range_of).mapPartitions(in_order, True)

    def sortBy(self, keyfunc, ascending: bool = True, numPartitions: int | None = None) -> Plain:
        return self.keyBy(keyfunc).sortByKey(ascending, numPartitions).values()

    def repartitionAndSortWithinPartitions(
        self, numPartitions=None, partitionFunc=key_hash, ascending=True, keyfunc=lambda key: key
    ) -> Plain:
        def in_order(pairs):
            return sorted(pairs, key=lambda pair: keyfunc(pair[0]), reverse=not ascending)

        return self.partitionBy(numPartitions, partitionFunc).mapPartitions(in_order, True)


class PlainContext:
    """What datasets come from."""

    def parallelize(self, c: Iterable[Any], numSlices: int) -> Plain:
        if isinstance(c, range) and len(c):
            starts = [c[0] + int(i * len(c) / numSlices) * c.step for i in range(numSlices + 1)]
            return Plain([list(range(*ends, c.step)) for ends in pairwise(starts)])
        c = list(c)
        size = max(1, min(len(c) // numSlices, 1024))
        batches = [c[i : i + size] for i in range(0, len(c), size)]
        ends = [i * len(batches) // numSlices for i in range(numSlices + 1)]
        slices = [batches[start:end] for start, end in pairwise(ends)]
        return Plain([list(chain(*part)) for part in slices], tens=slices if size == 10 else None)

    def range(self, start: int, end: int | None = None, step: int = 1, numSlices: int = 1) -> Plain:
        return self.parallelize(range(start) if end is None else range(start, end, step), numSlices)

    def emptyRDD(self) -> Plain:
        return Plain([])

    def union(self, rdds: list[Plain]) -> Plain:
        return united(rdds)

    def textFile(self, name: str, minPartitions: int) -> Plain:
        return Plain(lines_of_splits(read_back(Path(name)), minPartitions))

    def pickleFile(self, name: str, minPartitions: int) -> Plain:
        # One split a file, since one split is what is asked for.
        assert minPartitions == 1
        return Plain(pickle.loads(Path(name).read_bytes()))

    def runJob(self, rdd: Plain, f: Callable[[Any], Iterable[Any]], partitions: Sequence[int]) -> list[Any]:
        return [x for i in partitions for x in f(iter(rdd.parts[i]))]


def united(rdds: Sequence[Plain]) -> Plain:
    """The JVM's union: partition by partition where all are known to be spread alike, else one after the other."""
    full = [rdd for rdd in rdds if rdd.parts]
    tens = [rdd.tens for rdd in rdds]
    spread = full[0].spread if full else None
    if spread is not None and all(rdd.spread == spread for rdd in full):
        return Plain([list(chain(*parts)) for parts in zip(*(rdd.parts for rdd in full), strict=True)], None, spread)
    kept = None if any(each is None for each in tens) else list(chain(*tens))
    return Plain([part for rdd in full for part in rdd.parts], tens=kept)
