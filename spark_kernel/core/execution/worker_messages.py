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


WorkerMessage = Began | GivenBack | Dropped | Outcome


def topic_of(app_id: str) -> str:
    """The Dask topic on which the executors of an application and its driver meet."""
    return f"spark-kernel-{app_id}"
