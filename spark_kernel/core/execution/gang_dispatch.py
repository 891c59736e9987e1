"""Sending gangs (barrier stages), whose tasks all begin together or not at all. Runs in the backend's event loop only.

A gang's tasks are sent each to a slot of its own, chosen here, before anything else that waits for that slot. They line
up there until the last one has got its slot (`gang_meetings`): so slots are kept free for a gang while tasks of other
stages end one by one. Two gangs that want the same slot could wait for each other for ever; so a gang is sent when no
other has what it needs, and nothing that is given a place of its own is sent before a gang that waits for that.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from spark_kernel.core.execution.backend import Demand, Executor, TaskSpec
from spark_kernel.core.execution.bundles import Bundle
from spark_kernel.core.execution.demand_dispatch import rooms_of
from spark_kernel.core.execution.demands import Room, concurrent_tasks, suits
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
        executors: Callable[[], Mapping[str, Executor]],
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
        self.waits_for_room = False
        """Whether a gang waits for others to end."""
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
        self.waits_for_room = False
        for each in list(self._waiting):
            if not self.waits_for_room:
                self._place(each, now)
        if self._waiting and not self._look_is_due:
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

    def _place(self, waiting: _Waiting, now: float) -> None:
        executors, batch = self._executors(), waiting.entry.batch
        if concurrent_tasks(batch.demand, executors.values(), len(batch.tasks)) < len(batch.tasks):
            self._refuse_in_time(waiting, now)
            return
        waiting.short_since = None
        rooms = rooms_of(executors, self._ledger.grants())
        rooms = {executor: room for executor, room in rooms.items() if suits(batch.demand, executors[executor])}
        bundles = place_gang(batch.tasks, batch.demand, rooms, self._ledger.load())
        if bundles is None:
            self.waits_for_room = True
            return
        self._waiting.remove(waiting)
        self._send(waiting.entry, bundles)

    def _refuse_in_time(self, waiting: _Waiting, now: float) -> None:
        entry = waiting.entry
        waiting.short_since = now if waiting.short_since is None else waiting.short_since
        patience = self._limits.slots_seconds
        if len(entry.batch.tasks) * entry.batch.demand.cpus <= self._expected_slots:
            patience = max(patience, REPAIR_SECONDS)
        if now - waiting.short_since >= patience:
            self._waiting.remove(waiting)
            self._ledger.refuse(entry, MORE_SLOTS)


def place_gang(
    tasks: Sequence[TaskSpec], demand: Demand, rooms: Mapping[str, Room], load: Mapping[str, int]
) -> list[Bundle] | None:
    """Each task for itself in a place of its own; None when there is not enough room for all. Fills the ``rooms``.

    ``load`` says how much each executor has to do. A task goes to one that it prefers, or to the one that has least.

    >>> tasks = [TaskSpec(i, i, 0) for i in range(3)]
    >>> rooms = {name: Room(Executor(name, "here", 2, 0)) for name in "ab"}
    >>> [bundle.places for bundle in place_gang(tasks, Demand(), rooms, {"a": 1})]
    [('b',), ('a',), ('b',)]
    >>> place_gang(tasks, Demand(), rooms, {}) is None
    True
    """
    bundles = []
    for task in tasks:
        order = sorted(rooms, key=lambda each: (each not in task.preferred, load.get(each, 0) - rooms[each].cpus))
        found = next(((each, grant) for each in order if (grant := rooms[each].grant_for(demand)) is not None), None)
        if found is None:
            return None
        rooms[found[0]].take(found[1])
        bundles.append(Bundle((task,), (found[0],), found[1]))
    return bundles
