"""The mutable state of jobs, stages and tasks. Only the state machine changes it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from spark_kernel.core.execution.backend import TaskSucceeded
from spark_kernel.core.scheduler.messages import SubmitJob
from spark_kernel.core.scheduler.planner import StageOutline


@dataclass
class Task:
    """An attempt at a partition that the backend has not answered yet."""

    task_id: int
    stage_id: int
    stage_attempt: int
    partition: int
    attempt: int
    speculative: bool = False
    """It races another attempt that is slow."""
    executor_id: str | None = None
    """Where it runs; None until it was reported to have begun."""
    started: float = 0.0
    """When that was reported, in seconds since the epoch."""
    outrun: bool = False
    """Another attempt at its partition was faster: however it ends, it does not count."""


@dataclass
class Stage:
    """A stage that at least one active job needs or may come to need."""

    stage_id: int
    outline: StageOutline
    job_ids: set[int] = field(default_factory=set)
    attempt: int = -1
    """The last attempt; -1 before the first."""
    is_open: bool = False
    """The last attempt was submitted and has not ended."""
    running: dict[int, Task] = field(default_factory=dict)
    """partition -> its unanswered task, whatever the attempt."""
    copies: dict[int, Task] = field(default_factory=dict)
    """partition -> the second task that races the first (`speculation.py`)."""
    tasks: int = 0
    """Partitions that the last stage attempt began with."""
    durations: list[float] = field(default_factory=list)
    """Seconds that each finished task of the last stage attempt took, ascending."""
    sized: set[int] = field(default_factory=set)
    """Partitions whose result is counted in ``result_bytes``."""
    result_bytes: int = 0
    """Size of the results, serialised."""
    attempts_of: Counter[int] = field(default_factory=Counter)
    """partition -> attempts begun in this stage attempt."""
    failures_of: Counter[int] = field(default_factory=Counter)
    """partition -> attempts that raised."""
    losses_of: Counter[int] = field(default_factory=Counter)
    """partition -> executors lost while they ran it."""
    losses_before_start_of: Counter[int] = field(default_factory=Counter)
    """partition -> executors lost before it began."""
    failed_attempts: int = 0
    """Attempts since the last success that ended early: map outputs were lost, or a task of a barrier stage failed."""
    held: dict[int, tuple[Task, TaskSucceeded]] = field(default_factory=dict)
    """partition -> its success in the attempt of a barrier stage that runs; counts when all are there."""
    needs_lineage: bool = False
    """A cached block was gone when a task read it: from then on tasks get what is behind cached datasets, too."""

    @property
    def shuffle_id(self) -> int | None:
        """The shuffle that it writes, if any."""
        return None if self.outline.shuffle is None else self.outline.shuffle.shuffle_id

    @property
    def map_partitions(self) -> int:
        """Partitions of the dataset that it computes."""
        return self.outline.final.num_partitions

    def leave(self, task: Task) -> None:
        """The task has ended; a copy that is left takes its place."""
        if self.running.get(task.partition) is task:
            del self.running[task.partition]
            if task.partition in self.copies:
                self.running[task.partition] = self.copies.pop(task.partition)
        elif self.copies.get(task.partition) is task:
            del self.copies[task.partition]

    def racing(self, now: float) -> dict[int, float]:
        """Partition -> seconds that its task runs, where it has begun and nothing races it."""
        alone = {partition: task for partition, task in self.running.items() if partition not in self.copies}
        return {partition: now - task.started for partition, task in alone.items() if task.executor_id is not None}


@dataclass
class Job:
    """A job that has not ended."""

    request: SubmitJob
    result_stage_id: int
    stage_ids: tuple[int, ...]
    remaining: set[int]
    """Partitions whose result has not arrived."""

    @property
    def job_id(self) -> int:
        """The id that the runner gave it."""
        return self.request.job_id
