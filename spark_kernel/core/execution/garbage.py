"""How often Python looks for garbage cycles while tasks run.

A shuffle makes millions of tuples and lists that live as long as the task. Looking through them after every 700, which
is what Python does unless told otherwise, took up to a third of the time of a join.
"""

from __future__ import annotations

import gc
from threading import Lock
from types import TracebackType

_SELDOM = (10_000, 10, 10)


class SeldomCollected:
    """While it is entered, by any number of threads, Python collects less often; afterwards as before.

    >>> before, seldom = gc.get_threshold(), SeldomCollected()
    >>> gc.set_threshold(700, 10, 10)
    >>> with seldom, seldom:
    ...     gc.get_threshold()
    (10000, 10, 10)
    >>> gc.get_threshold()
    (700, 10, 10)
    >>> gc.set_threshold(*before)
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._entered = 0
        self._before = (0, 0, 0)

    def __enter__(self) -> None:
        with self._lock:
            self._entered += 1
            if self._entered == 1:
                self._before = gc.get_threshold()
                # Zero is never, and more than ours is somebody's wish.
                if 0 < self._before[0] < _SELDOM[0]:
                    gc.set_threshold(*_SELDOM)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._lock:
            self._entered -= 1
            # Unless the user's code set another.
            if self._entered == 0 and gc.get_threshold()[:2] == _SELDOM[:2]:
                gc.set_threshold(*self._before)


WHILE_TASKS_RUN = SeldomCollected()
"""For all executors of this process: the thresholds are the process's."""
