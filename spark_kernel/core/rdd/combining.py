"""What brings the values of a key together: recipes, and functions that the shuffle may know faster ways for."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from spark_kernel.core.execution.serialization import dumps_by_value
from spark_kernel.core.lineage.recipes import Records, TaskScope
from spark_kernel.core.lineage.shuffle_specs import Aggregator, KeyOrdering
from spark_kernel.core.shuffle.counting import Paired
from spark_kernel.core.shuffle.merging import combine_by_key
from spark_kernel.core.shuffle.record_blocks import RecordBlocks
from spark_kernel.core.shuffle.sorting import sort_by_key


def first_value(value: Any) -> Any:
    """A key's first value is its first combiner."""
    return value


def keep(first: Any, _: Any) -> Any:
    """The first of two."""
    return first


def in_list(value: Any) -> list[Any]:
    """A list of one."""
    return [value]


def append(values: list[Any], value: Any) -> list[Any]:
    """The list, with one more value."""
    values.append(value)
    return values


def append_all(values: list[Any], others: list[Any]) -> list[Any]:
    """The list, with all of another's values."""
    values.extend(others)
    return values


@dataclass(frozen=True)
class FromZero:
    """A key's first combiner: its first value, added by ``function`` to a copy of ``zero``."""

    zero: Any
    function: Callable[[Any, Any], Any]

    def __call__(self, value: Any) -> Any:
        return self.function(copy.deepcopy(self.zero), value)


@dataclass(frozen=True)
class HasKey:
    """Whether a pair's key is ``key``."""

    key: Any

    def __call__(self, pair: Any) -> bool:
        return bool(pair[0] == self.key)


@dataclass(frozen=True)
class CombineHere:
    """The values of each key combined, where all of them are in this partition already."""

    aggregator: Aggregator

    def compute(self, partition: int, inputs: Iterator[Records], scope: TaskScope) -> Records:
        """One pair for each key; what memory can't hold is spilled."""
        return combine_by_key(next(inputs), self.aggregator, scope, RecordBlocks(dumps_by_value))


@dataclass(frozen=True)
class SortHere:
    """The partition's pairs sorted by key."""

    ordering: KeyOrdering

    def compute(self, partition: int, inputs: Iterator[Records], scope: TaskScope) -> Records:
        """All pairs; the sort is stable, and spills what memory can't hold."""
        return sort_by_key(next(inputs), self.ordering, scope, RecordBlocks(dumps_by_value))


@dataclass(frozen=True)
class PairWith:
    """``(record, value)``, the value always the same."""

    value: Any

    def compute(self, partition: int, inputs: Iterator[Records], scope: TaskScope) -> Records:
        """One pair for each."""
        return Paired(next(inputs), self.value)


@dataclass(frozen=True)
class PairSide:
    """One side of records that a step of ours made pairs; at C speed, since it can't fail."""

    index: int

    def compute(self, partition: int, inputs: Iterator[Records], scope: TaskScope) -> Records:
        """One record for each."""
        return map(itemgetter(self.index), next(inputs))
