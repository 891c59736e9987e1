"""Which partitions of which sources and of which cached datasets a task reads: arithmetic, done on the driver."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from spark_kernel.core.execution.program import ReadSource, Step
from spark_kernel.core.execution.step_inputs import Reading

CachedBlocks = Mapping[int, Mapping[int, tuple[str, ...]]]
"""node_id -> partition -> executors that hold the block."""


class Routes:
    """Ways from the last step of a program down to its sources and its persisted steps.

    Runs of one-to-one steps are jumped over, so that a task of a chain of thousands of steps costs one look-up.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = steps
        self._landing = _landings(steps)
        # Steps from which nothing of interest can be reached are not worth a walk.
        self._is_of_interest = _of_interest(steps)

    def source_reads(self, partition: int, cached_blocks: CachedBlocks) -> Iterator[Reading]:
        """Every source partition below the last step's ``partition``, each once, except behind cached blocks."""
        for index, part in self._walk(partition, cached_blocks):
            step = self._steps[index]
            if isinstance(step.action, ReadSource) and not _holders(step, part, cached_blocks):
                yield index, part

    def holders(self, partition: int, cached_blocks: CachedBlocks) -> tuple[str, ...]:
        """The executors that hold the first cached block which the task of ``partition`` reads; none when none is."""
        if not cached_blocks:
            return ()
        found = (
            _holders(self._steps[index], part, cached_blocks) for index, part in self._walk(partition, cached_blocks)
        )
        return next(filter(None, found), ())

    def _walk(self, partition: int, cached_blocks: CachedBlocks) -> Iterator[Reading]:
        """Depth first, in the order in which a task reads; not beyond blocks that are cached."""
        pending = [(self._landing[-1], partition)]
        seen = set(pending)
        while pending:
            index, part = place = pending.pop()
            yield place
            step = self._steps[index]
            if _holders(step, part, cached_blocks):
                continue
            for below, read in reversed(step.inputs.reads(part)):
                place = (self._landing[below], read)
                if self._is_of_interest[below] and place not in seen:
                    seen.add(place)
                    pending.append(place)


def _holders(step: Step, partition: int, cached_blocks: CachedBlocks) -> tuple[str, ...]:
    return () if step.level is None else cached_blocks.get(step.node_id, {}).get(partition, ())


def _landings(steps: Sequence[Step]) -> list[int]:
    """For each step, the first one below it, or itself, that is persisted or not merely the twin of another."""
    landing: list[int] = []
    for position, step in enumerate(steps):
        twin = step.inputs.twin() if step.level is None else None
        landing.append(position if twin is None else landing[twin])
    return landing


def _of_interest(steps: Sequence[Step]) -> list[bool]:
    found: list[bool] = []
    for step in steps:
        is_end = isinstance(step.action, ReadSource) or step.level is not None
        found.append(is_end or any(found[below] for below in step.inputs.steps()))
    return found
