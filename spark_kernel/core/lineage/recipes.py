"""What a task does to compute one partition of a dataset.

A recipe is picklable data with one method, ``compute``. Recipes of consecutive narrow datasets are composed by
pulling iterators, so that a record passes through all of them before the next one is read. The concrete recipes for
the RDD API live in ``core/rdd``; those for query fragments in ``libraries/sql``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import length_hint
from pathlib import Path
from typing import Any, Protocol

Records = Iterator[Any]


class Counts(Protocol):
    """What a task counts while it runs; becomes the `TaskMetrics` of its events."""

    records_read: int
    bytes_read: int
    records_written: int
    bytes_written: int
    spilled_bytes: int
    shuffle_records_read: int
    shuffle_local_bytes_read: int
    shuffle_remote_bytes_read: int
    shuffle_records_written: int
    shuffle_bytes_written: int


class TaskScope(Protocol):
    """What a recipe may ask of the task that it runs in."""

    partition: int
    stage_id: int
    task_id: int
    attempt: int
    counts: Counts
    memory_share: int
    """Bytes that this task may use for combining and sorting before it spills."""

    @property
    def scratch(self) -> Path:
        """A folder on this node for the task's temporary files; made when first asked for, removed with the task."""

    def check_cancelled(self) -> None:
        """Raise when the task was cancelled. Cheap; to be called about once a block, not once a record."""


class Recipe(Protocol):
    """How one partition is computed from the partitions it reads."""

    def compute(self, partition: int, inputs: Iterator[Records], scope: TaskScope) -> Records:
        """The records of ``partition``.

        ``inputs`` yields one iterator for each parent partition that is read: the dependencies in order, and in each
        the order of its partition map. It is lazy: an input that is never asked for is never opened.
        """


@dataclass(frozen=True)
class Concatenate:
    """The partitions that are read, one after the other: union and coalesce. Which those are, the dependencies say.

    It is here because the engine knows what it means: the way through many of them is found without running them.
    """

    def compute(self, partition: int, inputs: Iterator[Records], scope: TaskScope) -> Records:
        """All their records; a partition is opened when the one before it is used up."""
        first = next(inputs, None)
        if first is None:
            return iter(())
        # A union's partition is one of its parents', whose iterator may know more than its records.
        return first if length_hint(inputs, 1) == 0 else chain(first, chain.from_iterable(inputs))


@dataclass(frozen=True)
class Source:
    """A dataset without parents: each partition is read from something that only its own task needs.

    ``payloads`` stays on the driver; a task receives its own payload, which ``read`` turns into records.
    """

    payloads: Sequence[Any]
    read: Callable[[Any, TaskScope], Records]
    estimated_bytes: int | None = None
    """Size of the whole input, where it is known."""
    preferred_hosts: Callable[[int], tuple[str, ...]] | None = None
    """Hosts that hold a partition's bytes, where that is known."""


@dataclass(frozen=True)
class ShuffleRead:
    """A dataset whose partitions are what a shuffle brought together; its one dependency is a `ShuffleDependency`.

    What happens to the records on arrival (merge, sort, nothing) is said by the dependency's `ShuffleSpec`.
    """
