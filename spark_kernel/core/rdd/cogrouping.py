"""Recipes of joins: values are tagged with the dataset they came from, grouped by key, and taken apart again.

The meaning is that of ``pyspark/join.py``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pyspark.resultiterable import ResultIterable

from spark_kernel.core.lineage.recipes import Records, TaskScope


@dataclass(frozen=True)
class Tag:
    """``(key, (tag, value))``."""

    tag: int

    def compute(self, partition: int, inputs: Iterator[Records], scope: TaskScope) -> Records:
        """One pair for each."""
        tag = self.tag
        for record in next(inputs):
            yield record[0], (tag, record[1])


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
            lefts = [value for tag, value in tagged if not tag]
            rights = [value for tag, value in tagged if tag]
            if not lefts and keep_right:
                lefts.append(None)
            if not rights and keep_left:
                rights.append(None)
            for left in lefts:
                for right in rights:
                    yield key, (left, right)


@dataclass(frozen=True)
class SplitTagged:
    """``(key, (values tagged 0, values tagged 1, ...))``."""

    datasets: int

    def compute(self, partition: int, inputs: Iterator[Records], scope: TaskScope) -> Records:
        """One pair for each key; the values as iterables with a length."""
        for key, tagged in next(inputs):
            sides: list[list[Any]] = [[] for _ in range(self.datasets)]
            for tag, value in tagged:
                sides[tag].append(value)
            yield key, tuple(map(ResultIterable, sides))
