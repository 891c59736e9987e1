"""What one run caused, as a pure fold over events: no clock, no threads, no drawing.

`RunModel.apply` takes each event as it comes and is cheap enough for tens of thousands of tasks; `RunModel.to_json`
hands out a snapshot (`run_json.RunJson`) that every picture is made from. Events of other runs are ignored: task and
stage events carry no run, so a run knows its jobs, and its jobs know their stages. `live` calls this for a running
cell, `read_runs` for a saved event log.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from spark_kernel.common.events import (
    BlockUpdated,
    DatasetNamed,
    EdgeInfo,
    Event,
    JobEnded,
    JobGraph,
    JobSubmitted,
    NodeInfo,
    RunEnded,
    RunStarted,
    StageEnded,
    StageInfo,
    StagesAdded,
    StageSubmitted,
    TaskEnded,
    TaskStarted,
    Unpersisted,
)
from spark_kernel.notebook.card.cached_blocks import CachedBlocks
from spark_kernel.notebook.card.run_json import JobJson, NodeJson, RunJson, RunOutcome, StageState
from spark_kernel.notebook.card.stage_progress import StageProgress

MOST_SKIPPED = 400
"""Skipped stages that a run keeps."""

# What becomes of the stages of a job that is over, when they were not heard of again: (never started, running).
_LEFT_BEHIND: dict[str, tuple[StageState, StageState]] = {
    "succeeded": ("skipped", "succeeded"),
    "failed": ("cancelled", "cancelled"),
    "cancelled": ("cancelled", "cancelled"),
    "planned": ("planned", "planned"),
}


class RunModel:
    """One run.

    ``run_id`` None means the jobs that were submitted outside any run. With ``everything`` all events count as this
    run's, those of unknown stages too, which is what reading one run's log without its beginning needs.

    >>> run = RunModel("app-1/run-1", title="word count", cell=3)
    >>> run.to_json()["outcome"]
    'running'
    """

    def __init__(
        self, run_id: str | None, title: str = "", cell: int | None = None, *, everything: bool = False
    ) -> None:
        self.run_id = run_id
        self.title = title
        self.cell = cell
        self.outcome: RunOutcome = "running"
        self.message = ""
        self.started: float | None = None
        self.ended: float | None = None
        self.graph_version = 0
        """Grows whenever what is drawn may have changed: jobs, nodes, edges, names, cached datasets."""
        self._everything = everything
        self._jobs: dict[int, JobJson] = {}
        self._running: set[int] = set()
        self._stages: dict[int, StageProgress] = {}
        self._skipped: deque[tuple[int, JobJson | None]] = deque()
        """Stages that were skipped when they were first listed, and by which job; oldest first."""
        self._nodes: dict[int, NodeInfo] = {}
        self._edges: dict[tuple[int, int, int | None], EdgeInfo] = {}
        self._cached: dict[int, CachedBlocks] = {}
        self._names: dict[int, str] = {}
        self._handlers: dict[type[Event], Callable[[Any], bool]] = {
            RunStarted: self._run_started,
            RunEnded: self._run_ended,
            JobSubmitted: self._job_submitted,
            JobEnded: self._job_ended,
            StagesAdded: self._stages_added,
            StageSubmitted: self._stage_submitted,
            StageEnded: self._stage_ended,
            TaskStarted: self._task_started,
            TaskEnded: self._task_ended,
            BlockUpdated: self._block_updated,
            Unpersisted: self._unpersisted,
            DatasetNamed: self._dataset_named,
        }

    @property
    def has_jobs(self) -> bool:
        """Whether the run has asked for a job so far."""
        return bool(self._jobs)

    def knows_stage(self, stage_id: int) -> bool:
        """Whether one of this run's jobs needs the stage."""
        return stage_id in self._stages

    def apply(self, event: Event) -> bool:
        """Take one event into account; returns whether it concerned this run. Nothing is heard after the run's end."""
        handler = self._handlers.get(type(event))
        if handler is None or self.outcome != "running":
            return False
        return handler(event)

    def add_plan(self, graph: JobGraph) -> None:
        """Draw ``graph``, of which nothing runs."""
        self._add_graph(graph)
        for info in graph.stages:
            stage = self._stages[info.stage_id]
            if stage.state == "waiting":
                stage.state = "planned"

    def _run_started(self, event: RunStarted) -> bool:
        if not self._everything and event.run_id != self.run_id:
            return False
        self.title, self.cell = event.title, event.cell
        self.started = event.time if self.started is None else min(self.started, event.time)
        return True

    def _run_ended(self, event: RunEnded) -> bool:
        if not self._everything and event.run_id != self.run_id:
            return False
        for job in list(self._jobs.values()):
            if job["outcome"] == "running":
                self._close_job(job, event.time, event.outcome, event.message)
        self.outcome, self.message, self.ended = event.outcome, event.message, event.time
        return True

    def _job_submitted(self, event: JobSubmitted) -> bool:
        if not self._everything and event.run_id != self.run_id:
            return False
        self.started = event.time if self.started is None else self.started
        self._jobs[event.job_id] = {
            "job_id": event.job_id,
            "name": event.description or event.call_site.function,
            "place": event.call_site.place,
            "outcome": "running",
            "message": "",
            "stages": [stage.stage_id for stage in event.graph.stages],
            "started": event.time,
            "ended": None,
        }
        self._running.add(event.job_id)
        self._add_graph(event.graph, self._jobs[event.job_id])
        return True

    def _stages_added(self, event: StagesAdded) -> bool:
        job = self._jobs.get(event.job_id)
        if job is None:
            return False
        job["stages"] += [stage.stage_id for stage in event.graph.stages]
        self._add_graph(event.graph, job)
        return True

    def _add_graph(self, graph: JobGraph, job: JobJson | None = None) -> None:
        self.graph_version += 1
        for node in graph.nodes:
            self._nodes[node.node_id] = node
            self._cached[node.node_id] = CachedBlocks(node.cached_partitions)
            if node.name is not None:
                self._names[node.node_id] = node.name
        for edge in graph.edges:
            self._edges[edge.parent, edge.child, edge.shuffle_id] = edge
        for info in graph.stages:
            if info.stage_id in self._stages:
                self._stages[info.stage_id].plan_again(info)
            else:
                self._stages[info.stage_id] = StageProgress(info)
                if info.skipped:
                    self._skipped.append((info.stage_id, job))
        self._forget_skipped()

    def _forget_skipped(self) -> None:
        """Of a loop of many jobs, each of which lists what it skips, only the latest skipped stages are kept."""
        while len(self._skipped) > MOST_SKIPPED:
            stage_id, job = self._skipped.popleft()
            stage = self._stages.get(stage_id)
            if stage is not None and stage.state == "skipped" and job is not None and job["outcome"] != "running":
                del self._stages[stage_id]
                job["stages"].remove(stage_id)

    def _job_ended(self, event: JobEnded) -> bool:
        job = self._jobs.get(event.job_id)
        if job is None:
            return False
        self._close_job(job, event.time, event.outcome, event.message)
        return True

    def _close_job(self, job: JobJson, time: float, outcome: RunOutcome, message: str) -> None:
        job["outcome"], job["message"], job["ended"] = outcome, message, time
        never_started, running = _LEFT_BEHIND[outcome]
        self._running.discard(job["job_id"])
        needed = {stage_id for job_id in self._running for stage_id in self._jobs[job_id]["stages"]}
        for stage_id in job["stages"]:
            stage = self._stages.get(stage_id)
            if stage is not None and stage.is_open and stage_id not in needed:
                stage.close(running if stage.state == "running" else never_started, time)

    def _stage(self, stage_id: int) -> StageProgress | None:
        stage = self._stages.get(stage_id)
        if stage is None and self._everything:
            self.graph_version += 1
            info = StageInfo(stage_id, "result", f"stage {stage_id}", node_ids=(), parents=(), tasks=0)
            stage = self._stages[stage_id] = StageProgress(info)
        return stage

    def _stage_submitted(self, event: StageSubmitted) -> bool:
        if (stage := self._stage(event.stage_id)) is None:
            return False
        stage.submit(event)
        return True

    def _stage_ended(self, event: StageEnded) -> bool:
        if (stage := self._stage(event.stage_id)) is None:
            return False
        stage.end(event)
        return True

    def _task_started(self, event: TaskStarted) -> bool:
        if (stage := self._stage(event.stage_id)) is None:
            return False
        stage.start_task(event)
        return True

    def _task_ended(self, event: TaskEnded) -> bool:
        if (stage := self._stage(event.stage_id)) is None:
            return False
        stage.end_task(event)
        return True

    def _block_updated(self, event: BlockUpdated) -> bool:
        if (blocks := self._cached.get(event.node_id)) is None:
            return False
        blocks.update(event)
        return True

    def _unpersisted(self, event: Unpersisted) -> bool:
        if event.node_id not in self._cached:
            return False
        self._cached[event.node_id] = CachedBlocks(0)
        return True

    def _dataset_named(self, event: DatasetNamed) -> bool:
        # Kept even when no job has drawn the dataset so far.
        self._names[event.node_id] = event.name
        if event.node_id not in self._nodes:
            return False
        self.graph_version += 1
        return True

    def to_json(self) -> RunJson:
        """A snapshot, which shares nothing with the model."""
        return {
            "version": 1,
            "run_id": self.run_id or "",
            "title": self.title,
            "cell": self.cell,
            "outcome": self.outcome,
            "message": self.message,
            "started": self.started,
            "ended": self.ended,
            "jobs": [{**job, "stages": list(job["stages"])} for job in self._jobs.values()],
            "stages": [self._stages[stage_id].to_json() for stage_id in sorted(self._stages)],
            "nodes": self._nodes_json(),
            "edges": [
                {"parent": edge.parent, "child": edge.child, "kind": edge.kind, "shuffle_id": edge.shuffle_id}
                for edge in self._edges.values()
            ],
        }

    def _nodes_json(self) -> list[NodeJson]:
        stages_of: dict[int, list[int]] = {}
        for stage_id in sorted(self._stages):
            for node_id in self._stages[stage_id].info.node_ids:
                stages_of.setdefault(node_id, []).append(stage_id)
        return [
            {
                "node_id": node.node_id,
                "operation": node.operation,
                "name": self._names.get(node.node_id),
                "place": node.call_site.place,
                "cell": node.call_site.cell,
                "line": node.call_site.line,
                "partitions": node.partitions,
                "storage_level": node.storage_level,
                "cached_partitions": self._cached[node.node_id].count(node.partitions),
                "estimated_bytes": node.estimated_bytes,
                "stage_ids": stages_of.get(node.node_id, []),
            }
            for node in self._nodes.values()
        ]


def read_runs(events: Iterable[Event]) -> list[RunModel]:
    """Every run of a saved event log, in the order of their first event.

    Jobs outside any run share one model, whose ``run_id`` is None. A log without its beginning is read as far as its
    events can be told apart; for one run alone, fold them into ``RunModel(run_id, everything=True)``.
    """
    runs: dict[str | None, RunModel] = {}
    of_stage: dict[int, list[RunModel]] = {}
    of_job: dict[int, RunModel] = {}
    for event in events:
        if isinstance(event, (RunStarted, JobSubmitted)) and event.run_id not in runs:
            runs[event.run_id] = RunModel(event.run_id)
        if isinstance(event, JobSubmitted):
            of_job[event.job_id] = runs[event.run_id]
        if isinstance(event, (JobSubmitted, StagesAdded)) and event.job_id in of_job:
            for stage in event.graph.stages:
                users = of_stage.setdefault(stage.stage_id, [])
                if of_job[event.job_id] not in users:
                    users.append(of_job[event.job_id])
        if isinstance(event, (TaskStarted, TaskEnded)):
            concerned: Iterable[RunModel] = of_stage.get(event.stage_id, ())
        else:
            concerned = runs.values()
        for run in concerned:
            run.apply(event)
    return list(runs.values())
