"""Tasks that wait on the driver for a slot, because it matters which slot, or whose turn it is.

With Dask a task stands in line behind all that came before; here it can still be decided otherwise. What waits:

* A task whose cached block one executor holds. Reading it from another works and costs time, waiting for ever costs
  more: it waits for ``spark.locality.wait``, then goes wherever a slot is free.
* A copy of a slow task: it must not run where the slow one does.
* Under ``FAIR`` scheduling everything, so that each free slot goes to the pool that has least (`pools.py`). A bundle
  that runs for longer than a moment gives back what it has not begun, so that slots get free soon.

Everything else goes to Dask at once, which begins with the earliest job: that is Spark's ``FIFO``.

Pure: the clock is given.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from spark_kernel.core.execution.backend import TaskSpec
from spark_kernel.core.execution.bundles import Bundle, longest, next_size
from spark_kernel.core.execution.ledger import OpenBatch
from spark_kernel.core.execution.pools import DEFAULT_POOL, POOL, Pools, TaskSet, in_order


@dataclass(frozen=True)
class Turns:
    """Who waits for what."""

    pools: Pools = field(default_factory=Pools)
    locality_wait: float = 3.0
    """``spark.locality.wait``: seconds that a task waits for the executor that holds what it reads."""


@dataclass
class _Line:
    """What waits for one executor."""

    tasks: deque[TaskSpec] = field(default_factory=deque)
    moved: float = 0.0
    """When the executor took something last, or the first task came."""


@dataclass
class _Waiting:
    """What waits of one batch."""

    entry: OpenBatch
    lines: dict[str, _Line] = field(default_factory=dict)
    anywhere: deque[TaskSpec] = field(default_factory=deque)

    def __bool__(self) -> bool:
        return bool(self.anywhere) or any(line.tasks for line in self.lines.values())

    def task_set(self, running: int) -> TaskSet:
        return task_set_of(self.entry, running)


def task_set_of(entry: OpenBatch, running: int) -> TaskSet:
    """A batch as the order of pools sees it; ``running`` is how many slots it has."""
    batch = entry.batch
    return TaskSet(batch.properties.get(POOL, DEFAULT_POOL), batch.priority, *entry.stage, running)


class WaitingTasks:
    """The tasks of all batches that wait."""

    def __init__(self, is_open: Callable[[int], bool], turns: Turns) -> None:
        """``is_open`` says whether a task is still to be run; others are dropped here."""
        self._is_open = is_open
        self._turns = turns
        self._batches: dict[int, _Waiting] = {}

    def __bool__(self) -> bool:
        return any(self._batches.values())

    def add(
        self, entry: OpenBatch, tasks: Iterable[TaskSpec], executors: Mapping[str, int], now: float
    ) -> list[TaskSpec]:
        """Let those ``tasks`` wait that have to; returns the others, which can be sent at once."""
        waiting = self._batches.setdefault(id(entry), _Waiting(entry))
        others = []
        for task in tasks:
            holders = [executor for executor in task.preferred if executor in executors]
            if holders and not task.avoid:
                line = waiting.lines.setdefault(min(holders, key=self._length), _Line())
                if not line.tasks:
                    line.moved = now
                line.tasks.append(task)
            elif task.avoid or self._turns.pools.mode == "FAIR":
                waiting.anywhere.append(task)
            else:
                others.append(task)
        return others

    def hand_out(
        self, free: Mapping[str, int], now: float, running: Sequence[tuple[OpenBatch, int]] = (), slots: int = 1
    ) -> list[tuple[OpenBatch, Bundle]]:
        """What is to be sent now, to executors that have ``free`` slots.

        ``running`` says how many slots each batch has; ``slots`` are those of the whole cluster.
        """
        left = {executor: count for executor, count in free.items() if count > 0}
        taken = {id(entry): (entry, count) for entry, count in running}
        out = []
        while left and (found := self._next(free, left, now, taken, slots)) is not None:
            entry, bundle = found
            executor = bundle.places[0]
            left[executor] -= 1
            if not left[executor]:
                del left[executor]
            taken[id(entry)] = entry, taken.get(id(entry), (entry, 0))[1] + 1
            out.append(found)
        self._batches = {key: waiting for key, waiting in self._batches.items() if waiting}
        return out

    def executor_left(self, executor_id: str) -> list[tuple[OpenBatch, TaskSpec]]:
        """The tasks that waited for an executor that is gone."""
        lines = [(waiting.entry, waiting.lines.pop(executor_id, _Line())) for waiting in self._batches.values()]
        return [(entry, task) for entry, line in lines for task in line.tasks if self._is_open(task.task_id)]

    def _length(self, executor_id: str) -> int:
        lines = (waiting.lines.get(executor_id) for waiting in self._batches.values())
        return sum(len(line.tasks) for line in lines if line is not None)

    def _next(
        self,
        free: Mapping[str, int],
        left: Mapping[str, int],
        now: float,
        taken: Mapping[int, tuple[OpenBatch, int]],
        slots: int,
    ) -> tuple[OpenBatch, Bundle] | None:
        for waiting in self._in_order(taken):
            bundle = (
                self._local(waiting, free, left, now)
                or self._anywhere(waiting, left, slots)
                or self._impatient(waiting, left, now)
            )
            if bundle is not None:
                return waiting.entry, bundle
        return None

    def _in_order(self, taken: Mapping[int, tuple[OpenBatch, int]]) -> list[_Waiting]:
        waiting = [each for each in self._batches.values() if each]
        if len(waiting) < 2:
            return waiting
        sets = {each.task_set(taken.get(id(each.entry), (each.entry, 0))[1]): each for each in waiting}
        others = [task_set_of(*each) for key, each in taken.items() if key not in self._batches]
        return [sets[each] for each in in_order(sets, others, self._turns.pools)]

    def _local(self, waiting: _Waiting, free: Mapping[str, int], left: Mapping[str, int], now: float) -> Bundle | None:
        """Tasks for an executor that holds what they read."""
        for executor in left:
            line = waiting.lines.get(executor)
            if line is not None:
                size = min(-(-len(line.tasks) // free[executor]), longest(waiting.entry.task_seconds))
                if taken := self._take(line.tasks, size):
                    line.moved = now
                    return Bundle(taken, (executor,))
        return None

    def _anywhere(self, waiting: _Waiting, left: Mapping[str, int], slots: int) -> Bundle | None:
        """Tasks to which all executors are alike, or all but one."""
        self._drop_answered(waiting.anywhere)
        if not waiting.anywhere:
            return None
        avoid = waiting.anywhere[0].avoid
        executor = max((each for each in left if each not in avoid), key=left.__getitem__, default=None)
        if executor is None:
            # Other tasks of the batch may go where this one must not.
            waiting.anywhere.rotate(-1)
            return None
        size = 1 if avoid else next_size(len(waiting.anywhere), slots, waiting.entry.task_seconds)
        return Bundle(self._take(waiting.anywhere, size), (executor,))

    def _impatient(self, waiting: _Waiting, left: Mapping[str, int], now: float) -> Bundle | None:
        """Tasks that have waited long enough for an executor that is busy with others."""
        idle = [executor for executor in left if not self._length(executor)]
        for line in waiting.lines.values():
            if idle and line.tasks and now - line.moved >= self._turns.locality_wait:
                taken = self._take(line.tasks, min(-(-len(line.tasks) // 2), longest(waiting.entry.task_seconds)))
                if taken:
                    return Bundle(taken, (max(idle, key=left.__getitem__),))
        return None

    def _take(self, tasks: deque[TaskSpec], count: int) -> tuple[TaskSpec, ...]:
        taken: list[TaskSpec] = []
        while tasks and len(taken) < count:
            task = tasks.popleft()
            if self._is_open(task.task_id):
                taken.append(task)
        return tuple(taken)

    def _drop_answered(self, tasks: deque[TaskSpec]) -> None:
        while tasks and not self._is_open(tasks[0].task_id):
            tasks.popleft()
