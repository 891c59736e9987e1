"""Tasks that wait on the driver for a slot. Dask gets little more than it can run now.

With Dask a task stands in line behind all that came before; here it can still be decided whose turn it is (`pools.py`),
how many go together (by then it is known how long one takes, see `bundles.py`), and where:

* A task whose cached block one executor holds waits for that executor. Reading the block from another one works and
  costs time, waiting for ever costs more: after ``spark.locality.wait`` it goes wherever a slot is free.
* A copy of a slow task must not run where the slow one does.
* All others run anywhere. Under ``FIFO`` Dask has one bundle for each slot in reserve, so that no slot idles while the
  driver is asked; under ``FAIR`` none, so that each slot that gets free goes to the pool that has least.

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


@dataclass
class _Offer:
    """The slots that are handed out in one go."""

    free: Mapping[str, int]
    taken: dict[int, tuple[OpenBatch, int]]
    """id of a batch -> the batch, and how many bundles it has with the cluster."""
    now: float
    slots: int
    reserve: int = 0
    """Bundles that Dask may have beyond what it can run."""

    def __post_init__(self) -> None:
        self.left = {executor: count for executor, count in self.free.items() if count > 0}

    @property
    def has_room(self) -> bool:
        """Whether Dask may have one more bundle that runs anywhere."""
        return sum(count for _, count in self.taken.values()) < self.slots + self.reserve

    def freest(self, executors: Iterable[str]) -> str | None:
        """Of some executors the one with most free slots."""
        return max(executors, key=self.left.__getitem__, default=None)

    def take(self, entry: OpenBatch, bundle: Bundle) -> None:
        """The bundle is sent."""
        self.taken[id(entry)] = entry, self.taken.get(id(entry), (entry, 0))[1] + 1
        for executor in bundle.places:
            self.left[executor] -= 1
            if not self.left[executor]:
                del self.left[executor]


class WaitingTasks:
    """The tasks of all batches that wait."""

    def __init__(self, is_open: Callable[[int], bool], turns: Turns) -> None:
        """``is_open`` says whether a task is still to be run; others are dropped here."""
        self._is_open = is_open
        self._turns = turns
        self._batches: dict[int, _Waiting] = {}

    def __bool__(self) -> bool:
        return any(self._batches.values())

    def add(self, entry: OpenBatch, tasks: Iterable[TaskSpec], executors: Mapping[str, int], now: float) -> None:
        """Let ``tasks`` wait."""
        waiting = self._batches.setdefault(id(entry), _Waiting(entry))
        anywhere = []
        for task in tasks:
            holders = [executor for executor in task.preferred if executor in executors]
            if holders and not task.avoid:
                line = waiting.lines.setdefault(min(holders, key=self._length), _Line())
                if not line.tasks:
                    line.moved = now
                line.tasks.append(task)
            else:
                anywhere.append(task)
        if anywhere and waiting.anywhere and anywhere[0].task_id < waiting.anywhere[0].task_id:
            # What a bundle gave back has waited longest.
            waiting.anywhere.extendleft(reversed(anywhere))
        else:
            waiting.anywhere.extend(anywhere)

    def hand_out(
        self, free: Mapping[str, int], now: float, running: Sequence[tuple[OpenBatch, int]] = (), slots: int = 1
    ) -> list[tuple[OpenBatch, Bundle]]:
        """What is to be sent now.

        ``free`` are the slots of each executor where nothing runs; ``running`` says how many bundles each batch has
        with the cluster, and ``slots`` how many bundles the whole cluster runs at once.
        """
        offer = _Offer(free, {id(entry): (entry, count) for entry, count in running}, now, slots)
        offer.reserve = slots if self._turns.pools.mode == "FIFO" else 0
        out = []
        while (found := self._next(offer)) is not None:
            offer.take(*found)
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

    def _next(self, offer: _Offer) -> tuple[OpenBatch, Bundle] | None:
        for waiting in self._in_order(offer.taken):
            bundle = self._local(waiting, offer) or self._anywhere(waiting, offer) or self._impatient(waiting, offer)
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

    def _local(self, waiting: _Waiting, offer: _Offer) -> Bundle | None:
        """Tasks for an executor that holds what they read."""
        for executor in offer.left:
            line = waiting.lines.get(executor)
            if line is not None:
                size = min(-(-len(line.tasks) // offer.free[executor]), longest(waiting.entry.task_seconds))
                if taken := self._take(line.tasks, size):
                    line.moved = offer.now
                    return Bundle(taken, (executor,))
        return None

    def _anywhere(self, waiting: _Waiting, offer: _Offer) -> Bundle | None:
        """Tasks to which all executors are alike, or all but one."""
        while waiting.anywhere and not self._is_open(waiting.anywhere[0].task_id):
            waiting.anywhere.popleft()
        if not waiting.anywhere:
            return None
        if waiting.anywhere[0].avoid:
            return self._elsewhere(waiting, offer)
        if not offer.has_room:
            return None
        size = next_size(len(waiting.anywhere), offer.slots, waiting.entry.task_seconds)
        return Bundle(self._take(waiting.anywhere, size))

    def _elsewhere(self, waiting: _Waiting, offer: _Offer) -> Bundle | None:
        """A copy of a slow task, for an executor that has nothing to do with that one."""
        for copy in list(waiting.anywhere):
            place = offer.freest(executor for executor in offer.left if executor not in copy.avoid)
            if place is not None and self._is_open(copy.task_id):
                waiting.anywhere.remove(copy)
                return Bundle((copy,), (place,))
        return None

    def _impatient(self, waiting: _Waiting, offer: _Offer) -> Bundle | None:
        """Tasks that have waited long enough for an executor that is busy with others."""
        idle = offer.freest(executor for executor in offer.left if not self._length(executor))
        for line in waiting.lines.values():
            if idle is not None and line.tasks and offer.now - line.moved >= self._turns.locality_wait:
                half = -(-len(line.tasks) // 2)
                if taken := self._take(line.tasks, min(half, longest(waiting.entry.task_seconds))):
                    return Bundle(taken, (idle,))
        return None

    def _take(self, tasks: deque[TaskSpec], count: int) -> tuple[TaskSpec, ...]:
        taken: list[TaskSpec] = []
        while tasks and len(taken) < count:
            task = tasks.popleft()
            if self._is_open(task.task_id):
                taken.append(task)
        return tuple(taken)
