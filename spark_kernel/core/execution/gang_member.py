"""A task of a gang (a barrier stage) on its executor: how it waits for the others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from pyspark.errors import PySparkRuntimeError

from spark_kernel.core.execution.gang_meetings import Reply
from spark_kernel.core.execution.running_tasks import RunningTask
from spark_kernel.core.execution.worker_messages import LINE_UP, Meets

Send = Callable[[Meets], None]


class GangMembers:
    """The gang tasks that run on one executor. ``send`` brings a message to the driver at once."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._members: dict[int, GangMember] = {}

    def join(self, running: RunningTask, address: str) -> GangMember:
        """The task is ready; returns when all of its gang are. To be followed by `leave`, whatever happens.

        Raises TaskInterrupted when the task is cancelled meanwhile.
        """
        member = self._members[running.task_id] = GangMember(running, self._send)
        running.on_cancel(member.wake)
        member.line_up(address)
        return member

    def leave(self, task_id: int) -> None:
        """The task has ended."""
        self._members.pop(task_id, None)

    def deliver(self, replies: Sequence[Reply]) -> None:
        """The driver's answers. From any thread."""
        for reply in replies:
            member = self._members.get(reply.task_id)
            if member is not None:
                member.take(reply)


class GangMember:
    """One task, as its user code sees its gang."""

    def __init__(self, running: RunningTask, send: Send) -> None:
        self._running = running
        self._send = send
        self._changed = threading.Condition()
        self._replies: dict[int, Reply] = {}
        self._round = LINE_UP
        self._turn = threading.Lock()
        self.addresses: tuple[str, ...] = ()
        """Where the tasks of the gang run, by partition."""

    def line_up(self, address: str) -> None:
        """Wait for all tasks of the gang to be ready; ``address`` is this one's."""
        self.addresses = self.meet("start", address)

    def meet(self, kind: str, message: str) -> tuple[str, ...]:
        """Wait for all tasks of the gang to make the same call; what they said, by partition.

        Raises PySparkRuntimeError when they can't: another one made a different call, has ended, or did not come in
        time; TaskInterrupted when the task is cancelled meanwhile.
        """
        with self._turn:
            self._send(Meets(self._running.task_id, self._round, kind, message))
            reply = self._await_reply()
            if reply.error:
                raise PySparkRuntimeError(reply.error)
            self._round += 1
            return reply.values

    def take(self, reply: Reply) -> None:
        """The driver has answered. From any thread."""
        with self._changed:
            self._replies[reply.round] = reply
            self._changed.notify_all()

    def wake(self) -> None:
        """The task is cancelled: nobody has to wait. From any thread."""
        with self._changed:
            self._changed.notify_all()

    def _await_reply(self) -> Reply:
        with self._changed:
            self._changed.wait_for(lambda: self._running.cancelled or self._round in self._replies)
            self._running.check()
            return self._replies.pop(self._round)
