"""Actions: what runs a job and brings something to the driver, or does something on the executors."""

from __future__ import annotations

import copy
import functools
import heapq
import operator
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from spark_kernel.core.rdd.combining import HasKey
from spark_kernel.core.rdd.elementwise import Field
from spark_kernel.core.rdd.folds import (
    Extreme,
    Fold,
    ForEach,
    ForEachPartition,
    Largest,
    Reduce,
    ReduceByKey,
    Take,
    count_by_value,
    count_records,
    merge_counts,
    reduced,
)
from spark_kernel.core.rdd.handle import concatenated
from spark_kernel.core.rdd.joins import Joins
from spark_kernel.core.rdd.local_iterator import iterate_ahead, iterate_partitions
from spark_kernel.core.rdd.operations import current_site, operation

EMPTY = "Can not reduce() empty RDD"


class Actions(Joins):
    """Results on the driver."""

    @operation
    def collect(self) -> list[Any]:
        """All records, in the order of the partitions."""
        return concatenated(self._run(list, is_python_step=False))

    @operation
    def collectWithJobGroup(self, groupId: str, description: str, interruptOnCancel: bool = False) -> list[Any]:
        """Deprecated: `SparkContext.setJobGroup` before `collect`."""
        warnings.warn(
            "Deprecated in 3.1, Use pyspark.InheritableThread with the pinned thread mode enabled.",
            FutureWarning,
            stacklevel=3,
        )
        # The group stays: PySpark's does, too.
        self._session.set_job_group(groupId, description, interruptOnCancel)
        return self.collect()

    @operation
    def collectAsMap(self) -> dict[Any, Any]:
        """The pairs as a dictionary; the last value of a key wins."""
        return dict(self.collect())

    @operation
    def count(self) -> int:
        """The number of records."""
        return sum(self._run(count_records))

    @operation
    def countByValue(self) -> dict[Any, int]:
        """Record -> how often it is there."""
        return merge_counts(self._run_some(count_by_value))

    @operation
    def countByKey(self) -> dict[Any, int]:
        """Key -> how many pairs have it."""
        return self._narrow(Field(0)).countByValue()

    @operation
    def reduce(self, f: Callable[[Any, Any], Any]) -> Any:
        """The records put together by ``f``, which must be associative and commutative.

        Raises ValueError when there are none.
        """
        values = concatenated(self._run(Reduce(f)))
        if not values:
            raise ValueError(EMPTY)
        return reduced(f, values[1:], values[0])

    @operation
    def fold(self, zeroValue: Any, op: Callable[[Any, Any], Any]) -> Any:
        """The records put together by ``op``; each partition, and the driver, begins with a copy of ``zeroValue``."""
        return reduced(op, self._run(Fold(zeroValue, op)), copy.deepcopy(zeroValue))

    @operation
    def aggregate(self, zeroValue: Any, seqOp: Callable[[Any, Any], Any], combOp: Callable[[Any, Any], Any]) -> Any:
        """Records added by ``seqOp`` to a copy of ``zeroValue`` in each partition; ``combOp`` puts these together."""
        return reduced(combOp, self._run(Fold(zeroValue, seqOp)), copy.deepcopy(zeroValue))

    @operation
    def reduceByKeyLocally(self, func: Callable[[Any, Any], Any]) -> dict[Any, Any]:
        """Key -> its values put together by ``func``, as a dictionary."""
        merge = ReduceByKey(func)
        return functools.reduce(merge.into, self._run_some(merge))

    @operation
    def sum(self) -> Any:
        """The sum of the records; 0 when there are none."""
        return functools.reduce(operator.add, self._run(sum), 0)

    @operation
    def max(self, key: Callable[[Any], Any] | None = None) -> Any:
        """The largest record, or that with the largest ``key(record)``. Raises ValueError when there are none."""
        return self._extreme(max, key)

    @operation
    def min(self, key: Callable[[Any], Any] | None = None) -> Any:
        """The smallest record, or that with the smallest ``key(record)``. Raises ValueError when there are none."""
        return self._extreme(min, key)

    @operation
    def take(self, num: int) -> list[Any]:
        """The first ``num`` records. Looks into one partition first, then into more, a job each time."""
        return self._first_records(num)

    def _first_records(self, num: int, *, is_python_step: bool = True) -> list[Any]:
        taken: list[Any] = []
        scanned, total = 0, self.getNumPartitions()
        while len(taken) < num and scanned < total:
            wanted = _partitions_to_try(scanned, len(taken), num)
            chosen = range(scanned, min(scanned + wanted, total))
            taken += concatenated(self._run(Take(num - len(taken)), chosen, is_python_step=is_python_step))
            scanned += wanted
        return taken[:num]

    @operation
    def first(self) -> Any:
        """The first record. Raises ValueError when there is none."""
        taken = self.take(1)
        if not taken:
            raise ValueError("RDD is empty")
        return taken[0]

    @operation
    def isEmpty(self) -> bool:
        """Whether there are no records."""
        return self.getNumPartitions() == 0 or not self.take(1)

    @operation
    def top(self, num: int, key: Callable[[Any], Any] | None = None) -> list[Any]:
        """The ``num`` largest records, by ``key(record)`` if given, largest first."""
        parts = self._run_some(Largest(num, key))
        return functools.reduce(lambda left, right: heapq.nlargest(num, left + right, key), parts)

    @operation
    def takeOrdered(self, num: int, key: Callable[[Any], Any] | None = None) -> list[Any]:
        """The ``num`` smallest records, by ``key(record)`` if given, smallest first."""
        if num < 0:
            raise ValueError("top N cannot be negative.")
        if num == 0 or self.getNumPartitions() == 0:
            return []
        parts = self._run_some(Largest(num, key, smallest=True))
        return functools.reduce(lambda left, right: heapq.nsmallest(num, left + right, key), parts)

    @operation
    def lookup(self, key: Any) -> list[Any]:
        """The values of ``key``; reads one partition only when the partitioner is known."""
        values = self.filter(HasKey(key)).values()
        if self.partitioner is not None:
            return concatenated(values._run(list, [self.partitioner(key)]))
        return values.collect()

    @operation
    def foreach(self, f: Callable[[Any], None]) -> None:
        """Call ``f`` with each record, on the executors."""
        self._run(ForEach(f))

    @operation
    def foreachPartition(self, f: Callable[[Iterator[Any]], Any]) -> None:
        """Call ``f`` with each partition's iterator, on the executors."""
        self._run(ForEachPartition(f))

    @operation
    def toLocalIterator(self, prefetchPartitions: bool = False) -> Iterator[Any]:
        """The records one by one, a job for each partition when its turn comes; with prefetch, one partition ahead."""
        site = current_site()
        self._view.rdd()
        partitions = range(self.getNumPartitions())
        if not prefetchPartitions:
            return iterate_partitions(partitions, lambda p: self._session.run_job(self.node, list, [p], site)[0])
        as_this_thread = self._session.carry_over()

        def fetch(partition: int) -> list[Any]:
            with as_this_thread():
                records: list[Any] = self._session.run_job(self.node, list, [partition], site)[0]
                return records

        return iterate_ahead(partitions, fetch)

    def _extreme(self, choose: Callable[..., Any], key: Callable[[Any], Any] | None) -> Any:
        candidates = concatenated(self._run(Extreme(choose, key)))
        if not candidates:
            raise ValueError(EMPTY)
        return choose(candidates, key=key)

    def _run_some(self, function: Callable[[Any], Any]) -> list[Any]:
        """The results of the partitions, of which there must be some."""
        if not self.getNumPartitions():
            raise ValueError(EMPTY)
        return self._run(function)


def _partitions_to_try(scanned: int, taken: int, wanted: int) -> int:
    """How many more partitions ``take`` looks into: four times as many while nothing was found, else what should do."""
    if scanned == 0:
        return 1
    if taken == 0:
        return scanned * 4
    likely = int(1.5 * wanted * scanned / taken) - scanned
    return min(max(likely, 1), scanned * 4)
