"""Whose turn it is when several jobs want the same slots: Spark's FIFO and FAIR order. Pure functions.

Emulates ``Pool``, ``FIFOSchedulingAlgorithm`` and ``FairSchedulingAlgorithm`` of Spark 4. Under ``FIFO`` an earlier job
comes before a later one; under ``FAIR`` jobs belong to pools, named by the local property ``spark.scheduler.pool`` of
the thread that starts them, and the pool comes first that has least of what is due to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Mode = Literal["FIFO", "FAIR"]

POOL = "spark.scheduler.pool"
"""The local property that names a job's pool."""
DEFAULT_POOL = "default"


@dataclass(frozen=True)
class Pool:
    """One pool of a ``FAIR`` application."""

    name: str
    mode: Mode = "FIFO"
    """The order of its own jobs."""
    weight: int = 1
    """Its share of the slots, relative to other pools."""
    min_share: int = 0
    """Slots that it gets before others get more than theirs."""


@dataclass(frozen=True)
class Pools:
    """How an application shares its slots between its jobs."""

    mode: Mode = "FIFO"
    """``spark.scheduler.mode``."""
    known: Mapping[str, Pool] = field(default_factory=dict)
    """Those of ``spark.scheduler.allocation.file``; others are `Pool` with nothing but a name."""

    def named(self, name: str) -> Pool:
        """The pool of that name."""
        return self.known.get(name) or Pool(name)


@dataclass(frozen=True, eq=False)
class TaskSet:
    """What the order depends on, of tasks of one stage attempt. Equal only to itself: a stage may have several."""

    pool: str
    job_id: int
    stage_id: int
    stage_attempt: int = 0
    running: int = 0
    """Slots that it has now."""


FairKey = tuple[bool, float, str]


def fair_key(running: int, min_share: int, weight: int, name: str) -> FairKey:
    """Sorts what shares slots fairly: first those below their minimum share, then by slots for each unit of weight.

    >>> fair_key(1, 2, 1, "needy") < fair_key(0, 0, 1, "idle") < fair_key(3, 0, 2, "b") < fair_key(2, 0, 1, "a")
    True
    """
    needy = running < min_share
    return not needy, running / max(min_share, 1.0) if needy else running / weight, name


def in_order(waiting: Iterable[TaskSet], others: Iterable[TaskSet], pools: Pools) -> list[TaskSet]:
    """The task sets that wait, whose turn it is first. ``others`` have slots and nothing that waits.

    >>> early, late = TaskSet("etl", job_id=1, stage_id=1, running=2), TaskSet("ui", job_id=2, stage_id=2)
    >>> [each.pool for each in in_order([late, early], [], Pools("FIFO"))]
    ['etl', 'ui']
    >>> [each.pool for each in in_order([late, early], [], Pools("FAIR"))]
    ['ui', 'etl']
    """
    waiting = list(waiting)
    if pools.mode == "FIFO":
        return sorted(waiting, key=_fifo_key)
    members: dict[str, list[TaskSet]] = {}
    running: dict[str, int] = {}
    for each in waiting:
        members.setdefault(each.pool, []).append(each)
    for each in (*waiting, *others):
        running[each.pool] = running.get(each.pool, 0) + each.running

    def key(name: str) -> FairKey:
        pool = pools.named(name)
        return fair_key(running[name], pool.min_share, pool.weight, name)

    return [each for name in sorted(members, key=key) for each in _within(members[name], pools.named(name))]


def _within(members: Sequence[TaskSet], pool: Pool) -> list[TaskSet]:
    if pool.mode == "FIFO":
        return sorted(members, key=_fifo_key)
    return sorted(
        members, key=lambda each: fair_key(each.running, 0, 1, f"TaskSet_{each.stage_id}.{each.stage_attempt}")
    )


def _fifo_key(each: TaskSet) -> tuple[int, int, int]:
    return each.job_id, each.stage_id, each.stage_attempt
