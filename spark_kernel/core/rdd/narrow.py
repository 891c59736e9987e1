"""Transformations of one dataset in which partition i is made of partition i: no shuffle, no stage boundary."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, cast

from spark_kernel.core.rdd.barrier import RDDBarrier
from spark_kernel.core.rdd.checkpointing import Checkpointing
from spark_kernel.core.rdd.elementwise import (
    Field,
    Filter,
    FlatMap,
    FlatMapValues,
    KeyBy,
    Map,
    MapValues,
    Numbered,
)
from spark_kernel.core.rdd.folds import count_records
from spark_kernel.core.rdd.operations import operation
from spark_kernel.core.rdd.partitionwise import Glom, MapPartitions, MapPartitionsWithIndex
from spark_kernel.core.rdd.pipes import Pipe

if TYPE_CHECKING:
    from spark_kernel.core.rdd.rdd import RDD


class NarrowTransformations(Checkpointing):
    """Steps on single records and on whole partitions."""

    @operation
    def map(self, f: Callable[[Any], Any], preservesPartitioning: bool = False) -> RDD:
        """``f`` of each record. ``preservesPartitioning`` promises that keys stay what they are."""
        return self._narrow(Map(f), keeps=preservesPartitioning)

    @operation
    def flatMap(self, f: Callable[[Any], Iterable[Any]], preservesPartitioning: bool = False) -> RDD:
        """The elements of ``f`` of each record."""
        return self._narrow(FlatMap(f), keeps=preservesPartitioning)

    @operation
    def filter(self, f: Callable[[Any], Any]) -> RDD:
        """The records for which ``f`` is true."""
        return self._narrow(Filter(f), keeps=True)

    @operation
    def mapPartitions(self, f: Callable[[Any], Iterable[Any]], preservesPartitioning: bool = False) -> RDD:
        """What ``f`` makes of each partition's iterator."""
        return self._narrow(MapPartitions(f), keeps=preservesPartitioning)

    @operation
    def mapPartitionsWithIndex(
        self, f: Callable[[int, Any], Iterable[Any]], preservesPartitioning: bool = False
    ) -> RDD:
        """What ``f`` makes of each partition's index and iterator."""
        return self._narrow(MapPartitionsWithIndex(f), keeps=preservesPartitioning)

    @operation
    def mapPartitionsWithSplit(
        self, f: Callable[[int, Any], Iterable[Any]], preservesPartitioning: bool = False
    ) -> RDD:
        """Deprecated: use `mapPartitionsWithIndex`."""
        warnings.warn(
            "mapPartitionsWithSplit is deprecated; use mapPartitionsWithIndex instead", FutureWarning, stacklevel=3
        )
        return self._narrow(MapPartitionsWithIndex(f), keeps=preservesPartitioning)

    def barrier(self) -> RDDBarrier:
        """The same dataset, to be read by tasks that all run at the same time: a barrier stage."""
        return RDDBarrier(cast("RDD", self))

    @operation
    def glom(self) -> RDD:
        """Each partition as one list."""
        return self._narrow(Glom())

    @operation
    def keyBy(self, f: Callable[[Any], Any]) -> RDD:
        """Pairs ``(f(record), record)``."""
        return self._narrow(KeyBy(f))

    @operation
    def keys(self) -> RDD:
        """The first of each pair."""
        return self._narrow(Field(0))

    @operation
    def values(self) -> RDD:
        """The second of each pair."""
        return self._narrow(Field(1))

    @operation
    def mapValues(self, f: Callable[[Any], Any]) -> RDD:
        """Pairs ``(key, f(value))``; keys stay where they are."""
        return self._narrow(MapValues(f), keeps=True)

    @operation
    def flatMapValues(self, f: Callable[[Any], Iterable[Any]]) -> RDD:
        """A pair ``(key, element)`` for each element of ``f(value)``; keys stay where they are."""
        return self._narrow(FlatMapValues(f), keeps=True)

    @operation
    def pipe(self, command: str, env: dict[str, str] | None = None, checkCode: bool = False) -> RDD:
        """The lines that ``command`` prints, fed with each record as a line; one process a partition.

        ``env`` is its whole environment. With ``checkCode`` an exit status other than 0 fails the task.
        """
        return self._narrow(Pipe(command, env if env is not None else {}, checkCode))

    @operation
    def zipWithUniqueId(self) -> RDD:
        """Pairs of a record and a number that no other has: k, n+k, 2n+k... in partition k of n. Runs nothing."""
        n = self.getNumPartitions()
        return self._narrow(Numbered(tuple(range(n)), n))

    @operation
    def zipWithIndex(self) -> RDD:
        """Pairs of a record and its place in the dataset. With several partitions it runs a job, to count them."""
        starts = [0]
        if self.getNumPartitions() > 1:
            for length in self._run(count_records)[:-1]:
                starts.append(starts[-1] + length)
        return self._narrow(Numbered(tuple(starts)))
