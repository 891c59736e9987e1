"""Running what a task does under a profiler of PySpark's kind.

`core/context/profiles.py` gives a job's function and the shuffles before it their profilers; what these find returns
to the driver in their accumulators.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

_LOOK_SECONDS = 0.2

# Python's profilers see all threads of a process, so two tasks that share one would be in each other's profiles.
_profiling = threading.Lock()


class Profiler(Protocol):
    """What is asked of a `pyspark.profiler.Profiler` in a task."""

    def profile(self, func: Callable[..., Any], *args: Any) -> Any:
        """The result of ``func``; takes note of where the time went."""


@dataclass(frozen=True)
class Profiled:
    """A function that runs under a profiler, one in a process at a time."""

    profiler: Profiler
    function: Callable[..., Any]

    def __call__(self, *args: Any) -> Any:
        # A cancelled task is interrupted between two looks; nothing can interrupt a wait for a lock.
        while not _profiling.acquire(timeout=_LOOK_SECONDS):
            pass
        try:
            return self.profiler.profile(self.function, *args)
        finally:
            _profiling.release()
