"""Which running tasks are so slow that a copy should race them, and who wins. Pure; asked by the state machine.

Emulates ``TaskSetManager.checkSpeculatableTasks`` of Spark 4, without the part that looks at records read per second:
tasks here say how much they read when they end, not before.
"""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from spark_kernel.core.execution.backend import Executor
from spark_kernel.core.scheduler.stages import Stage, Task


@dataclass(frozen=True)
class Speculation:
    """The rules, named and preset as Spark's ``spark.speculation.*``; times in seconds."""

    interval: float = 0.1
    """How often it is looked for slow tasks."""
    multiplier: float = 3.0
    """How many times slower than the median a task has to be."""
    quantile: float = 0.9
    """The part of a stage's tasks that has to be done before any is called slow."""
    min_seconds: float = 0.1
    """What runs for less is never slow."""
    threshold: float | None = None
    """``spark.speculation.task.duration.threshold``: how long a task may take where there are too few others to
    compare it with."""


def stragglers(
    rules: Speculation, tasks: int, durations: Sequence[float], running: Mapping[int, float], slots: int
) -> list[int]:
    """The partitions, of those ``running``, that deserve a second attempt.

    ``tasks`` is how many a stage attempt has, ``durations`` how long its finished ones took, ascending;
    ``running`` maps partitions with a single attempt to the seconds that this has run; ``slots`` are those of one
    executor: a stage that needs no more has too few tasks for a comparison.

    >>> stragglers(Speculation(quantile=0.75), 4, [1.0, 1.0, 1.2], {3: 3.5}, slots=1)
    [3]
    >>> stragglers(Speculation(), 1, [], {0: 60.0}, slots=1)
    []
    >>> stragglers(Speculation(threshold=30.0), 1, [], {0: 60.0}, slots=1)
    [0]
    """
    limit = _limit(rules, tasks, durations, slots)
    return [] if limit is None else [partition for partition, seconds in running.items() if seconds > limit]


def _limit(rules: Speculation, tasks: int, durations: Sequence[float], slots: int) -> float | None:
    """The seconds after which a task is slow; None when nothing can be said."""
    if tasks == 1 and rules.threshold is None:
        return None
    if len(durations) >= max(1, int(rules.quantile * tasks)):
        return max(rules.multiplier * durations[len(durations) // 2], rules.min_seconds)
    return rules.threshold if tasks <= max(slots, 1) else None


class Races:
    """Which tasks are compared with which, and who races whom. Changes only `Stage` and `Task`."""

    def __init__(self, rules: Speculation | None) -> None:
        """``rules`` None means that nothing ever races."""
        self._rules = rules
        self._slots: dict[str, int] = {}

    def executor_joined(self, executor: Executor) -> None:
        """Copies may run there."""
        self._slots[executor.executor_id] = executor.cores

    def executor_lost(self, executor_id: str) -> None:
        """Nothing runs there any more."""
        self._slots.pop(executor_id, None)

    def slow(self, stage: Stage, now: float) -> list[int]:
        """The partitions of the stage whose task deserves a copy, on another executor than where it runs.

        None of a barrier stage: its tasks wait for each other.
        """
        if self._rules is None or len(self._slots) < 2 or not stage.is_open or stage.outline.is_barrier:
            return []
        return stragglers(self._rules, stage.tasks, stage.durations, stage.racing(now), max(self._slots.values()))

    def won(self, stage: Stage, task: Task, now: float) -> Task | None:
        """The task has succeeded; returns the one that it outran, if any."""
        if self._rules is None or stage.outline.is_barrier:
            return None
        if task.stage_attempt == stage.attempt and task.executor_id is not None:
            bisect.insort(stage.durations, now - task.started)
        loser = stage.running.pop(task.partition, None)
        if loser is not None:
            loser.outrun = True
        return loser
