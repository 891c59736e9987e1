"""Tasks that wait for a slot on the executor that holds what they read.

Reading a cached block from another executor works and costs time; waiting for the right executor for ever costs more.
So such tasks wait here, and not with Dask, which would leave them in line behind whatever that executor runs: they are
handed out as it gets free, and when that takes too long while another executor has nothing to do, to whoever is free.

Pure: the clock is given.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from spark_kernel.core.execution.backend import TaskSpec
from spark_kernel.core.execution.bundles import Bundle, longest
from spark_kernel.core.execution.ledger import OpenBatch

WAIT_SECONDS = 1.0
"""Spark waits for 3 s (``spark.locality.wait``); a block of the usual size is fetched in much less."""


@dataclass
class _Line:
    """What waits for one executor."""

    tasks: deque[tuple[OpenBatch, TaskSpec]] = field(default_factory=deque)
    moved: float = 0.0
    """When something was last handed out, or the first task came."""


class WaitingForPlace:
    """Lines of tasks, one for each executor."""

    def __init__(self, is_open: Callable[[int], bool]) -> None:
        """``is_open`` says whether a task is still to be run; others are dropped here."""
        self._is_open = is_open
        self._lines: dict[str, _Line] = {}

    def __bool__(self) -> bool:
        return any(line.tasks for line in self._lines.values())

    def add(
        self, entry: OpenBatch, tasks: Iterable[TaskSpec], executors: Mapping[str, int], now: float
    ) -> list[TaskSpec]:
        """Let those ``tasks`` wait that prefer one of ``executors``; returns the others."""
        others = []
        for task in tasks:
            holders = [executor for executor in task.preferred if executor in executors]
            if not holders:
                others.append(task)
                continue
            line = self._lines.setdefault(min(holders, key=self._length), _Line())
            if not line.tasks:
                line.moved = now
            line.tasks.append((entry, task))
        return others

    def hand_out(self, free: Mapping[str, int], now: float) -> list[tuple[OpenBatch, Bundle]]:
        """What is to be sent now, to executors that have ``free`` slots."""
        out = []
        for executor, slots in free.items():
            line = self._lines.get(executor)
            for _ in range(slots):
                if line is None or not (taken := self._take(line, max(1, slots))):
                    break
                line.moved = now
                out += _bundles(taken, (executor,))
        idle = [executor for executor, slots in free.items() if slots and not self._length(executor)]
        for executor, line in self._lines.items():
            if idle and not free.get(executor) and line.tasks and now - line.moved >= WAIT_SECONDS:
                line.moved = now
                out += _bundles(self._take(line, 2), ())
        return out

    def executor_left(self, executor_id: str) -> list[tuple[OpenBatch, TaskSpec]]:
        """The tasks that waited for an executor that is gone."""
        line = self._lines.pop(executor_id, None)
        return [(entry, task) for entry, task in line.tasks if self._is_open(task.task_id)] if line is not None else []

    def _length(self, executor_id: str) -> int:
        line = self._lines.get(executor_id)
        return len(line.tasks) if line is not None else 0

    def _take(self, line: _Line, parts: int) -> list[tuple[OpenBatch, TaskSpec]]:
        """The next tasks of a line, all of one batch, and at most one part of it in ``parts``."""
        taken: list[tuple[OpenBatch, TaskSpec]] = []
        limit = -(-len(line.tasks) // parts)
        while line.tasks and len(taken) < limit:
            entry, task = line.tasks[0]
            if taken and (entry is not taken[0][0] or len(taken) >= longest(entry.task_seconds)):
                break
            line.tasks.popleft()
            if self._is_open(task.task_id):
                taken.append((entry, task))
        return taken


def _bundles(taken: Sequence[tuple[OpenBatch, TaskSpec]], places: tuple[str, ...]) -> list[tuple[OpenBatch, Bundle]]:
    return [(taken[0][0], Bundle(tuple(task for _, task in taken), places))] if taken else []
