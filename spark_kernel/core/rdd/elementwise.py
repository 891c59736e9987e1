"""Recipes that look at one record at a time: map, filter, flatMap and their kin.

A function with a Python frame is called from C (``map``, ``filter``); when it raises, its record is in its own frame.
A function without one (``int``, ``str.split``) is called from a loop of the recipe's own, in whose frame the record is
found under the name ``record``. In such a loop a StopIteration of the function is an exception like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain, count
from types import FunctionType, MethodType
from typing import Any

from spark_kernel.core.lineage.recipes import Records, TaskScope
from spark_kernel.core.rdd.stop_iteration import guarded, stop_iteration_error
from spark_kernel.core.shuffle.counting import Paired
from spark_kernel.core.shuffle.known_functions import Known, recognise


@dataclass(frozen=True)
class Map:
    """``function`` of each record."""

    function: Callable[[Any], Any]

    def compute(self, partition: int, inputs: Iterator[Records], scope: TaskScope) -> Records:
        """One record for each."""
        if recognise(self.function) is Known.WITH_ONE:
            return Paired(next(inputs), 1)
        if has_frame(self.function):
            return guarded(partial(map, self.function), next(inputs))
        return self._one_by_one(next(inputs))

    def _one_by_one(self, records: Records) -> Records:
        function = self.function
        try:
            for record in records:
                yield function(record)
        except StopIteration as stopped:
            raise stop_iteration_error(stopped) from None


@dataclass(frozen=True)
class Filter:
    """The records for which ``function`` is true."""

    function: Callable[[Any], Any]

    def compute(self, partition: int, inputs: Iterator[Records], scope: TaskScope) -> Records:
        """Some of them, in order."""
        if has_frame(self.function):
            return guarded(partial(filter, self.function), next(inputs))
        return self._one_by_one(next(inputs))

    def _one_by_one(self, records: Records) -> Records:
        function = self.function
        try:
            for record in records:
                if function(record):
                    yield record
        except StopIteration as stopped:
            raise stop_iteration_error(stopped) from None


@dataclass(frozen=True)
class FlatMap:
    """The elements of ``function`` of each record."""

    function: Callable[[Any], Iterable[Any]]

    def compute(self, partition: int, inputs: Iterator[Records], scope: TaskScope) -> Records:
        """Any number of records for each."""
        if has_frame(self.function):
            return guarded(partial(_flat_map, self.function), next(inputs))
        return chain.from_iterable(self._one_by_one(next(inputs)))

    def _one_by_one(self, records: Records) -> Iterator[Iterable[Any]]:
        function = self.function
        try:
            for record in records:
                yield function(record)
        except StopIteration as stopped:
            raise stop_iteration_error(stopped) from None


@dataclass(frozen=True)
class MapValues:
    """``(key, function(value))`` of each pair."""

    function: Callable[[Any], Any]

    def compute(self, partition: int, inputs: Iterator[Records], scope: TaskScope) -> Records:
        """One pair for each."""
        function = self.function
        try:
            for record in next(inputs):
                yield record[0], function(record[1])
        except StopIteration as stopped:
            raise stop_iteration_error(stopped) from None


@dataclass(frozen=True)
class FlatMapValues:
    """``(key, element)`` for each element of ``function(value)``."""

    function: Callable[[Any], Iterable[Any]]

    def compute(self, partition: int, inputs: Iterator[Records], scope: TaskScope) -> Records:
        """Any number of pairs for each."""
        function = self.function
        try:
            for record in next(inputs):
                key = record[0]
                for element in function(record[1]):
                    yield key, element
        except StopIteration as stopped:
            raise stop_iteration_error(stopped) from None


@dataclass(frozen=True)
class KeyBy:
    """``(function(record), record)``."""

    function: Callable[[Any], Any]

    def compute(self, partition: int, inputs: Iterator[Records], scope: TaskScope) -> Records:
        """One pair for each."""
        function = self.function
        try:
            for record in next(inputs):
                yield function(record), record
        except StopIteration as stopped:
            raise stop_iteration_error(stopped) from None


@dataclass(frozen=True)
class Field:
    """One side of each pair: 0 for keys, 1 for values."""

    index: int

    def compute(self, partition: int, inputs: Iterator[Records], scope: TaskScope) -> Records:
        """One record for each."""
        index = self.index
        for record in next(inputs):
            yield record[index]


@dataclass(frozen=True)
class Numbered:
    """``(record, number)``, numbered from ``starts[partition]`` in steps of ``step``."""

    starts: tuple[int, ...]
    step: int = 1

    def compute(self, partition: int, inputs: Iterator[Records], scope: TaskScope) -> Records:
        """One pair for each."""
        return zip(next(inputs), count(self.starts[partition], self.step), strict=False)


def has_frame(function: object) -> bool:
    """Whether calling ``function`` makes a Python frame whose first argument is the record.

    >>> has_frame(lambda record: record), has_frame(len), has_frame(partial(max, 1))
    (True, False, False)
    """
    return isinstance(function, (FunctionType, MethodType))


def _flat_map(function: Callable[[Any], Iterable[Any]], records: Records) -> Records:
    return chain.from_iterable(map(function, records))
