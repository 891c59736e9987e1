"""What runs and what ran, as ``sc.statusTracker()`` tells it. Folded from the events; forgets old jobs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from spark_kernel.common import events
from spark_kernel.common.call_sites import CallSite
from spark_kernel.common.events import Event
from spark_kernel.core.execution.backend import Executor

_STATUS = {"succeeded": "SUCCEEDED", "failed": "FAILED", "cancelled": "FAILED", "planned": "SUCCEEDED"}


class SparkJobInfo(NamedTuple):
    """One job."""

    jobId: int
    stageIds: list[int]
    status: str
    """RUNNING, SUCCEEDED or FAILED."""


class SparkStageInfo(NamedTuple):
    """One stage, as its latest attempt is."""

    stageId: int
    currentAttemptId: int
    name: str
    numTasks: int
    numActiveTasks: int
    numCompletedTasks: int
    numFailedTasks: int


class SparkExecutorInfo(NamedTuple):
    """One executor; memory in bytes."""

    host: str
    port: int
    cacheSize: int
    numRunningTasks: int
    usedOnHeapStorageMemory: int
    usedOffHeapStorageMemory: int
    totalOnHeapStorageMemory: int
    totalOffHeapStorageMemory: int


@dataclass
class _Job:
    group: str | None
    stage_ids: list[int]
    outcome: str | None = None


@dataclass
class _Stage:
    name: str
    tasks: int
    attempt: int = 0
    is_active: bool = False
    running: set[int] = field(default_factory=set)
    completed: int = 0
    failed: int = 0


def _stage_names(graph: events.JobGraph, action: CallSite | None) -> dict[int, str]:
    """stage_id -> Spark's name for it: what asked for the shuffle that it writes, or for its results."""
    made_by = {node.node_id: node.call_site for node in graph.nodes}
    asked_by = {edge.parent: made_by[edge.child] for edge in graph.edges if edge.kind == "shuffle"}
    names = {}
    for stage in graph.stages:
        shuffles = [asked_by[node_id] for node_id in stage.node_ids if node_id in asked_by]
        sites = [action] if stage.kind == "result" else shuffles
        names[stage.stage_id] = str(sites[-1]) if sites and sites[-1] is not None else stage.name
    return names


class StatusLedger:
    """A listener that remembers jobs, stages and which executor does what."""

    def __init__(self, jobs: int = 1000, stages: int = 1000) -> None:
        """``jobs`` and ``stages`` is how many are remembered."""
        self._most_jobs, self._most_stages = jobs, stages
        self._lock = threading.Lock()
        self._jobs: dict[int, _Job] = {}
        self._stages: dict[int, _Stage] = {}
        self._running_on: dict[int, str] = {}
        self._cached: dict[str, dict[tuple[int, int], int]] = {}
        self._heard: dict[type[Event], Callable[[Any], None]] = {
            events.JobSubmitted: self._job_submitted,
            events.StagesAdded: self._stages_added,
            events.JobEnded: self._job_ended,
            events.StageSubmitted: self._stage_submitted,
            events.StageEnded: self._stage_ended,
            events.TaskStarted: self._task_started,
            events.TaskEnded: self._task_ended,
            events.BlockUpdated: self._block_updated,
            events.Unpersisted: self._unpersisted,
            events.ExecutorRemoved: self._executor_removed,
        }

    def __call__(self, event: Event) -> None:
        """Take note of an event."""
        hear = self._heard.get(type(event))
        if hear is not None:
            with self._lock:
                hear(event)

    def job_ids(self, group: str | None) -> list[int]:
        """Known jobs of a group; with None, those without one."""
        with self._lock:
            return [job_id for job_id, job in self._jobs.items() if job.group == group]

    def active_job_ids(self) -> list[int]:
        """Jobs that have not ended."""
        with self._lock:
            return sorted(job_id for job_id, job in self._jobs.items() if job.outcome is None)

    def active_stage_ids(self) -> list[int]:
        """Stages whose tasks run."""
        with self._lock:
            return sorted(stage_id for stage_id, stage in self._stages.items() if stage.is_active)

    def job(self, job_id: int) -> SparkJobInfo | None:
        """One job, or None when it is not known (any more)."""
        with self._lock:
            job = self._jobs.get(job_id)
            if job is None:
                return None
            return SparkJobInfo(job_id, list(job.stage_ids), _STATUS.get(job.outcome or "", "RUNNING"))

    def stage(self, stage_id: int) -> SparkStageInfo | None:
        """One stage, or None when it is not known (any more)."""
        with self._lock:
            stage = self._stages.get(stage_id)
            if stage is None:
                return None
            counts = (stage.tasks, len(stage.running), stage.completed, stage.failed)
            return SparkStageInfo(stage_id, stage.attempt, stage.name, *counts)

    def executor(self, executor: Executor) -> SparkExecutorInfo:
        """What is known of an executor."""
        with self._lock:
            running = sum(1 for executor_id in self._running_on.values() if executor_id == executor.executor_id)
            cached = sum(self._cached.get(executor.executor_id, {}).values())
        port = executor.executor_id.rpartition(":")[2]
        return SparkExecutorInfo(
            host=executor.host,
            port=int(port) if port.isdecimal() else 0,
            cacheSize=cached,
            numRunningTasks=running,
            usedOnHeapStorageMemory=cached,
            usedOffHeapStorageMemory=0,
            totalOnHeapStorageMemory=executor.memory_bytes,
            totalOffHeapStorageMemory=0,
        )

    def _job_submitted(self, event: events.JobSubmitted) -> None:
        self._jobs[event.job_id] = _Job(event.group, sorted((s.stage_id for s in event.graph.stages), reverse=True))
        self._add_stages(event.graph, event.call_site)
        while len(self._jobs) > self._most_jobs:
            del self._jobs[next(iter(self._jobs))]

    def _stages_added(self, event: events.StagesAdded) -> None:
        if (job := self._jobs.get(event.job_id)) is not None:
            job.stage_ids = sorted({*job.stage_ids, *(s.stage_id for s in event.graph.stages)}, reverse=True)
            self._add_stages(event.graph)

    def _add_stages(self, graph: events.JobGraph, action: CallSite | None = None) -> None:
        names = _stage_names(graph, action)
        for stage in graph.stages:
            self._stages.setdefault(stage.stage_id, _Stage(names[stage.stage_id], stage.tasks))
        while len(self._stages) > self._most_stages:
            del self._stages[next(iter(self._stages))]

    def _job_ended(self, event: events.JobEnded) -> None:
        if event.job_id in self._jobs:
            self._jobs[event.job_id].outcome = event.outcome

    def _stage_submitted(self, event: events.StageSubmitted) -> None:
        if (stage := self._stages.get(event.stage_id)) is not None:
            stage.attempt, stage.tasks, stage.is_active = event.attempt, event.tasks, True
            stage.completed, stage.failed = 0, 0
            stage.running.clear()

    def _stage_ended(self, event: events.StageEnded) -> None:
        if (stage := self._stages.get(event.stage_id)) is not None:
            stage.is_active = False
            stage.running.clear()

    def _task_started(self, event: events.TaskStarted) -> None:
        self._running_on[event.task_id] = event.executor_id
        if (stage := self._stages.get(event.stage_id)) is not None and stage.attempt == event.stage_attempt:
            stage.running.add(event.task_id)

    def _task_ended(self, event: events.TaskEnded) -> None:
        self._running_on.pop(event.task_id, None)
        if (stage := self._stages.get(event.stage_id)) is not None and stage.attempt == event.stage_attempt:
            stage.running.discard(event.task_id)
            stage.completed += event.outcome == "succeeded"
            stage.failed += event.outcome not in ("succeeded", "cancelled")

    def _block_updated(self, event: events.BlockUpdated) -> None:
        self._cached.setdefault(event.executor_id, {})[event.node_id, event.partition] = event.memory_bytes

    def _unpersisted(self, event: events.Unpersisted) -> None:
        for blocks in self._cached.values():
            for block in [block for block in blocks if block[0] == event.node_id]:
                del blocks[block]

    def _executor_removed(self, event: events.ExecutorRemoved) -> None:
        self._cached.pop(event.executor_id, None)


class StatusTracker:
    """A look at jobs and stages. Weakly consistent, as in Spark: ask again to see what has changed."""

    def __init__(self, ledger: StatusLedger, executors: Callable[[], Sequence[Executor]]) -> None:
        self._ledger = ledger
        self._executors = executors

    def getJobIdsForGroup(self, jobGroup: str | None = None) -> list[int]:
        """Known jobs of the group; with None, those that belong to none."""
        return self._ledger.job_ids(jobGroup)

    def getActiveStageIds(self) -> list[int]:
        """Stages that run."""
        return self._ledger.active_stage_ids()

    def getActiveJobsIds(self) -> list[int]:
        """Jobs that run."""
        return self._ledger.active_job_ids()

    def getJobInfo(self, jobId: int) -> SparkJobInfo | None:
        """One job, or None when it is not known (any more)."""
        return self._ledger.job(jobId)

    def getStageInfo(self, stageId: int) -> SparkStageInfo | None:
        """One stage, or None when it is not known (any more)."""
        return self._ledger.stage(stageId)

    def getExecutorInfos(self) -> list[SparkExecutorInfo]:
        """The executors."""
        return [self._ledger.executor(executor) for executor in self._executors()]
