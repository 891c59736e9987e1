"""What an executor tells the driver while it works on bundles, besides how each task ended (`outcomes.py`)."""

from __future__ import annotations

from dataclasses import dataclass

from spark_kernel.core.cache.stored_blocks import StoredBlock
from spark_kernel.core.execution.outcomes import Outcome


@dataclass(frozen=True)
class Began:
    """The task began to run."""

    task_id: int


@dataclass(frozen=True)
class GivenBack:
    """These tasks of a bundle have not begun, and will not."""

    task_ids: tuple[int, ...]


@dataclass(frozen=True)
class Dropped:
    """A block left memory to make room."""

    block: StoredBlock


@dataclass(frozen=True)
class Copied:
    """A block was fetched from another executor, to be kept here too; of no bytes when that did not work."""

    block: StoredBlock


LINE_UP = 0
"""The number of a gang's first meeting, in which its tasks say that they are ready; the rest are the user's calls."""


@dataclass(frozen=True)
class Meets:
    """A task of a gang waits for the others (`gang_meetings`)."""

    task_id: int
    round: int
    """How many meetings it has behind it."""
    kind: str
    """The call: all tasks must make the same."""
    message: str
    """What the others get to know."""


WorkerMessage = Began | GivenBack | Dropped | Meets | Copied | Outcome


def topic_of(app_id: str) -> str:
    """The Dask topic on which the executors of an application and its driver meet."""
    return f"spark-kernel-{app_id}"
