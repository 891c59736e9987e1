"""The JSON of a run card: what `model.RunModel` hands out and every picture of a run is made from.

It is saved in notebooks under the mime type `MIME` and read by the JupyterLab renderer, so fields may be added but
not renamed. Times are seconds since the epoch on the driver's clock, durations are seconds, sizes are bytes.
"""

from __future__ import annotations

from typing import Literal, TypedDict

MIME = "application/vnd.spark-kernel.run.v1+json"

RunOutcome = Literal["running", "succeeded", "failed", "cancelled", "planned"]
StageState = Literal["waiting", "running", "succeeded", "failed", "cancelled", "skipped", "planned"]

STAGE_STATES: tuple[StageState, ...] = (
    "waiting",
    "running",
    "succeeded",
    "failed",
    "cancelled",
    "skipped",
    "planned",
)


class TasksJson(TypedDict):
    """How far a stage is; ``waiting + running + succeeded + failed == total``."""

    total: int
    """Partitions that the stage computes."""
    waiting: int
    running: int
    succeeded: int
    """Partitions computed, those among them that were already there before."""
    failed: int
    """Partitions whose latest attempt failed and was not repeated so far."""
    retried: int
    """Task attempts beyond the first one at a partition."""


class TaskSecondsJson(TypedDict):
    """How long the successful tasks of a stage took on their executors."""

    min: float
    median: float
    max: float


class StageJson(TypedDict):
    stage_id: int
    kind: str
    """``shuffle_map`` or ``result``."""
    name: str
    state: StageState
    attempt: int
    """The latest attempt, from 0."""
    barrier: bool
    """Its tasks run all at the same time, and all again when one of them fails."""
    tasks: TasksJson
    parents: list[int]
    """stage_ids whose output it reads."""
    node_ids: list[int]
    """Datasets that its tasks compute, parents first."""
    metrics: dict[str, float]
    """Fields of TaskMetrics over all attempts: summed, ``peak_memory_bytes`` the highest."""
    started: float | None
    ended: float | None
    message: str
    """Why it failed, was cancelled, or will be tried again."""
    task_seconds: TaskSecondsJson | None
    """None while no task has succeeded."""


class JobJson(TypedDict):
    job_id: int
    name: str
    """The job's description, or the action that asked for it."""
    place: str
    """``cell [3], line 2`` or ``etl.py:12``."""
    outcome: RunOutcome
    message: str
    stages: list[int]
    started: float | None
    ended: float | None


class NodeJson(TypedDict):
    node_id: int
    operation: str
    name: str | None
    """The variable that holds the dataset."""
    place: str
    cell: int | None
    line: int
    partitions: int
    storage_level: str | None
    cached_partitions: int
    estimated_bytes: int | None
    stage_ids: list[int]
    """Every stage of this run that computes it."""


class EdgeJson(TypedDict):
    parent: int
    child: int
    kind: str
    """``narrow`` or ``shuffle``."""
    shuffle_id: int | None


class RunJson(TypedDict):
    """One run: everything a picture of it needs."""

    version: int
    run_id: str
    title: str
    cell: int | None
    outcome: RunOutcome
    message: str
    started: float | None
    ended: float | None
    jobs: list[JobJson]
    stages: list[StageJson]
    nodes: list[NodeJson]
    edges: list[EdgeJson]


class BoxJson(TypedDict):
    """One box of the picture: the element ``<run dom id>-stage<stage_id>`` of the SVG."""

    stage_id: int
    """The stage that gives the box its id."""
    stage_ids: list[int]
    """Every stage that it stands for; several when a dataset was computed or reused more than once."""


class CardJson(RunJson):
    """What is saved under `MIME`: the run, and its picture."""

    svg: str | None
    """The picture, or None when the run is too large for one."""
    boxes: list[BoxJson]
    """What the picture's boxes stand for; empty without a picture."""
    left_out: list[str]
    """Sentences for a person: what this card does not show because the run is large."""
