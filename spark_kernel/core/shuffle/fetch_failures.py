"""What a reader says when it can't get a shuffle block. Execution turns it into a report for the scheduler."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from spark_kernel.common.errors import SparkKernelError
from spark_kernel.core.shuffle.map_outputs import NodePlace

_noted: ContextVar[list[FetchFailedError] | None] = ContextVar("spark_kernel_fetch_failures", default=None)


@contextmanager
def note_fetch_failures() -> Iterator[list[FetchFailedError]]:
    """A list that fills with the failures made in this context while it is open.

    A user's function that reads through a shuffle may catch the error and go on without the missing records; the task
    must fail all the same.
    """
    failures: list[FetchFailedError] = []
    token = _noted.set(failures)
    try:
        yield failures
    finally:
        _noted.reset(token)


class FetchFailedError(SparkKernelError):
    """A shuffle block is missing, damaged, or on a machine that doesn't answer: its map task has to run again.

    Not for users: the scheduler recomputes what is lost. Survives pickling with all its fields.

    >>> place = NodePlace("node1", "m1", ("tcp://10.0.0.1:4000",))
    >>> print(FetchFailedError(3, 7, place, "the file is gone"))
    shuffle 3, map partition 7 on node1: the file is gone
    """

    def __init__(
        self, shuffle_id: int, map_partition: int, place: NodePlace, message: str, machine_lost: bool = False
    ) -> None:
        super().__init__(f"shuffle {shuffle_id}, map partition {map_partition} on {place.host}: {message}")
        self.shuffle_id = shuffle_id
        self.map_partition = map_partition
        self.place = place
        self.message = message
        self.machine_lost = machine_lost
        """Nothing of that machine can be read, not only this one block."""
        noted = _noted.get()
        if noted is not None:
            noted.append(self)

    def __reduce__(self) -> tuple[type[FetchFailedError], tuple[int, int, NodePlace, str, bool]]:
        return type(self), (self.shuffle_id, self.map_partition, self.place, self.message, self.machine_lost)
