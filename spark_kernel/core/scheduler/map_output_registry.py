"""Which map outputs of which shuffle exist, and where. Spark's map-output tracker; lives on the driver."""

from __future__ import annotations

from collections.abc import Sequence

from spark_kernel.core.execution.backend import TaskFetchFailed
from spark_kernel.core.shuffle.map_outputs import MapOutput


class MapOutputRegistry:
    """Outputs by shuffle and map partition. Outlives jobs: a later job finds what an earlier one shuffled."""

    def __init__(self) -> None:
        self._outputs: dict[int, dict[int, MapOutput]] = {}

    def register(self, shuffle_id: int, output: MapOutput) -> None:
        """A map task has written its output; a later one for the same partition replaces it."""
        self._outputs.setdefault(shuffle_id, {})[output.map_partition] = output

    def has_output(self, shuffle_id: int, map_partition: int) -> bool:
        """Whether that map partition has an output."""
        return map_partition in self._outputs.get(shuffle_id, {})

    def missing(self, shuffle_id: int, map_partitions: int) -> list[int]:
        """The map partitions, of ``map_partitions`` in all, that have no output."""
        known = self._outputs.get(shuffle_id, {})
        return [partition for partition in range(map_partitions) if partition not in known]

    def is_complete(self, shuffle_id: int, map_partitions: int) -> bool:
        """Whether every map partition has an output."""
        return len(self._outputs.get(shuffle_id, {})) == map_partitions

    def outputs(self, shuffle_id: int) -> Sequence[MapOutput]:
        """All outputs of the shuffle, by map partition."""
        known = self._outputs.get(shuffle_id, {})
        return [known[partition] for partition in sorted(known)]

    def lose_output(self, shuffle_id: int, map_partition: int) -> None:
        """One output can't be read."""
        self._outputs.get(shuffle_id, {}).pop(map_partition, None)

    def lose(self, report: TaskFetchFailed) -> None:
        """A task could not read an output, or anything of its machine."""
        self.lose_output(report.shuffle_id, report.map_partition)
        if report.machine_lost:
            self.lose_machine(report.place.machine_id)

    def lose_machine(self, machine_id: str) -> int:
        """Nothing on the machine can be read any more; returns how many outputs went with it.

        What travelled inside the task's result is still here.
        """
        lost = 0
        for outputs in self._outputs.values():
            gone = [
                p for p, output in outputs.items() if output.place.machine_id == machine_id and not _is_inline(output)
            ]
            for partition in gone:
                del outputs[partition]
            lost += len(gone)
        return lost

    def forget(self, shuffle_id: int) -> None:
        """Nothing refers to the shuffle any more."""
        self._outputs.pop(shuffle_id, None)


def _is_inline(output: MapOutput) -> bool:
    return output.inline is not None
