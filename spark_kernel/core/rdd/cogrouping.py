"""Recipes of joins: values are tagged with the dataset they came from, grouped by key, and taken apart again.

The meaning is that of ``pyspark/join.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from pyspark.resultiterable import ResultIterable

from spark_kernel.core.lineage.recipes import Records, TaskScope
from spark_kernel.core.shuffle.tagging import Tagged

_CHUNK = 500


@dataclass(frozen=True)
class Tag:
    """``(key, (tag, value))``."""

    tag: int

    def compute(self, partition: int, inputs: Iterator[Records], scope: TaskScope) -> Records:
        """One pair for each, and the tag not yet in it."""
        return Tagged.of(chain.from_iterable(self._pairs(next(inputs))), self.tag)

    def _pairs(self, records: Records) -> Iterator[Iterable[Any]]:
        while chunk := list(islice(records, _CHUNK)):
            are_pairs = set(map(type, chunk)) == {tuple} and set(map(len, chunk)) == {2}
            yield chunk if are_pairs else self._first_two(chunk)

    def _first_two(self, records: list[Any]) -> Iterator[Any]:
        for record in records:
            yield record[0], record[1]


@dataclass(frozen=True)
class JoinTagged:
    """``(key, (left, right))`` for every combination of a key's values tagged 0 and 1.

    With ``keep_left`` a left value that has no partner is paired with None, and likewise for the right.
    """

    keep_left: bool = False
    keep_right: bool = False

    def compute(self, partition: int, inputs: Iterator[Records], scope: TaskScope) -> Records:
        """Left values in order, and for each the right values in order."""
        keep_left, keep_right = self.keep_left, self.keep_right
        for key, tagged in next(inputs):
            if len(tagged) == 2:
                # One value on each side is what most joins see most.
                (first, left), (second, right) = tagged
                if first < second:
                    yield key, (left, right)
                    continue
            rights = [value for tag, value in tagged if tag]
            if len(rights) == len(tagged) and keep_right:
                yield from ((key, (None, right)) for right in rights)
            if not rights and keep_left:
                rights.append(None)
            # The left values may be more than memory holds.
            for left in (value for tag, value in tagged if not tag):
                for right in rights:
                    yield key, (left, right)


class OneSide(Sequence[Any]):
    """The values with one tag of a group that is more than memory holds. Where it has to travel it becomes a list."""

    def __init__(self, tagged: Sequence[tuple[int, Any]], tag: int) -> None:
        self._tagged = tagged
        self._tag = tag
        self._length = sum(1 for tag_of_value, _ in tagged if tag_of_value == tag)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Any]:
        return (value for tag, value in self._tagged if tag == self._tag)

    def __getitem__(self, index: Any) -> Any:
        return list(self)[index]

    def __reduce__(self) -> tuple[type[list[Any]], tuple[list[Any]]]:
        return list, (list(self),)


@dataclass(frozen=True)
class SplitTagged:
    """``(key, (values tagged 0, values tagged 1, ...))``."""

    datasets: int

    def compute(self, partition: int, inputs: Iterator[Records], scope: TaskScope) -> Records:
        """One pair for each key; the values as iterables with a length."""
        for key, tagged in next(inputs):
            if not isinstance(tagged, list):
                yield key, tuple(ResultIterable(OneSide(tagged, tag)) for tag in range(self.datasets))
                continue
            if self.datasets == 2:
                lefts = [value for tag, value in tagged if not tag]
                yield key, (ResultIterable(lefts), ResultIterable([value for tag, value in tagged if tag]))
                continue
            sides: list[list[Any]] = [[] for _ in range(self.datasets)]
            for tag, value in tagged:
                sides[tag].append(value)
            yield key, tuple(map(ResultIterable, sides))
