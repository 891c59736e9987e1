"""What the engine announces. The screen, the event log, the status tracker and the tests listen.

An event is a frozen fact that has already happened. Times are seconds since the epoch on the driver's clock;
durations are seconds measured on the machine that did the work; sizes are bytes. Events carry no user data
and no live objects, so that each can be written as one line of JSON (`event_json.py`) and read back elsewhere.

The order for one job: JobSubmitted, then per stage that is not skipped StageSubmitted, TaskStarted and TaskEnded
for each attempt, StageEnded (a stage attempt may fail and a later attempt follow), then JobEnded.
A run encloses the jobs that one execution of a cell caused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from spark_kernel.common.call_sites import CallSite

Outcome = Literal["succeeded", "failed", "cancelled", "planned"]
TaskOutcome = Literal["succeeded", "failed", "cancelled", "fetch_failed", "executor_lost"]
StageKind = Literal["shuffle_map", "result"]
EdgeKind = Literal["narrow", "shuffle"]


@dataclass(frozen=True)
class Event:
    """Something that happened."""

    time: float
    """Seconds since the epoch, driver's clock."""


@dataclass(frozen=True)
class NodeInfo:
    """One dataset of the lineage graph, as a picture needs it."""

    node_id: int
    """Unique in the application."""
    operation: str
    """The API method that made it, such as ``reduceByKey``."""
    call_site: CallSite
    """The user's line that made it."""
    partitions: int
    """Number of partitions."""
    name: str | None = None
    """The variable it was assigned to, or the name given by ``setName``."""
    storage_level: str | None = None
    """``Memory Serialized 1x Replicated`` and the like, when it is persisted."""
    cached_partitions: int = 0
    """How many partitions were in the cache when the job was submitted."""
    estimated_bytes: int | None = None
    """Input size where the source knows it (files); bytes."""


@dataclass(frozen=True)
class EdgeInfo:
    """One dependency of the lineage graph, drawn from parent to child."""

    parent: int
    """node_id of the dataset that is read."""
    child: int
    """node_id of the dataset that reads it."""
    kind: EdgeKind
    """Narrow, or a shuffle, which separates two stages."""
    shuffle_id: int | None = None
    """The shuffle's id when it is one."""


@dataclass(frozen=True)
class StageInfo:
    """One stage of a job."""

    stage_id: int
    """Unique in the application; parents have lower ids than their children."""
    kind: StageKind
    """Whether its tasks write shuffle files or deliver results."""
    name: str
    """The operation and the user's line of its last dataset."""
    node_ids: tuple[int, ...]
    """The datasets that its tasks compute, parents first."""
    parents: tuple[int, ...]
    """stage_ids whose output it reads."""
    tasks: int
    """Number of partitions it has to compute; all of them, also when some are already there."""
    skipped: bool = False
    """Nothing runs: its output is already shuffled, or hidden behind a cached dataset."""
    barrier: bool = False
    """Its tasks run all at the same time, and all again when one of them fails."""


@dataclass(frozen=True)
class JobGraph:
    """The lineage of a job, cut into stages."""

    nodes: tuple[NodeInfo, ...]
    """Every dataset, parents first."""
    edges: tuple[EdgeInfo, ...]
    """Every dependency between those datasets."""
    stages: tuple[StageInfo, ...]
    """Every stage, parents first, skipped ones included."""


@dataclass(frozen=True)
class TaskMetrics:
    """What one task attempt did; zeros where it did nothing of the kind."""

    run_seconds: float = 0.0
    """Wall time in the task on the executor."""
    records_read: int = 0
    """Records that came from storage or from the driver."""
    bytes_read: int = 0
    """Bytes that came from storage, after any decompression is *not* counted: what the storage delivered."""
    shuffle_records_read: int = 0
    """Records read from shuffle files."""
    shuffle_local_bytes_read: int = 0
    """Bytes of shuffle blocks mapped from files of the same node."""
    shuffle_remote_bytes_read: int = 0
    """Bytes of shuffle blocks fetched from other nodes."""
    shuffle_records_written: int = 0
    """Records written to this task's shuffle file."""
    shuffle_bytes_written: int = 0
    """Size of this task's shuffle file."""
    spilled_bytes: int = 0
    """Bytes that combine or sort moved to disk because memory ran short."""
    records_written: int = 0
    """Records written to an output on storage."""
    bytes_written: int = 0
    """Bytes written to an output on storage, as stored."""
    result_bytes: int = 0
    """Size of the serialised result sent to the driver."""
    peak_memory_bytes: int = 0
    """Highest resident size of the executor process seen by the end of the task."""


@dataclass(frozen=True)
class ApplicationStarted(Event):
    """A context exists; its cluster may still be starting."""

    app_id: str
    name: str
    master: str


@dataclass(frozen=True)
class ApplicationEnded(Event):
    """The context was stopped."""

    app_id: str


@dataclass(frozen=True)
class ExecutorAdded(Event):
    """A worker joined."""

    executor_id: str
    host: str
    cores: int
    """Tasks that it runs at once."""
    memory_bytes: int
    """Its memory limit; 0 when it has none."""


@dataclass(frozen=True)
class ExecutorRemoved(Event):
    """A worker left: stopped, crashed or unreachable."""

    executor_id: str
    reason: str


@dataclass(frozen=True)
class RunStarted(Event):
    """A cell began to execute."""

    run_id: str
    title: str
    """``--name`` of the cell, or "cell [3]"."""
    cell: int | None
    """Execution count."""


@dataclass(frozen=True)
class RunEnded(Event):
    """A cell came to its end."""

    run_id: str
    outcome: Outcome
    message: str = ""
    """One line for a person, when it did not succeed."""


@dataclass(frozen=True)
class JobSubmitted(Event):
    """An action asked for a job. The stages are planned; nothing has run."""

    job_id: int
    run_id: str | None
    """The cell that asked, or None outside a cell."""
    call_site: CallSite
    """The action and the user's line."""
    graph: JobGraph
    group: str | None = None
    """``setJobGroup``."""
    description: str | None = None
    """``setJobDescription``."""


@dataclass(frozen=True)
class StagesAdded(Event):
    """A job needs stages that it did not list: their output was there when it was planned, and is lost."""

    job_id: int
    graph: JobGraph
    """Those stages."""


@dataclass(frozen=True)
class JobEnded(Event):
    """A job has its result, or never will."""

    job_id: int
    outcome: Outcome
    message: str = ""
    """One line for a person, when it did not succeed."""


@dataclass(frozen=True)
class StageSubmitted(Event):
    """One attempt of a stage was handed to the cluster."""

    stage_id: int
    attempt: int
    """From 0; more than 0 after lost map outputs, and after a failed task of a barrier stage."""
    tasks: int
    """Tasks of this attempt: only the partitions that were missing."""


@dataclass(frozen=True)
class StageEnded(Event):
    """One attempt of a stage is over."""

    stage_id: int
    attempt: int
    outcome: Outcome
    message: str = ""
    """Why it failed or was cancelled."""
    will_retry: bool = False
    """Another attempt follows, as after a fetch failure or in a barrier stage."""


@dataclass(frozen=True)
class TaskStarted(Event):
    """A task attempt began on an executor."""

    task_id: int
    stage_id: int
    stage_attempt: int
    partition: int
    attempt: int
    """From 0; counts the attempts at this partition in this stage attempt."""
    executor_id: str
    speculative: bool = False
    """It races another attempt at the same partition that is slow; whichever ends first counts."""


@dataclass(frozen=True)
class TaskEnded(Event):
    """A task attempt is over."""

    task_id: int
    stage_id: int
    stage_attempt: int
    partition: int
    attempt: int
    executor_id: str
    outcome: TaskOutcome
    metrics: TaskMetrics = field(default_factory=TaskMetrics)
    message: str = ""
    """The error's first line, when it did not succeed."""


@dataclass(frozen=True)
class BlockUpdated(Event):
    """A partition of a persisted dataset was stored, moved to disk, or dropped."""

    node_id: int
    partition: int
    executor_id: str
    memory_bytes: int
    """What it holds in memory now; 0 when it holds none."""
    disk_bytes: int
    """What it holds on disk now; 0 when it holds none."""


@dataclass(frozen=True)
class Unpersisted(Event):
    """A dataset's blocks were removed everywhere."""

    node_id: int


@dataclass(frozen=True)
class DatasetNamed(Event):
    """A dataset got a name after a job may already have drawn it."""

    node_id: int
    name: str


@dataclass(frozen=True)
class BroadcastCreated(Event):
    """A value was made available to every executor."""

    broadcast_id: int
    bytes: int
    """Size of the serialised value."""
