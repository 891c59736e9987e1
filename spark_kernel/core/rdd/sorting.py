"""Sorting. A sort over several partitions needs to know how keys are spread, so it counts and samples at once."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING, Any, cast

from spark_kernel.core.lineage.partitioners import Partitioner
from spark_kernel.core.lineage.shuffle_specs import KeyOrdering, ShuffleSpec
from spark_kernel.core.rdd.actions import Actions
from spark_kernel.core.rdd.combining import PairSide, SortHere
from spark_kernel.core.rdd.operations import current_site, operation
from spark_kernel.core.rdd.samplers import BernoulliSample
from spark_kernel.core.shuffle.portable_hash import portable_hash

if TYPE_CHECKING:
    from spark_kernel.core.rdd.rdd import RDD

_SAMPLES_PER_PARTITION = 20.0


def itself(key: Any) -> Any:
    """The key function that leaves keys as they are."""
    return key


class Sorting(Actions):
    """sortByKey, sortBy, repartitionAndSortWithinPartitions."""

    @operation
    def sortByKey(
        self,
        ascending: bool | None = True,
        numPartitions: int | None = None,
        keyfunc: Callable[[Any], Any] = itself,
    ) -> RDD:
        """The pairs sorted by ``keyfunc(key)``, over all partitions.

        Runs two jobs when it is called, to count and to sample the keys, unless the result has one partition.
        """
        width = self._defaultReducePartitions() if numPartitions is None else numPartitions
        ordering = KeyOrdering(bool(ascending), None if keyfunc is itself else keyfunc)
        if width == 1:
            single = self.coalesce(1) if self.getNumPartitions() > 1 else self
            return single._narrow(SortHere(ordering), keeps=True)
        size = self.count()
        if not size:
            return cast("RDD", self)
        fraction = min(width * _SAMPLES_PER_PARTITION / max(size, 1), 1.0)
        samples = self._narrow(BernoulliSample(fraction, 1), keeps=True)._narrow(PairSide(0)).collect()
        samples.sort(key=keyfunc)
        # What is compared later is ``keyfunc(key)``; PySpark compares it with bounds that are keys.
        bounds = [keyfunc(samples[int(len(samples) * (i + 1) / width)]) for i in range(width - 1)]
        partitioner = Partitioner(width, KeyRanges(bounds, ordering, width))
        return self._sorted_shuffle(partitioner, ordering)

    @operation
    def sortBy(self, keyfunc: Callable[[Any], Any], ascending: bool = True, numPartitions: int | None = None) -> RDD:
        """The records sorted by ``keyfunc(record)``. Runs two jobs when it is called, like `sortByKey`."""
        return self.keyBy(keyfunc).sortByKey(ascending, numPartitions)._narrow(PairSide(1))

    @operation
    def repartitionAndSortWithinPartitions(
        self,
        numPartitions: int | None = None,
        partitionFunc: Callable[[Any], int] = portable_hash,
        ascending: bool = True,
        keyfunc: Callable[[Any], Any] = itself,
    ) -> RDD:
        """The pairs partitioned by ``partitionFunc(key)``, and each partition sorted by ``keyfunc(key)``."""
        partitioner = self._partitioner(numPartitions, partitionFunc)
        ordering = KeyOrdering(ascending, None if keyfunc is itself else keyfunc)
        if self.partitioner == partitioner:
            return self._narrow(SortHere(ordering), keeps=True)
        return self._sorted_shuffle(partitioner, ordering)

    def _sorted_shuffle(self, partitioner: Partitioner, ordering: KeyOrdering) -> RDD:
        site = current_site()
        in_place = self.node.partitioner == partitioner
        shuffled = self._view.shuffled_by_key(site, partitioner.num_partitions, self._is_pipelinable(), in_place)
        view = shuffled.python_step(site)
        if in_place:
            return self._stay(SortHere(ordering), view)
        return self._shuffle(ShuffleSpec(partitioner, ordering=ordering), view)


@dataclass(frozen=True, eq=False)
class KeyRanges:
    """The partition function of a sort: keys up to the first bound in partition 0, and so on; reversed if descending.

    >>> ranges = KeyRanges([10, 20], KeyOrdering(), 3)
    >>> ranges(10), ranges(11), ranges.of_many([5, 25])
    (0, 1, [0, 2])
    """

    # Equal to itself only: two sorts choose bounds of their own, so their results are never partitioned alike.
    bounds: Sequence[Any]
    ordering: KeyOrdering
    num_partitions: int

    def __call__(self, key: Any) -> int:
        return self.of_many([key])[0]

    def of_many(self, keys: Sequence[Any]) -> Sequence[int]:
        """The partitions of many keys."""
        compared = keys if self.ordering.key is None else map(self.ordering.key, keys)
        places = map(bisect.bisect_left, repeat(self.bounds), compared)
        return list(places if self.ordering.ascending else map((self.num_partitions - 1).__sub__, places))
