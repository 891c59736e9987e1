"""What goes into the state machine and what comes out of it.

In: the requests below and the backend's reports (`core/execution/backend.py`). Out: instructions, to be carried out
in order by the job runner.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from spark_kernel.common.call_sites import CallSite
from spark_kernel.common.errors import JobError
from spark_kernel.common.events import Event
from spark_kernel.core.execution.backend import Report
from spark_kernel.core.lineage.node import Node
from spark_kernel.core.lineage.storage_levels import StorageLevel
from spark_kernel.core.scheduler.planner import StageOutline


@dataclass(frozen=True)
class JobLabels:
    """What the submitting thread said about the job."""

    run_id: str | None = None
    """The cell that caused it."""
    group: str | None = None
    description: str | None = None
    tags: frozenset[str] = frozenset()
    properties: Mapping[str, str] = field(default_factory=dict)
    """Local properties; tasks can read them."""


@dataclass(frozen=True)
class SubmitJob:
    """An action asks for some partitions of a dataset."""

    job_id: int
    final: Node
    partitions: tuple[int, ...]
    """Each once."""
    call_site: CallSite
    labels: JobLabels


@dataclass(frozen=True)
class CancelJob:
    """Somebody wants the job to end."""

    job_id: int
    reason: str


@dataclass(frozen=True)
class FailStage:
    """The stage can't be handed to the backend: its program can't be built."""

    stage_id: int
    error: Exception


@dataclass(frozen=True)
class Unpersist:
    """A dataset is not persisted any more."""

    node_id: int


@dataclass(frozen=True)
class ForgetShuffle:
    """Nothing refers to a shuffle any more."""

    shuffle_id: int


@dataclass(frozen=True)
class LookForStragglers:
    """Time to look whether some tasks are slow."""


Stimulus = SubmitJob | LookForStragglers | CancelJob | FailStage | Unpersist | ForgetShuffle | Report


@dataclass(frozen=True)
class TaskToRun:
    """One attempt at one partition."""

    task_id: int
    partition: int
    attempt: int
    avoid: str | None = None
    """The executor of the slow attempt that this one races."""


@dataclass(frozen=True)
class SubmitTasks:
    """Hand these tasks of a stage attempt to the backend."""

    stage_id: int
    stage_attempt: int
    outline: StageOutline
    job_id: int
    """The first of the jobs that need the stage; its place in the queue is the tasks' place."""
    properties: Mapping[str, str]
    tasks: tuple[TaskToRun, ...]
    needs_lineage: bool = False
    """Whether the tasks need what is behind cached datasets, too."""


@dataclass(frozen=True)
class CancelTasks:
    """Stop what still runs of a stage attempt."""

    stage_id: int
    stage_attempt: int


@dataclass(frozen=True)
class KillTasks:
    """Stop these tasks: what they compute is there already."""

    task_ids: tuple[int, ...]


@dataclass(frozen=True)
class DeliverResult:
    """A partition's result has arrived."""

    job_id: int
    partition: int
    value: Any


@dataclass(frozen=True)
class MergeAccumulators:
    """A task counted for the first time; its updates count, too."""

    updates: Mapping[int, Any]


@dataclass(frozen=True)
class DropBlocks:
    """A task stored blocks of a dataset that is not persisted any more."""

    node_id: int


@dataclass(frozen=True)
class CopyBlock:
    """Have ``target`` fetch a cached block from ``holder``, to keep a copy as ``level`` says."""

    node_id: int
    partition: int
    level: StorageLevel
    holder: str
    target: str


@dataclass(frozen=True)
class FinishJob:
    """The job is over: with all its results when ``error`` is None."""

    job_id: int
    error: JobError | None = None


@dataclass(frozen=True)
class Announce:
    """Tell the listeners."""

    event: Event


Instruction = (
    SubmitTasks
    | CancelTasks
    | KillTasks
    | DeliverResult
    | MergeAccumulators
    | DropBlocks
    | CopyBlock
    | FinishJob
    | Announce
)
