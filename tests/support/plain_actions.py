"""The actions of the model: what `plain_spark.py` returns to the driver."""

from __future__ import annotations

import bisect
import copy
import heapq
import pickle
import random
from collections import defaultdict
from collections.abc import Iterator
from functools import reduce
from itertools import chain, pairwise
from math import ceil, isinf, isnan, log, sqrt
from operator import add
from pathlib import Path
from typing import Any

from pyspark.statcounter import StatCounter

EMPTY = "Can not reduce() empty RDD"


class PlainActions:
    """Actions on ``parts``."""

    parts: list[list[Any]]
    partitioner: Any

    def _one_each(self, f) -> list[Any]:
        """``f`` of each partition."""
        return [f(part) for part in self.parts]

    def _reduced(self, f, per_partition) -> Any:
        values = self._one_each(per_partition)
        if not values:
            raise ValueError(EMPTY)
        return reduce(f, values)

    def getNumPartitions(self) -> int:
        return len(self.parts)

    def collect(self) -> list[Any]:
        return list(chain(*self.parts))

    def collectAsMap(self) -> dict[Any, Any]:
        return dict(self.collect())

    def toLocalIterator(self, prefetchPartitions: bool = False) -> Iterator[Any]:
        return iter(self.collect())

    def count(self) -> int:
        return len(self.collect())

    def take(self, num: int) -> list[Any]:
        return self.collect()[: max(num, 0)]

    def first(self) -> Any:
        if not self.collect():
            raise ValueError("RDD is empty")
        return self.collect()[0]

    def isEmpty(self) -> bool:
        return not self.collect()

    def reduce(self, f) -> Any:
        values = [reduce(f, part) for part in self.parts if part]
        if not values:
            raise ValueError(EMPTY)
        return reduce(f, values)

    def fold(self, zero, op) -> Any:
        return self.aggregate(zero, op, op)

    def aggregate(self, zero, seq, comb) -> Any:
        values = self._one_each(lambda part: reduce(seq, part, copy.deepcopy(zero)))
        return reduce(comb, values, copy.deepcopy(zero))

    def treeAggregate(self, zero, seq, comb, depth: int = 2) -> Any:
        values = self._one_each(lambda part: reduce(seq, part, copy.deepcopy(zero)))
        if not values:
            return zero
        rows = self._like([[value] for value in values])
        width: float = len(values)
        scale = max(ceil(width ** (1 / depth)), 2)
        while width > scale + width / scale:
            width /= scale
            n = int(width)
            rows = (
                rows.mapPartitionsWithIndex(lambda i, it, n=n: ((i % n, x) for x in it)).reduceByKey(comb, n).values()
            )
        return rows.reduce(comb)

    def treeReduce(self, f, depth: int = 2) -> Any:
        def either(x, y):
            return y if x[1] else x if y[1] else (f(x[0], y[0]), False)

        value, is_nothing = self.map(lambda x: (x, False)).treeAggregate((None, True), either, either, depth)
        if is_nothing:
            raise ValueError("Cannot reduce empty RDD.")
        return value

    def reduceByKeyLocally(self, f) -> dict[Any, Any]:
        def into(merged, pairs):
            for key, value in pairs:
                merged[key] = f(merged[key], value) if key in merged else value
            return merged

        return self._reduced(lambda left, right: into(left, right.items()), lambda part: into({}, part))

    def countByValue(self) -> dict[Any, int]:
        def into(counts, pairs):
            for value, times in pairs:
                counts[value] += times
            return counts

        return self._reduced(
            lambda left, right: into(left, right.items()),
            lambda part: into(defaultdict(int), ((value, 1) for value in part)),
        )

    def countByKey(self) -> dict[Any, int]:
        return self.keys().countByValue()

    def lookup(self, key: Any) -> list[Any]:
        if self.partitioner is None:
            return [value for k, value in self.collect() if k == key]
        n, function = self.partitioner
        return [value for k, value in self.parts[function(key) % n] if k == key]

    def sum(self) -> Any:
        return reduce(add, [0 + sum(part) for part in self.parts], 0)

    def max(self, key=None) -> Any:
        return self.reduce(lambda a, b: max(a, b, key=key))

    def min(self, key=None) -> Any:
        return self.reduce(lambda a, b: min(a, b, key=key))

    def top(self, num: int, key=None) -> list[Any]:
        return self._reduced(
            lambda a, b: heapq.nlargest(num, a + b, key=key), lambda part: heapq.nlargest(num, part, key=key)
        )

    def takeOrdered(self, num: int, key=None) -> list[Any]:
        if num < 0:
            raise ValueError("top N cannot be negative.")
        if not num or not self.parts:
            return []
        return self._reduced(
            lambda a, b: heapq.nsmallest(num, a + b, key), lambda part: heapq.nsmallest(num, part, key)
        )

    def stats(self) -> StatCounter:
        return self._reduced(StatCounter.mergeStats, StatCounter)

    def mean(self) -> Any:
        return self.stats().mean()

    def variance(self) -> Any:
        return self.stats().variance()

    def sampleStdev(self) -> Any:
        return self.stats().sampleStdev()

    def histogram(self, buckets) -> tuple[Any, list[int]]:
        is_even, step = False, None
        if isinstance(buckets, int):
            bounds = self.filter(lambda x: x is not None and not (type(x) is float and isnan(x)))
            low, high = bounds.min(), bounds.max()
            if low == high or buckets == 1:
                return [low, high], [bounds.count()]
            step = (high - low) / buckets
            if isinf(step):
                raise ValueError("Can not generate buckets with infinite value")
            step = int(step)
            if step * buckets != high - low:
                step = (high - low) * 1.0 / buckets
            buckets = [*(i * step + low for i in range(buckets)), high]
            is_even = True
        low, high = buckets[0], buckets[-1]
        gaps = [b - a for a, b in pairwise(buckets)]
        if max(gaps) - min(gaps) < 1e-10 and not is_even:
            is_even, step = True, (high - low) / (len(buckets) - 1)

        def counted(part):
            counts = [0] * len(buckets)
            for x in part:
                if x is not None and not isnan(x) and low <= x <= high:
                    counts[int((x - low) / step) if is_even else bisect.bisect_right(buckets, x) - 1] += 1
            last = counts.pop()
            counts[-1] += last
            return counts

        return buckets, self._reduced(lambda a, b: [x + y for x, y in zip(a, b, strict=True)], counted)

    def takeSample(self, withReplacement: bool, num: int, seed: int) -> list[Any]:
        total, choose = self.count(), random.Random(seed)
        if not num or not total:
            return []
        samples = self.collect()
        if withReplacement or num < total:
            fraction = num / total
            if withReplacement:
                fraction += (9 if num < 12 else 5) * sqrt(fraction / total)
            else:
                gamma = -log(0.00005) / total
                fraction = min(1, fraction + gamma + sqrt(gamma * gamma + 2 * gamma * fraction))
            samples = self.sample(withReplacement, fraction, seed).collect()
            while len(samples) < num:
                samples = self.sample(withReplacement, fraction, choose.randint(0, 2**63 - 1)).collect()
        choose.shuffle(samples)
        return samples[:num]

    def saveAsTextFile(self, path: str) -> None:
        Path(path).mkdir()
        for i, part in enumerate(self.parts):
            Path(path, f"part-{i:05d}").write_text("".join(f"{record}\n" for record in part))

    def saveAsPickleFile(self, path: str, batchSize: int = 10) -> None:
        Path(path).write_bytes(pickle.dumps(self.parts))

    def _like(self, parts: list[list[Any]]) -> Any:
        return type(self)(parts)
