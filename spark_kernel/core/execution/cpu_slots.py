"""The CPUs of one executor, shared by the tasks that run there.

As long as each task takes one, there are as many as the executor has threads, and nobody waits.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class CpuSlots:
    """``total`` CPUs, given in the order in which they were asked for."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._free = total
        self._changed = threading.Condition()
        self._queue: deque[object] = deque()

    @contextmanager
    def taken(self, count: int, first: bool = False) -> Iterator[None]:
        """Have ``count`` CPUs, or all if there are no more; waits until they are free.

        ``first`` is for those for whom others wait who have theirs already: they don't stand in line.

        >>> slots = CpuSlots(4)
        >>> with slots.taken(3), slots.taken(1):
        ...     slots.free
        0
        >>> slots.free
        4
        """
        count = min(count, self._total)
        ticket = object()
        with self._changed:
            if first:
                self._queue.appendleft(ticket)
            else:
                self._queue.append(ticket)
            try:
                self._changed.wait_for(lambda: self._free >= count and (first or self._queue[0] is ticket))
                self._free -= count
            finally:
                self._queue.remove(ticket)
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._free += count
                self._changed.notify_all()

    @property
    def free(self) -> int:
        """How many nobody has."""
        return self._free
