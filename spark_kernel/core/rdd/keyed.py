"""Transformations of pairs that bring the values of a key together.

``combineByKey`` is one shuffle whose map side combines already, or no shuffle at all when the pairs are partitioned as
wanted. The others are special cases of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pyspark.resultiterable import ResultIterable

from spark_kernel.core.lineage.shuffle_specs import Aggregator, ShuffleSpec
from spark_kernel.core.rdd.combining import (
    CombineHere,
    FromZero,
    PairSide,
    PairWith,
    append,
    append_all,
    first_value,
    in_list,
    keep,
)
from spark_kernel.core.rdd.operations import current_site, operation
from spark_kernel.core.rdd.repartitioning import Repartitioning
from spark_kernel.core.shuffle.portable_hash import portable_hash

if TYPE_CHECKING:
    from spark_kernel.core.rdd.rdd import RDD

_GROUP = Aggregator(in_list, append, append_all)


class KeyedTransformations(Repartitioning):
    """reduceByKey, groupByKey and the like."""

    @operation
    def combineByKey(
        self,
        createCombiner: Callable[[Any], Any],
        mergeValue: Callable[[Any, Any], Any],
        mergeCombiners: Callable[[Any, Any], Any],
        numPartitions: int | None = None,
        partitionFunc: Callable[[Any], int] = portable_hash,
    ) -> RDD:
        """Pairs of a key and what its values were combined to, in each partition first and then over all."""
        return self._combine(Aggregator(createCombiner, mergeValue, mergeCombiners), numPartitions, partitionFunc)

    @operation
    def reduceByKey(
        self,
        func: Callable[[Any, Any], Any],
        numPartitions: int | None = None,
        partitionFunc: Callable[[Any], int] = portable_hash,
    ) -> RDD:
        """Pairs of a key and its values put together by ``func``, which must be associative and commutative."""
        return self._combine(Aggregator(first_value, func, func), numPartitions, partitionFunc)

    @operation
    def foldByKey(
        self,
        zeroValue: Any,
        func: Callable[[Any, Any], Any],
        numPartitions: int | None = None,
        partitionFunc: Callable[[Any], int] = portable_hash,
    ) -> RDD:
        """Like `reduceByKey`, beginning with a copy of ``zeroValue`` for each key in each partition."""
        return self._combine(Aggregator(FromZero(zeroValue, func), func, func), numPartitions, partitionFunc)

    @operation
    def aggregateByKey(
        self,
        zeroValue: Any,
        seqFunc: Callable[[Any, Any], Any],
        combFunc: Callable[[Any, Any], Any],
        numPartitions: int | None = None,
        partitionFunc: Callable[[Any], int] = portable_hash,
    ) -> RDD:
        """Values added by ``seqFunc`` to a copy of ``zeroValue``, the results put together by ``combFunc``."""
        aggregator = Aggregator(FromZero(zeroValue, seqFunc), seqFunc, combFunc)
        return self._combine(aggregator, numPartitions, partitionFunc)

    @operation
    def groupByKey(self, numPartitions: int | None = None, partitionFunc: Callable[[Any], int] = portable_hash) -> RDD:
        """Pairs of a key and all its values, an iterable with a length.

        To sum or count the values, `reduceByKey` and `aggregateByKey` move less data.
        """
        return self._group(numPartitions, partitionFunc).mapValues(ResultIterable)

    @operation
    def groupBy(
        self,
        f: Callable[[Any], Any],
        numPartitions: int | None = None,
        partitionFunc: Callable[[Any], int] = portable_hash,
    ) -> RDD:
        """Pairs of ``f(record)`` and all the records that have it."""
        return self.keyBy(f).groupByKey(numPartitions, partitionFunc)

    @operation
    def distinct(self, numPartitions: int | None = None) -> RDD:
        """Each record once."""
        return self._narrow(PairWith(None)).reduceByKey(keep, numPartitions)._narrow(PairSide(0))

    def _group(self, num_partitions: int | None, function: Callable[[Any], int], *, early: bool = True) -> RDD:
        """Pairs of a key and the list of its values. ``early`` groups before the shuffle, too: right where keys repeat.

        The lists, and the order of keys, are the same either way.
        """
        return self._combine(_GROUP, num_partitions, function, early=early)

    def _combine(
        self,
        aggregator: Aggregator,
        num_partitions: int | None,
        function: Callable[[Any], int],
        *,
        early: bool = True,
    ) -> RDD:
        partitioner = self._partitioner(num_partitions, function)
        site = current_site()
        if self.partitioner == partitioner:
            return self._narrow(CombineHere(aggregator), keeps=True)
        in_place = self.node.partitioner == partitioner
        combined = self._python_step().shuffled_by_key(site, partitioner.num_partitions, in_place=in_place)
        view = combined.python_step(site)
        if in_place:
            return self._stay(CombineHere(aggregator), view)
        return self._shuffle(ShuffleSpec(partitioner, aggregator, map_side_combine=early), view)
