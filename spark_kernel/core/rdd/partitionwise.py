"""Recipes that see a whole partition, or several: mapPartitions, glom, union, zip, cartesian."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, product, repeat
from typing import Any

from spark_kernel.core.lineage.recipes import Records, TaskScope
from spark_kernel.core.rdd.folds import Fold
from spark_kernel.core.rdd.stop_iteration import stop_iteration_error


@dataclass(frozen=True)
class MapPartitions:
    """What ``function`` makes of the partition's iterator."""

    function: Callable[[Iterator[Any]], Iterable[Any]]

    def compute(self, partition: int, inputs: Iterator[Records], scope: TaskScope) -> Records:
        """Whatever the function returns, as an iterator."""
        try:
            return iter(self.function(next(inputs)))
        except StopIteration as stopped:
            raise stop_iteration_error(stopped) from None


@dataclass(frozen=True)
class MapPartitionsWithIndex:
    """What ``function`` makes of the partition's index and iterator."""

    function: Callable[[int, Iterator[Any]], Iterable[Any]]

    def compute(self, partition: int, inputs: Iterator[Records], scope: TaskScope) -> Records:
        """Whatever the function returns, as an iterator."""
        try:
            return iter(self.function(partition, next(inputs)))
        except StopIteration as stopped:
            raise stop_iteration_error(stopped) from None


@dataclass(frozen=True)
class Glom:
    """The partition as one list."""

    def compute(self, partition: int, inputs: Iterator[Records], scope: TaskScope) -> Records:
        """One record."""
        return map(list, inputs)


@dataclass(frozen=True)
class Zip:
    """Pairs of the records at the same place in two partitions."""

    def compute(self, partition: int, inputs: Iterator[Records], scope: TaskScope) -> Records:
        """As many pairs as either has records.

        Raises ValueError when they have different numbers of records.
        """
        left, right = next(inputs), next(inputs)
        return _zipped(left, right)


@dataclass(frozen=True)
class Cartesian:
    """Every pair of a record of the left partition with one of the right; the right one is kept in memory."""

    left: Callable[[Records], Iterator[list[Any]]]
    """How the left records are batched."""
    right: Callable[[Records], Iterator[list[Any]]]

    def compute(self, partition: int, inputs: Iterator[Records], scope: TaskScope) -> Records:
        """All pairs; those of the left's first batch with the right's first batch come first, as in Spark."""
        left, right = self.left(next(inputs)), list(self.right(next(inputs)))
        return chain.from_iterable(chain.from_iterable(map(product, repeat(batch), right)) for batch in left)


_USED_UP = object()


def _zipped(left: Records, right: Records) -> Iterator[tuple[Any, Any]]:
    # Not ``zip(strict=True)``: its ValueError could not be told from one that a step below raised.
    yield from zip(left, _checked_pairwise(right), strict=False)
    if next(right, _USED_UP) is not _USED_UP:
        raise unequal_zip_error()


def _checked_pairwise(right: Records) -> Records:
    yield from right
    # ``zip`` asks here only after the left side gave one more record.
    raise unequal_zip_error()


def unequal_zip_error() -> ValueError:
    """The error of a zip of partitions with different numbers of records."""
    return ValueError(
        "Can only zip RDDs with same number of elements in each partition. "
        "zipWithIndex() on both and a join pairs records whatever the partitions are."
    )


@dataclass(frozen=True)
class FoldPartition:
    """The partition folded to one record."""

    fold: Fold

    def compute(self, partition: int, inputs: Iterator[Records], scope: TaskScope) -> Records:
        """One record."""
        return map(self.fold, inputs)


@dataclass(frozen=True)
class WithPartitionKey:
    """``(partition % modulus, record)``."""

    modulus: int

    def compute(self, partition: int, inputs: Iterator[Records], scope: TaskScope) -> Records:
        """One pair for each."""
        return zip(repeat(partition % self.modulus), next(inputs), strict=False)
