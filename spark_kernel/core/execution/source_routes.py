"""Which partitions of which sources a task reads: arithmetic over the partition maps, done on the driver."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from spark_kernel.core.execution.program import ReadSource, Step
from spark_kernel.core.lineage.partition_maps import OneToOne


class SourceRoutes:
    """Ways from the last step of a program down to its sources.

    Runs of one-to-one steps are jumped over, so that a task of a chain of thousands of steps costs one look-up.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = steps
        self._landing = _landings(steps)
        # Steps from which no source can be reached are not worth a walk.
        self._leads_to_source = _leading_to_sources(steps)

    def reads_of(self, partition: int) -> Iterator[tuple[int, int]]:
        """(step, partition) of every source partition below the last step's ``partition``, each once."""
        pending = [(self._landing[-1], partition)]
        seen = set(pending)
        while pending:
            index, part = pending.pop()
            step = self._steps[index]
            if isinstance(step.action, ReadSource):
                yield index, part
                continue
            for link in step.inputs:
                if not self._leads_to_source[link.step]:
                    continue
                for read in link.partitions.parents_of(part):
                    place = (self._landing[link.step], read)
                    if place not in seen:
                        seen.add(place)
                        pending.append(place)


def _landings(steps: Sequence[Step]) -> list[int]:
    """For each step, the first one below it that is not merely one-to-one on a single other."""
    landing: list[int] = []
    for position, step in enumerate(steps):
        single = len(step.inputs) == 1 and isinstance(step.inputs[0].partitions, OneToOne)
        landing.append(landing[step.inputs[0].step] if single else position)
    return landing


def _leading_to_sources(steps: Sequence[Step]) -> list[bool]:
    leads: list[bool] = []
    for step in steps:
        leads.append(isinstance(step.action, ReadSource) or any(leads[link.step] for link in step.inputs))
    return leads
