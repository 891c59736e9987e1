"""Resource profiles for tests, and a step that notes how many of its like run at once."""

from __future__ import annotations

import os
import time
from pathlib import Path

from pyspark import TaskContext
from pyspark.resource import ResourceProfile, ResourceProfileBuilder


def profile(*requests) -> ResourceProfile:
    """The profile that these requests make."""
    builder = ResourceProfileBuilder()
    for request in requests:
        builder.require(request)
    return builder.build


def most_at_once(folder: Path, hold: float = 0.05):
    """A step that notes how many of its tasks run in the same process at once."""

    def step(records):
        mine = folder / f"{os.getpid()}-{TaskContext.get().taskAttemptId()}"
        mine.touch()
        time.sleep(hold)
        at_once = len(list(folder.glob(f"{os.getpid()}-*")))
        mine.unlink()
        return [(os.getpid(), at_once, TaskContext.get().cpus())]

    return step
