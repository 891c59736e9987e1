"""Composing the steps of a program into one iterator per partition.

A record passes through all steps of a stage before the next one is read. Nothing of ours stands between two steps:
each recipe's iterator pulls straight from the one below it. Built from the bottom up, so that a chain of thousands of
steps needs no recursion to build; `own_stack.py` says how such a chain is pulled without exhausting the stack.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, NoReturn, Protocol

from spark_kernel.core.execution.backend import payload_key
from spark_kernel.core.execution.own_stack import on_own_stack
from spark_kernel.core.execution.program import ReadCache, ReadShuffle, ReadSource, Step
from spark_kernel.core.execution.step_inputs import Reading
from spark_kernel.core.lineage.recipes import Records, TaskScope
from spark_kernel.core.lineage.storage_levels import StorageLevel

MAX_NESTING = 100
"""Steps that pull from each other on one stack. Each costs up to three Python frames of the 1,000 that a thread has."""


class StepInputs(Protocol):
    """What the steps of a task read besides each other."""

    def shuffled(self, action: ReadShuffle, partition: int) -> Records:
        """What a shuffle brought together for ``partition``."""

    def cached(self, node_id: int, partition: int) -> Records | None:
        """A stored block, from wherever it is, or None when it has to be computed."""

    def cached_here(self, node_id: int, partition: int) -> Records | None:
        """A block that is stored on this executor, or None."""

    def keep(self, node_id: int, partition: int, level: StorageLevel, records: Records) -> Records:
        """Store a block; its records, to go on with."""

    def gone(self) -> NoReturn:
        """A block can't be had, and what it stands for was left out of the task.

        Raises InputGoneError.
        """

    def adopt_thread(self) -> Callable[[], None]:
        """The calling thread works for the task too; returns what to call when it ends."""


class Pipeline:
    """The iterators of one task."""

    def __init__(
        self, steps: Sequence[Step], payloads: Mapping[int, Any], inputs: StepInputs, scope: TaskScope
    ) -> None:
        self._steps = steps
        self._payloads = payloads
        self._inputs = inputs
        self._scope = scope

    def records(self, partition: int) -> Records:
        """The records of the last step's ``partition``."""
        return self._open((len(self._steps) - 1, partition), 0)

    def _open(self, reading: Reading, depth: int) -> Records:
        path, records = self._descend(reading, depth)
        while path:
            place = path.pop()
            records = self._apply(place, self._inputs_of(place) if records is None else iter((records,)))
        assert records is not None
        return records

    def _descend(self, reading: Reading, depth: int) -> tuple[list[_Place], Records | None]:
        """The way from the top down to the first step that is cached, or does not read exactly one partition.

        Also the records to begin with, when it ends at a cached step, or because the stack is high enough: then what
        is below is opened and pulled from on a stack of its own.
        """
        path: list[_Place] = []
        while True:
            if depth >= MAX_NESTING:
                return path, on_own_stack(partial(self._open, reading, 0), self._inputs.adopt_thread)
            index, partition = reading
            step = self._steps[index]
            if step.level is not None:
                cached = self._inputs.cached(step.node_id, partition)
                if cached is not None:
                    return path, cached
            depth += 1
            path.append(_Place(step, index, partition, depth))
            sources = step.inputs.reads(partition)
            if len(sources) != 1:
                return path, None
            reading = sources[0]

    def _inputs_of(self, place: _Place) -> Iterator[Records]:
        return (self._open(reading, place.depth) for reading in place.step.inputs.reads(place.partition))

    def _apply(self, place: _Place, inputs: Iterator[Records]) -> Records:
        if place.step.level is None:
            return self._compute(place, inputs)
        return chain.from_iterable(self._stored(place, place.step.level, inputs))

    def _stored(self, place: _Place, level: StorageLevel, inputs: Iterator[Records]) -> Iterator[Records]:
        """A persisted step's records: computed and stored as a whole when the first one is asked for.

        Another step of this task may have read, and so stored, the same partition since the iterators were built.
        """
        node_id, partition = place.step.node_id, place.partition
        found = self._inputs.cached_here(node_id, partition)
        if found is None:
            found = self._inputs.keep(node_id, partition, level, self._compute(place, inputs))
        yield found

    def _compute(self, place: _Place, inputs: Iterator[Records]) -> Records:
        action = place.step.action
        if isinstance(action, ReadSource):
            key = payload_key(place.index, place.partition)
            return action.read(self._payloads[key], self._scope) if key in self._payloads else self._inputs.gone()
        if isinstance(action, ReadCache):
            return self._inputs.gone()
        if isinstance(action, ReadShuffle):
            return self._inputs.shuffled(action, place.partition)
        return action.compute(place.partition, inputs, self._scope)


@dataclass(frozen=True)
class _Place:
    """One step on the way down."""

    step: Step
    index: int
    partition: int
    depth: int
    """Steps that pull through it on the same stack, itself included."""
