"""Which partitions of which earlier steps a step reads. Pure arithmetic, picklable; used on the driver and in tasks."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from spark_kernel.core.lineage.partition_maps import OneToOne, PartitionMap

Reading = tuple[int, int]
"""A step's index in the program, and a partition of it."""


class Inputs(Protocol):
    """What one step reads."""

    def reads(self, partition: int) -> Sequence[Reading]:
        """What ``partition`` of the step reads, in that order."""

    def steps(self) -> Iterable[int]:
        """The steps of which anything is read."""

    def twin(self) -> int | None:
        """The step whose partition i alone makes partition i of this one; None when there is no such step."""


@dataclass(frozen=True)
class StepInput:
    """An earlier step of the same program, and which of its partitions are read."""

    step: int
    partitions: PartitionMap


@dataclass(frozen=True)
class Links:
    """One after the other.

    >>> Links((StepInput(4, OneToOne()), StepInput(7, OneToOne()))).reads(2)
    [(4, 2), (7, 2)]
    """

    links: tuple[StepInput, ...] = ()

    def reads(self, partition: int) -> Sequence[Reading]:
        """All that the links say."""
        return [(link.step, read) for link in self.links for read in link.partitions.parents_of(partition)]

    def steps(self) -> Iterable[int]:
        """Those at the other end of the links."""
        return (link.step for link in self.links)

    def twin(self) -> int | None:
        """The one at the other end of the only link."""
        return self.links[0].step if len(self.links) == 1 and isinstance(self.links[0].partitions, OneToOne) else None


class Stacked:
    """The partitions of many steps, one step after the other: a union. Finding one among thousands takes no walk.

    >>> union = Stacked([(5, 2), (6, 3)])
    >>> [union.reads(partition) for partition in range(5)]
    [[(5, 0)], [(5, 1)], [(6, 0)], [(6, 1)], [(6, 2)]]
    """

    def __init__(self, widths: Iterable[tuple[int, int]]) -> None:
        """``widths`` are steps, each with its number of partitions."""
        self._starts = array("q")
        self._steps = array("q")
        start = 0
        for step, width in widths:
            if width:
                self._starts.append(start)
                self._steps.append(step)
                start += width

    def reads(self, partition: int) -> Sequence[Reading]:
        """One partition of one step."""
        place = bisect_right(self._starts, partition) - 1
        return [(self._steps[place], partition - self._starts[place])]

    def steps(self) -> Iterable[int]:
        """All that have partitions."""
        return self._steps

    def twin(self) -> int | None:
        """A union is nobody's twin, be it of one."""
        return None
