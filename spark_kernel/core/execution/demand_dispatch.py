"""Tasks that take more than a slot: several CPUs, or resources such as GPUs. Runs in the backend's event loop only.

They wait on the driver until an executor has what they take, and are sent to it and no other. What they were given is
in the ledger (`Ledger.grants`) until they have been answered. On the executor, CPUs are counted for all tasks
(`cpu_slots.py`), so that tasks that take one slot leave room as well.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from spark_kernel.core.execution.backend import Executor, TaskSpec
from spark_kernel.core.execution.bundles import Bundle, next_size
from spark_kernel.core.execution.demands import Grant, Room, concurrent_tasks, refusal, suits
from spark_kernel.core.execution.ledger import Ledger, OpenBatch

REFUSE_SECONDS = 8.0
"""How long such tasks wait for an executor that could run them, when there are others."""
START_SECONDS = 60.0
"""The same when there is no executor at all: they are starting, or being replaced."""
_LOOK_SECONDS = 0.1


@dataclass
class _Waiting:
    entry: OpenBatch
    tasks: deque[TaskSpec] = field(default_factory=deque)
    unsuited_since: float | None = None
    """Since when no executor could run them."""


class DemandDispatch:
    """The tasks of one application that take more than a slot."""

    def __init__(
        self,
        ledger: Ledger,
        send: Callable[[OpenBatch, Sequence[Bundle]], None],
        later: Callable[[float, Callable[[], None]], None],
        executors: Callable[[], Mapping[str, Executor]],
        must_wait: Callable[[], bool],
    ) -> None:
        """``must_wait`` says whether what gets free is for others now."""
        self._ledger = ledger
        self._send = send
        self._later = later
        self._executors = executors
        self._must_wait = must_wait
        self._batches: dict[int, _Waiting] = {}
        self._look_is_due = False

    def add(self, entry: OpenBatch, tasks: Iterable[TaskSpec]) -> None:
        """Send these tasks when there is room; `look` is to follow."""
        self._batches.setdefault(id(entry), _Waiting(entry)).tasks.extend(tasks)

    def look(self) -> None:
        """Send what there is room for, and look again in a moment as long as something waits."""
        if not self._batches:
            return
        executors = self._executors()
        rooms = rooms_of(executors, self._ledger.grants())
        now = time.monotonic()
        for waiting in sorted(self._batches.values(), key=lambda each: each.entry.batch.priority):
            self._drop_answered(waiting)
            if waiting.tasks and any(suits(waiting.entry.batch.demand, each) for each in executors.values()):
                waiting.unsuited_since = None
                if not self._must_wait():
                    self._send_what_fits(waiting, executors, rooms)
            elif waiting.tasks:
                self._refuse_in_time(waiting, executors, now)
        self._batches = {key: waiting for key, waiting in self._batches.items() if waiting.tasks}
        if self._batches and not self._look_is_due:
            self._look_is_due = True
            self._later(_LOOK_SECONDS, self._look_again)

    def _look_again(self) -> None:
        self._look_is_due = False
        self.look()

    def _drop_answered(self, waiting: _Waiting) -> None:
        waiting.tasks = deque(task for task in waiting.tasks if self._ledger.is_open(task.task_id))
        if waiting.entry.cancelled:
            waiting.tasks.clear()

    def _send_what_fits(self, waiting: _Waiting, executors: Mapping[str, Executor], rooms: Mapping[str, Room]) -> None:
        demand = waiting.entry.batch.demand
        slots = max(1, concurrent_tasks(demand, executors.values(), len(waiting.tasks)))
        bundles = []
        while waiting.tasks and (found := self._next(waiting, executors, rooms, slots)) is not None:
            bundles.append(found)
        if bundles:
            self._send(waiting.entry, bundles)

    def _next(
        self, waiting: _Waiting, executors: Mapping[str, Executor], rooms: Mapping[str, Room], slots: int
    ) -> Bundle | None:
        demand, first = waiting.entry.batch.demand, waiting.tasks[0]
        suited = [each for each in executors if each not in first.avoid and suits(demand, executors[each])]
        by_room = sorted(suited, key=lambda each: (each not in first.preferred, -rooms[each].cpus))
        for executor_id in by_room:
            grant = rooms[executor_id].grant_for(demand)
            if grant is not None:
                rooms[executor_id].take(grant)
                alone = bool(first.avoid or first.preferred)
                size = 1 if alone else next_size(len(waiting.tasks), slots, waiting.entry.task_seconds)
                return Bundle(tuple(waiting.tasks.popleft() for _ in range(size)), (executor_id,), grant)
        return None

    def _refuse_in_time(self, waiting: _Waiting, executors: Mapping[str, Executor], now: float) -> None:
        waiting.unsuited_since = now if waiting.unsuited_since is None else waiting.unsuited_since
        if now - waiting.unsuited_since >= (REFUSE_SECONDS if executors else START_SECONDS):
            waiting.tasks.clear()
            self._ledger.refuse(waiting.entry, refusal(waiting.entry.batch.demand, list(executors.values())))


def rooms_of(executors: Mapping[str, Executor], grants: Iterable[tuple[str, Grant]]) -> dict[str, Room]:
    """What each executor has left, when these are given: (executor_id, grant)."""
    rooms = {executor_id: Room(executor) for executor_id, executor in executors.items()}
    for executor_id, grant in grants:
        if executor_id in rooms:
            rooms[executor_id].take(grant)
    return rooms
