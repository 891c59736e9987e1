"""Where the tasks of a gang (a barrier stage) meet: on the driver, by messages. Pure: messages in, replies out.

Each task says in rounds that it is there: first when it is ready to begin, then with each ``barrier()`` or
``allGather()`` of the user. When all have come, each gets what all have said, in the order of their partitions. The
words for what goes wrong are those of Spark's ``BarrierCoordinator``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from spark_kernel.core.execution.backend import TaskBatch
from spark_kernel.core.execution.running_tasks import StageAttempt
from spark_kernel.core.execution.worker_messages import LINE_UP, Meets

Round = tuple[StageAttempt, int]
"""A gang, and the number of one of its meetings."""


@dataclass(frozen=True)
class Reply:
    """What a waiting task is told."""

    task_id: int
    round: int
    values: tuple[str, ...] = ()
    """What each task said, by partition."""
    error: str = ""
    """Why they can't meet; empty when they have."""


Replies = Mapping[str, Sequence[Reply]]
"""executor_id -> what its tasks are told."""


@dataclass
class _Gang:
    stage: StageAttempt
    partitions: Mapping[int, int]
    """task_id -> partition."""
    executors: dict[int, str] = field(default_factory=dict)
    """task_id -> where it runs, once it has said so."""
    waiting: dict[int, Meets] = field(default_factory=dict)
    round: int = 0
    left: set[int] = field(default_factory=set)
    """Partitions whose task has ended."""

    @property
    def name(self) -> str:
        return f"Stage {self.stage[0]} (Attempt {self.stage[1]})"

    @property
    def epoch(self) -> int:
        """Spark counts the calls of the user only."""
        return self.round - 1


class Meetings:
    """The gangs of one application that have not ended."""

    def __init__(self) -> None:
        self._gangs: dict[int, _Gang] = {}

    def open(self, batch: TaskBatch) -> None:
        """The batch is a gang."""
        gang = _Gang((batch.stage_id, batch.stage_attempt), {spec.task_id: spec.partition for spec in batch.tasks})
        self._gangs.update(dict.fromkeys(gang.partitions, gang))

    def meets(self, message: Meets, executor_id: str) -> Replies:
        """A task is there; the replies that this causes, to all tasks or to none."""
        gang = self._gangs.get(message.task_id)
        if gang is None or message.round != gang.round:
            # Of an attempt that is over; whoever ended it has cancelled the task.
            return {}
        gang.executors[message.task_id] = executor_id
        gang.waiting[message.task_id] = message
        if gang.left:
            return self._miss(gang)
        kinds = list(dict.fromkeys(each.kind for each in gang.waiting.values()))
        if len(kinds) > 1:
            return self._refuse(
                gang,
                f"Different barrier sync types found for the sync {gang.name}: {', '.join(kinds)}. "
                "Please use the same barrier sync type within a single sync.",
            )
        if len(gang.waiting) < len(gang.partitions):
            return {}
        said = sorted(gang.waiting.values(), key=lambda each: gang.partitions[each.task_id])
        return self._answer(gang, values=tuple(each.message for each in said))

    def begun_by(self, replies: Replies) -> list[tuple[int, str]]:
        """The tasks, and their executors, that begin with these replies."""
        return [
            (reply.task_id, executor)
            for executor, said in replies.items()
            for reply in said
            if reply.round == LINE_UP and not reply.error
        ]

    def first_of_round(self, task_id: int) -> Round | None:
        """The meeting that the task has opened by being the first; None when it was not the first, or none waits."""
        gang = self._gangs.get(task_id)
        if gang is None or list(gang.waiting) != [task_id] or gang.round == LINE_UP:
            return None
        return gang.stage, gang.round

    def expired(self, meeting: Round, seconds: float) -> Replies:
        """The time for the meeting, ``seconds``, is up."""
        for gang in self._gangs.values():
            if (gang.stage, gang.round) == meeting and gang.waiting:
                return self._refuse(
                    gang,
                    f"The coordinator didn't get all barrier sync requests for barrier epoch {gang.epoch} from "
                    f"{gang.name} within {seconds:.0f} second(s).",
                )
        return {}

    def ended(self, task_id: int, succeeded: bool) -> Replies:
        """The task will not come any more. One that failed takes its gang with it, by way of the scheduler."""
        gang = self._gangs.pop(task_id, None)
        if gang is None or not succeeded:
            return {}
        gang.left.add(gang.partitions[task_id])
        return self._miss(gang) if gang.waiting else {}

    def forget(self, task_ids: Iterable[int]) -> None:
        """The tasks were answered without having ended: they were cancelled or lost."""
        for task_id in task_ids:
            self._gangs.pop(task_id, None)

    def _miss(self, gang: _Gang) -> Replies:
        return self._refuse(
            gang,
            f"The coordinator can't get all barrier sync requests for barrier epoch {gang.epoch} from {gang.name}: "
            f"the task of partition {min(gang.left)} has ended without one. In a barrier stage each task must have the "
            "same number of barrier() and allGather() calls, in all possible code branches.",
        )

    def _refuse(self, gang: _Gang, error: str) -> Replies:
        return self._answer(gang, error=error)

    def _answer(self, gang: _Gang, values: tuple[str, ...] = (), error: str = "") -> Replies:
        replies: dict[str, list[Reply]] = {}
        for task_id in gang.waiting:
            replies.setdefault(gang.executors[task_id], []).append(Reply(task_id, gang.round, values, error))
        gang.waiting.clear()
        if not error:
            gang.round += 1
        return replies
