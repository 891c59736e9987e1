"""Which partitions of a parent one partition of a child reads, for narrow dependencies.

Pure arithmetic, picklable: the same object answers on the driver (placing tasks) and in a task (pulling iterators).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class PartitionMap(Protocol):
    """From a child's partition to the parent's partitions that it reads, in the order in which it reads them."""

    def parents_of(self, partition: int) -> Sequence[int]:
        """The parent's partitions that the child's ``partition`` reads."""


@dataclass(frozen=True)
class OneToOne:
    """Partition i reads partition i.

    >>> OneToOne().parents_of(3)
    (3,)
    """

    def parents_of(self, partition: int) -> Sequence[int]:
        """The same partition."""
        return (partition,)


@dataclass(frozen=True)
class Span:
    """Partitions ``start`` to ``start + length - 1`` read the parent's 0 to ``length - 1``; a union's dependency.

    >>> Span(start=4, length=2).parents_of(5), Span(start=4, length=2).parents_of(6)
    ((1,), ())
    """

    start: int
    length: int

    def parents_of(self, partition: int) -> Sequence[int]:
        """One partition, or none where another parent of the union answers."""
        inside = self.start <= partition < self.start + self.length
        return (partition - self.start,) if inside else ()


@dataclass(frozen=True)
class Groups:
    """Partition i reads the i-th group; ``coalesce`` without a shuffle.

    >>> Groups(((0, 1), (2,))).parents_of(0)
    (0, 1)
    """

    groups: tuple[tuple[int, ...], ...]

    def parents_of(self, partition: int) -> Sequence[int]:
        """The group's partitions."""
        return self.groups[partition]


@dataclass(frozen=True)
class GridRow:
    """The left side of a cartesian product: ``columns`` partitions in a row read the same parent partition.

    >>> [GridRow(columns=2).parents_of(i) for i in range(4)]
    [(0,), (0,), (1,), (1,)]
    """

    columns: int

    def parents_of(self, partition: int) -> Sequence[int]:
        """The row's partition."""
        return (partition // self.columns,)


@dataclass(frozen=True)
class GridColumn:
    """The right side of a cartesian product.

    >>> [GridColumn(columns=2).parents_of(i) for i in range(4)]
    [(0,), (1,), (0,), (1,)]
    """

    columns: int

    def parents_of(self, partition: int) -> Sequence[int]:
        """The column's partition."""
        return (partition % self.columns,)
