"""Transformations of two or more datasets of pairs, by key.

A join is what PySpark makes it: tag, unite, group, take apart. Datasets that are partitioned alike are united partition
by partition and grouped where they are, so that their join needs no shuffle.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from spark_kernel.core.lineage.recipes import Recipe
from spark_kernel.core.rdd.cogrouping import JoinTagged, SplitTagged, Tag
from spark_kernel.core.rdd.combining import PairSide, PairWith
from spark_kernel.core.rdd.keyed import KeyedTransformations
from spark_kernel.core.rdd.operations import operation
from spark_kernel.core.shuffle.portable_hash import portable_hash

if TYPE_CHECKING:
    from spark_kernel.core.rdd.rdd import RDD


class Joins(KeyedTransformations):
    """join, cogroup and what is built on them."""

    @operation
    def join(self, other: RDD, numPartitions: int | None = None) -> RDD:
        """``(key, (left, right))`` for every combination of values of a key that is in both."""
        return self._cogrouped([self, other], JoinTagged(), numPartitions)

    @operation
    def leftOuterJoin(self, other: RDD, numPartitions: int | None = None) -> RDD:
        """Like `join`; a left value whose key is not in ``other`` is paired with None."""
        return self._cogrouped([self, other], JoinTagged(keep_left=True), numPartitions)

    @operation
    def rightOuterJoin(self, other: RDD, numPartitions: int | None = None) -> RDD:
        """Like `join`; a right value whose key is not in this dataset is paired with None."""
        return self._cogrouped([self, other], JoinTagged(keep_right=True), numPartitions)

    @operation
    def fullOuterJoin(self, other: RDD, numPartitions: int | None = None) -> RDD:
        """Like `join`; any value without a partner is paired with None."""
        return self._cogrouped([self, other], JoinTagged(keep_left=True, keep_right=True), numPartitions)

    @operation
    def cogroup(self, other: RDD, numPartitions: int | None = None) -> RDD:
        """``(key, (left values, right values))`` for each key of either."""
        return self._cogrouped([self, other], SplitTagged(2), numPartitions)

    @operation
    def groupWith(self, other: RDD, *others: RDD) -> RDD:
        """`cogroup` of several datasets."""
        return self._cogrouped([self, other, *others], SplitTagged(2 + len(others)), None)

    @operation
    def subtractByKey(self, other: RDD, numPartitions: int | None = None) -> RDD:
        """The pairs whose key is not in ``other``; duplicates stay."""
        return self.cogroup(other, numPartitions).filter(_only_left).flatMapValues(_left_values)

    @operation
    def subtract(self, other: RDD, numPartitions: int | None = None) -> RDD:
        """The records that are not in ``other``; duplicates stay."""
        paired = other._narrow(PairWith(True))
        return self._narrow(PairWith(True)).subtractByKey(paired, numPartitions)._narrow(PairSide(0))

    @operation
    def intersection(self, other: RDD) -> RDD:
        """The records that are in both, each once."""
        paired = other._narrow(PairWith(None))
        return self._narrow(PairWith(None)).cogroup(paired).filter(_on_all_sides)._narrow(PairSide(0))

    def _cogrouped(self, rdds: Sequence[KeyedTransformations], taken_apart: Recipe, num_partitions: int | None) -> RDD:
        united = rdds[0]._narrow(Tag(0), keeps=True)
        for tag, rdd in enumerate(rdds[1:], 1):
            united = united.union(rdd._narrow(Tag(tag), keeps=True))
        # Most keys of a join come once or twice from each partition: grouping them there costs more than it saves.
        groups = united._group(num_partitions, portable_hash, early=False)
        return groups._narrow(taken_apart, keeps=True)


def _only_left(group: tuple[Any, tuple[Any, Any]]) -> bool:
    left, right = group[1]
    return bool(left) and not right


def _left_values(sides: tuple[Any, Any]) -> Any:
    return sides[0]


def _on_all_sides(group: tuple[Any, tuple[Any, ...]]) -> bool:
    return all(group[1])
