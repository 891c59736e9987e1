"""Spreading records over partitions regardless of what they are: ``repartition`` and ``coalesce``.

``repartition`` deals out batches of records, beginning at the partition that Spark would begin at, so that layouts are
Spark's: ``RDD.coalesce`` in Spark's ``RDD.scala`` with ``RDD.coalesce`` in PySpark's ``rdd.py``. What a batch is, is
said in `batches.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from spark_kernel.core.lineage.recipes import Records, TaskScope
from spark_kernel.core.rdd.batches import Batching
from spark_kernel.core.rdd.spark_random import first_below


@dataclass(frozen=True)
class DealOut:
    """Pairs of a rising number and a batch of records. The number chooses the partition."""

    num_partitions: int
    batching: Batching

    def compute(self, partition: int, inputs: Iterator[Records], scope: TaskScope) -> Records:
        """One pair for each batch."""
        first = first_below(self.num_partitions, partition) + 1
        return zip(count(first), self.batching(next(inputs)), strict=False)


class ByNumber:
    """The partition function whose keys are numbers of partitions.

    >>> ByNumber()(7), ByNumber().of_many([7, 8])
    (7, [7, 8])
    """

    def __call__(self, key: int) -> int:
        return key

    def of_many(self, keys: Sequence[int]) -> Sequence[int]:
        """The same for many keys."""
        return keys


def contiguous_groups(num_partitions: int, wanted: int) -> tuple[tuple[int, ...], ...]:
    """Neighbouring partitions in ``wanted`` groups, or each alone when there are not more than that.

    The arithmetic of Spark's ``DefaultPartitionCoalescer`` for partitions that prefer no place.

    >>> contiguous_groups(5, 2), contiguous_groups(2, 5)
    (((0, 1), (2, 3, 4)), ((0,), (1,)))
    """
    groups = min(wanted, num_partitions)
    return tuple(tuple(range(i * num_partitions // groups, (i + 1) * num_partitions // groups)) for i in range(groups))
