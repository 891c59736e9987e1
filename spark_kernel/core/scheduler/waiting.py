"""Which stages wait for which shuffles: when one of thousands is written, only its readers are looked at."""

from __future__ import annotations

from collections.abc import Iterable

from spark_kernel.core.lineage.node import ShuffleDependency


class Waiting:
    """As of the last time that all stages were looked at; what was lost since then is not known here.

    >>> waiting = Waiting()
    >>> waiting.written(7)
    []
    """

    def __init__(self) -> None:
        self._shuffles_of: dict[int, set[int]] = {}
        self._readers_of: dict[int, set[int]] = {}

    def clear(self) -> None:
        """All stages are about to be looked at."""
        self._shuffles_of.clear()
        self._readers_of.clear()

    def put(self, stage_id: int, missing: Iterable[ShuffleDependency]) -> None:
        """The stage can't run before those shuffles are written."""
        self._shuffles_of[stage_id] = {link.shuffle_id for link in missing}
        for shuffle_id in self._shuffles_of[stage_id]:
            self._readers_of.setdefault(shuffle_id, set()).add(stage_id)

    def written(self, shuffle_id: int) -> list[int]:
        """The shuffle is complete; returns the stages that wait for nothing any more."""
        ready = []
        for stage_id in sorted(self._readers_of.pop(shuffle_id, ())):
            self._shuffles_of[stage_id].discard(shuffle_id)
            if not self._shuffles_of[stage_id]:
                ready.append(stage_id)
        return ready
