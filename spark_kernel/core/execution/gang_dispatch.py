"""Sending gangs (barrier stages), whose tasks all begin together or not at all. Runs in the backend's event loop only.

A gang's tasks are sent each to a slot of its own, chosen here, before anything else that waits for that slot. They line
up there until the last one has got its slot (`gang_meetings`): so slots are kept free for a gang while tasks of other
stages end one by one. Two gangs that line up at once could wait for each other's slots for ever; so only one does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from spark_kernel.core.execution.backend import TaskSpec
from spark_kernel.core.execution.bundles import Bundle
from spark_kernel.core.execution.gang_meetings import Meetings, Replies
from spark_kernel.core.execution.ledger import Ledger, OpenBatch
from spark_kernel.core.execution.worker_messages import Meets
from spark_kernel.resource_managers.notation import count_setting, time_setting

MORE_SLOTS = (
    "[SPARK-24819]: Barrier execution mode does not allow run a barrier stage that requires more slots than the total "
    "number of slots in the cluster currently. Please init a new cluster with more resources(e.g. CPU, GPU) or "
    "repartition the input RDD(s) to reduce the number of slots required to run this barrier stage."
)
"""Spark's own words (``BarrierJobSlotsNumberCheckFailed``)."""
CHECK = "spark.scheduler.barrier.maxConcurrentTasksCheck"
"""The settings that say how long such a stage waits for slots: so many checks, at such an interval."""
CHECK_SECONDS = 1.0
CHECK_FAILURES = 8
"""Spark's defaults are 15 s and 40: ten minutes, in which nothing is to be seen."""
MEETING = "spark.barrier.sync.timeout"
REPAIR_SECONDS = 60.0
"""How long a gang waits for slots that the cluster should have: its workers are starting, or being replaced."""
_LOOK_SECONDS = 0.1


@dataclass(frozen=True)
class GangLimits:
    """How long gangs wait."""

    slots_seconds: float = CHECK_SECONDS * CHECK_FAILURES
    """For slots that the cluster does not have."""
    meeting_seconds: float | None = None
    """For each other, in ``barrier()`` and ``allGather()``; None: for ever."""

    @classmethod
    def from_settings(cls, settings: Mapping[str, str]) -> GangLimits:
        """What the settings say. Raises SettingsError.

        >>> GangLimits.from_settings({"spark.scheduler.barrier.maxConcurrentTasksCheck.interval": "15s"})
        GangLimits(slots_seconds=120.0, meeting_seconds=None)
        """
        interval = time_setting(settings, f"{CHECK}.interval", CHECK_SECONDS)
        failures = count_setting(settings, f"{CHECK}.maxFailures", CHECK_FAILURES)
        meeting = settings.get(MEETING)
        return cls(interval * failures, None if meeting is None else time_setting(settings, MEETING, 0.0))


@dataclass
class _Waiting:
    entry: OpenBatch
    short_since: float | None = None
    """Since when there are too few slots."""


class GangDispatch:
    """The gangs of one application."""

    def __init__(
        self,
        ledger: Ledger,
        send: Callable[[OpenBatch, Sequence[Bundle]], None],
        deliver: Callable[[Replies], None],
        later: Callable[[float, Callable[[], None]], None],
        executors: Callable[[], Mapping[str, int]],
        expected_slots: int,
        limits: GangLimits,
    ) -> None:
        self._ledger = ledger
        self._send = send
        self._deliver = deliver
        self._later = later
        self._executors = executors
        self._expected_slots = expected_slots
        self._limits = limits
        self._meetings = Meetings()
        self._waiting: list[_Waiting] = []
        self._lining_up: OpenBatch | None = None
        self._open: list[OpenBatch] = []
        self._look_is_due = False

    def submit(self, entry: OpenBatch) -> None:
        """Send the batch when its turn has come."""
        self._meetings.open(entry.batch)
        self._open.append(entry)
        self._waiting.append(_Waiting(entry))
        self._waiting.sort(key=lambda each: each.entry.batch.priority)
        self.look()

    def meets(self, message: Meets, executor_id: str) -> None:
        """A task waits for the others of its gang."""
        replies = self._meetings.meets(message, executor_id)
        for task_id, executor in self._meetings.begun_by(replies):
            self._ledger.began(task_id, executor)
        self._deliver(replies)
        meeting, seconds = self._meetings.first_of_round(message.task_id), self._limits.meeting_seconds
        if meeting is not None and seconds is not None:
            limit = seconds
            self._later(limit, lambda: self._deliver(self._meetings.expired(meeting, limit)))
        self.look()

    def ended(self, task_id: int, succeeded: bool) -> None:
        """A task, of a gang or not, has ended."""
        self._deliver(self._meetings.ended(task_id, succeeded))

    def look(self) -> None:
        """See whose turn it is, now and in a moment, as long as there are gangs that have not all begun."""
        self._forget_answered()
        now = time.monotonic()
        for each in list(self._waiting):
            if self._lining_up is None:
                self._place(each, now)
        if (self._waiting or self._lining_up) and not self._look_is_due:
            self._look_is_due = True
            self._later(_LOOK_SECONDS, self._look_again)

    def _look_again(self) -> None:
        self._look_is_due = False
        self.look()

    def _forget_answered(self) -> None:
        for entry in self._open:
            if not entry.unanswered:
                self._meetings.forget(spec.task_id for spec in entry.batch.tasks)
        self._open = [entry for entry in self._open if entry.unanswered]
        self._waiting = [each for each in self._waiting if each.entry.unanswered and not each.entry.cancelled]
        if self._lining_up is not None and self._meetings.is_met(self._lining_up.batch.tasks[0].task_id):
            self._lining_up = None

    def _place(self, waiting: _Waiting, now: float) -> None:
        entry = waiting.entry
        executors = self._executors()
        bundles = place_gang(entry.batch.tasks, executors, self._ledger.load())
        if bundles is not None:
            self._waiting.remove(waiting)
            self._lining_up = entry
            self._send(entry, bundles)
            return
        waiting.short_since = now if waiting.short_since is None else waiting.short_since
        patience = self._limits.slots_seconds
        if len(entry.batch.tasks) <= self._expected_slots:
            patience = max(patience, REPAIR_SECONDS)
        if now - waiting.short_since >= patience:
            self._waiting.remove(waiting)
            self._ledger.refuse(entry, MORE_SLOTS)


def place_gang(tasks: Sequence[TaskSpec], executors: Mapping[str, int], load: Mapping[str, int]) -> list[Bundle] | None:
    """Each task for itself on a slot of its own; None when there are fewer slots than tasks.

    ``executors`` gives the slots of each executor and ``load`` how many of them are in use. A task goes to one that it
    prefers, or to the one with the most free slots.

    >>> tasks = [TaskSpec(i, i, 0) for i in range(3)]
    >>> [bundle.places for bundle in place_gang(tasks, {"a": 2, "b": 2}, {"a": 1})]
    [('b',), ('a',), ('b',)]
    >>> place_gang(tasks, {"a": 2}, {}) is None
    True
    """
    left = dict(executors)
    if sum(left.values()) < len(tasks):
        return None
    bundles = []
    for task in tasks:
        preferred = [executor for executor in task.preferred if left.get(executor, 0)]
        free = [executor for executor, slots in left.items() if slots]
        chosen = preferred[0] if preferred else max(free, key=lambda executor: left[executor] - load.get(executor, 0))
        left[chosen] -= 1
        bundles.append(Bundle((task,), (chosen,), is_pinned=True))
    return bundles
