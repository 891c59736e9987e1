"""Bundles: several partitions of a stage that one Dask task computes one after the other.

A Dask task costs 1-2 ms of the scheduler, however little it does. So a batch with many more tasks than there are slots
travels as bundles: large ones first, smaller ones towards the end, so that all slots end at about the same time. Nobody
knows beforehand how long a partition takes; a bundle that runs for longer than a moment gives back what it has not
begun, and the next ones are made by what was measured.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from spark_kernel.core.execution.backend import TaskSpec
from spark_kernel.core.execution.demands import Grant
from spark_kernel.core.execution.orders import TaskOrder

MAX_TASKS = 256
"""Tasks in one bundle, at most: what it gives back has travelled in vain."""
SECONDS = 0.25
"""After this long a bundle gives back what it has not begun: long compared with the cost of a Dask task, and short
compared with a person's patience, since other slots may be idle meanwhile."""
_SHARE = 2
"""Each bundle takes one part in this many of a slot's share of what is left."""


@dataclass(frozen=True)
class Bundle:
    """Tasks for one executor."""

    tasks: tuple[TaskSpec, ...]
    places: tuple[str, ...] = ()
    """executor_ids to one of which it should go; anywhere when empty."""
    grant: Grant | None = None
    """What it was given of its one place, which it runs on or nowhere; None when any slot will do."""


def next_size(left: int, slots: int, task_seconds: float | None = None) -> int:
    """How many of the ``left`` tasks the next bundle takes, when ``slots`` work on them.

    ``task_seconds`` is how long one took so far, if known.

    >>> next_size(100, slots=2), next_size(4, slots=2), next_size(100, slots=2, task_seconds=0.05)
    (25, 1, 5)
    """
    return min(longest(task_seconds), max(1, left // (_SHARE * slots)))


def longest(task_seconds: float | None) -> int:
    """How many tasks a bundle may have, when one takes ``task_seconds``.

    >>> longest(0.05), longest(60.0), longest(None)
    (5, 1, 256)
    """
    return MAX_TASKS if task_seconds is None else min(MAX_TASKS, max(1, int(SECONDS / max(task_seconds, 1e-6))))


class RunningBundle:
    """The tasks of a bundle on its executor. `next` is for the thread that runs them, the rest for any."""

    def __init__(self, orders: Iterable[TaskOrder]) -> None:
        self._lock = threading.Lock()
        self._waiting = deque(orders)

    def next(self) -> TaskOrder | None:
        """The task to run now; None when there is none left."""
        with self._lock:
            return self._waiting.popleft() if self._waiting else None

    def give_back(self) -> list[int]:
        """Let go of all tasks that have not begun; their ids."""
        with self._lock:
            given_back = [order.task_id for order in self._waiting]
            self._waiting.clear()
        return given_back
