"""What a job does with a partition's iterator to make its result. Importable, so that it travels by name."""

from __future__ import annotations

import copy
import functools
import heapq
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import count, islice
from operator import length_hint
from typing import Any

from spark_kernel.core.rdd.stop_iteration import stop_iteration_error
from spark_kernel.storage.lines import Lines

_NOTHING = object()


_SIZED: frozenset[type] = frozenset({type(iter([])), type(iter(())), type(iter(range(0)))})
"""Iterators that know how many records they still have."""


def count_records(records: Iterator[Any]) -> int:
    """How many there are; at C speed, and without making them where nobody could tell.

    >>> count_records(iter("abc")), count_records(iter(range(10**9)))
    (3, 1000000000)
    """
    if type(records) in _SIZED:
        return length_hint(records)
    if isinstance(records, Lines):
        lines = records.count_unread()
        if lines is not None:
            return lines
    numbers = count()
    # ``zip`` asks for a number after each record, and the queue of length 0 forgets both.
    deque(zip(records, numbers, strict=False), maxlen=0)
    return next(numbers)


def count_by_value(records: Iterable[Any]) -> dict[Any, int]:
    """Record -> how often it is there.

    >>> count_by_value("abba")
    {'a': 2, 'b': 2}
    """
    return dict(Counter(records))


def merge_counts(counts: Iterable[dict[Any, int]]) -> dict[Any, int]:
    """The sums of several counts. A ``defaultdict``, as PySpark returns.

    >>> dict(merge_counts([{"a": 1}, {"a": 1, "b": 2}]))
    {'a': 2, 'b': 2}
    """
    total: dict[Any, int] = defaultdict(int)
    for partial_counts in counts:
        for value, times in partial_counts.items():
            total[value] += times
    return total


@dataclass(frozen=True)
class Take:
    """The first ``limit`` records."""

    limit: int

    def __call__(self, records: Iterator[Any]) -> list[Any]:
        return list(islice(records, max(self.limit, 0)))


@dataclass(frozen=True)
class Largest:
    """The ``limit`` largest records, largest first; the smallest, smallest first, with ``smallest``."""

    limit: int
    key: Callable[[Any], Any] | None
    smallest: bool = False

    def __call__(self, records: Iterable[Any]) -> list[Any]:
        choose = heapq.nsmallest if self.smallest else heapq.nlargest
        return choose(self.limit, records, self.key)


@dataclass(frozen=True)
class Extreme:
    """What ``max`` or ``min`` chooses, the first of equals; a list of one, or an empty one without records."""

    choose: Callable[..., Any]
    key: Callable[[Any], Any] | None

    def __call__(self, records: Iterable[Any]) -> list[Any]:
        try:
            chosen = self.choose(records, key=self.key, default=_NOTHING)
        except StopIteration as stopped:
            raise stop_iteration_error(stopped) from None
        return [] if chosen is _NOTHING else [chosen]


@dataclass(frozen=True)
class Reduce:
    """The records put together by ``function``; a list of one, or an empty one when there are none."""

    function: Callable[[Any, Any], Any]

    def __call__(self, records: Iterable[Any]) -> list[Any]:
        records = iter(records)
        for first in records:
            return [reduced(self.function, records, first)]
        return []


@dataclass(frozen=True)
class Fold:
    """The records put together by ``function``, beginning with a copy of ``zero``."""

    zero: Any
    function: Callable[[Any, Any], Any]

    def __call__(self, records: Iterable[Any]) -> Any:
        return reduced(self.function, records, copy.deepcopy(self.zero))


def reduced(function: Callable[[Any, Any], Any], records: Iterable[Any], first: Any) -> Any:
    """``functools.reduce``, in which a StopIteration of the function is an error.

    >>> reduced(max, [3, 1], 2)
    3
    """
    try:
        return functools.reduce(function, records, first)
    except StopIteration as stopped:
        raise stop_iteration_error(stopped) from None


@dataclass(frozen=True)
class ForEach:
    """Calls ``function`` with each record."""

    function: Callable[[Any], Any]

    def __call__(self, records: Iterable[Any]) -> None:
        try:
            for record in records:
                self.function(record)
        except StopIteration as stopped:
            raise stop_iteration_error(stopped) from None


@dataclass(frozen=True)
class ForEachPartition:
    """Calls ``function`` with the iterator; if it returns something that can be iterated, that is used up, too."""

    function: Callable[[Iterator[Any]], Any]

    def __call__(self, records: Iterator[Any]) -> None:
        result = self.function(records)
        if result is None:
            return
        try:
            iterator = iter(result)
        except TypeError:
            return
        deque(iterator, maxlen=0)


@dataclass(frozen=True)
class ReduceByKey:
    """Key -> its values put together by ``function``."""

    function: Callable[[Any, Any], Any]

    def __call__(self, records: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
        return self._merged({}, records)

    def into(self, merged: dict[Any, Any], other: dict[Any, Any]) -> dict[Any, Any]:
        """``merged``, with the values of another partition put in."""
        return self._merged(merged, other.items())

    def _merged(self, merged: dict[Any, Any], pairs: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
        function = self.function
        try:
            for key, value in pairs:
                merged[key] = function(merged[key], value) if key in merged else value
        except StopIteration as stopped:
            raise stop_iteration_error(stopped) from None
        return merged


@dataclass(frozen=True)
class PutTogether:
    """``function`` on pairs ``(value, is nothing)``, so that nothing is a value to begin with."""

    function: Callable[[Any, Any], Any]

    def __call__(self, left: tuple[Any, bool], right: tuple[Any, bool]) -> tuple[Any, bool]:
        if left[1]:
            return right
        return left if right[1] else (self.function(left[0], right[0]), False)

    def with_value(self, left: tuple[Any, bool], value: Any) -> tuple[Any, bool]:
        """The same with a value of the dataset."""
        return self(left, (value, False))


@dataclass(frozen=True)
class PerPartition:
    """What ``function`` yields for the partition, as a list; `SparkContext.runJob`."""

    function: Callable[[Iterator[Any]], Iterable[Any]]

    def __call__(self, records: Iterator[Any]) -> list[Any]:
        return list(self.function(records))
