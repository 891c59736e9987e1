"""A context that computes in this process, announces the events of the real one, and can be told to block or fail.

For tests of the notebook layer: what is tested there is what a cell shows and does, not what an executor computes.
"""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from spark_kernel.common.call_sites import CallSite, find_call_site
from spark_kernel.common.errors import (
    ActionHeldError,
    ContextError,
    FailedTask,
    JobCancelledError,
    JobFailedError,
    MasterUrlError,
)
from spark_kernel.common.event_bus import EventBus
from spark_kernel.common.events import (
    DatasetNamed,
    EdgeInfo,
    JobEnded,
    JobGraph,
    JobSubmitted,
    NodeInfo,
    Outcome,
    StageEnded,
    StageInfo,
    StageSubmitted,
    TaskEnded,
    TaskStarted,
)
from spark_kernel.common.ids import Counter


@dataclass(frozen=True)
class FakeNode:
    """The lineage node of a fake dataset."""

    node_id: int
    operation: str
    call_site: CallSite


def call_site(function: str) -> CallSite:
    """The user's line that called this file."""
    frame = sys._getframe()
    while frame.f_code.co_filename == __file__ and frame.f_back is not None:
        frame = frame.f_back
    return find_call_site(function, frame)


class FakeConf:
    """The settings of a fake context."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._settings = dict(settings)

    def get(self, key: str) -> str | None:
        return self._settings.get(key)


class FakeRDD:
    """A lazy list in two partitions."""

    def __init__(self, context: FakeContext, operation: str, parent: FakeRDD | None, compute: Callable[[], list[Any]]):
        self.context = context
        self.node = FakeNode(context.node_ids.next(), operation, call_site(operation))
        self.parent = parent
        self.compute = compute

    def map(self, function: Callable[[Any], Any]) -> FakeRDD:
        result = FakeRDD(self.context, "map", self, lambda: [result.apply(function, row) for row in self.compute()])
        return result

    def flatMap(self, function: Callable[[Any], Any]) -> FakeRDD:
        return FakeRDD(
            self.context, "flatMap", self, lambda: [part for row in self.compute() for part in function(row)]
        )

    def apply(self, function: Callable[[Any], Any], row: Any) -> Any:
        try:
            return function(row)
        except Exception as error:
            raise TaskFailed(self.node.call_site, row, error) from error

    def collect(self) -> list[Any]:
        return self.context.run_job(self, "collect", self.compute)

    def count(self) -> int:
        return self.context.run_job(self, "count", lambda: len(self.compute()))

    def block(self) -> None:
        """An action that ends only by being cancelled."""
        self.context.run_job(self, "block", self.context.wait_for_cancellation)


class TaskFailed(Exception):
    """A user's function raised inside a fake task."""

    def __init__(self, step: CallSite, record: Any, error: Exception) -> None:
        super().__init__(str(error))
        self.step, self.record, self.error = step, record, error


class FakeContext:
    """What the notebook uses of a SparkContext."""

    def __init__(self, master: str = "local[2]", settings: Mapping[str, str] | None = None) -> None:
        self.master = master
        self.applicationId = f"app-fake-{id(self):x}"
        self.events = EventBus()
        self.stopped = False
        self.node_ids = Counter()
        self.names: dict[int, str] = {}
        self.scaled_to: int | None = None
        self.cancelled: list[str] = []
        self.cancelling = threading.Event()
        self.may_cancel = threading.Event()
        self.may_cancel.set()
        self.blocked = threading.Event()
        self._conf = FakeConf(settings or {})
        self._ids = Counter()
        self._stage_ids = Counter()
        self._local = threading.local()
        self._active: dict[int, tuple[str | None, threading.Event]] = {}

    def getConf(self) -> FakeConf:
        return self._conf

    def parallelize(self, rows: list[Any]) -> FakeRDD:
        if self.stopped:
            raise ContextError("the context is stopped")
        return FakeRDD(self, "parallelize", None, lambda: list(rows))

    def textFile(self, path: str) -> FakeRDD:
        from spark_kernel.common.errors import PathNotFoundError

        raise PathNotFoundError(f"Nothing is at {path}. Check the path.")

    @contextmanager
    def run(self, run_id: str) -> Iterator[None]:
        before = getattr(self._local, "run_id", None)
        self._local.run_id = run_id
        try:
            yield
        finally:
            self._local.run_id = before

    @contextmanager
    def hold_actions(self) -> Iterator[None]:
        self._local.held = True
        try:
            yield
        finally:
            self._local.held = False

    def cancel_run(self, run_id: str, reason: str) -> None:
        self.cancelling.set()
        self.may_cancel.wait(60)
        self.cancelled.append(run_id)
        for job_id, (owner, cancelled) in list(self._active.items()):
            if owner == run_id:
                cancelled.set()
                self._end(job_id, "cancelled", reason)

    def cancelJob(self, jobId: int) -> None:
        self._active[jobId][1].set()
        self._end(jobId, "cancelled", "cancelled by the user")

    def cancelAllJobs(self) -> None:
        for job_id in self.active_jobs():
            self.cancelJob(job_id)

    def active_jobs(self) -> list[int]:
        return list(self._active)

    def plan(self, rdd: FakeRDD) -> JobGraph:
        chain = [rdd]
        while chain[-1].parent is not None:
            chain.append(chain[-1].parent)
        nodes = tuple(
            NodeInfo(each.node.node_id, each.node.operation, each.node.call_site, 2, self.names.get(each.node.node_id))
            for each in reversed(chain)
        )
        edges = tuple(EdgeInfo(parent.node_id, child.node_id, "narrow") for parent, child in pairwise(nodes))
        ids = tuple(node.node_id for node in nodes)
        stage = StageInfo(self._stage_ids.next(), "result", str(rdd.node.call_site), ids, (), tasks=2)
        return JobGraph(nodes, edges, (stage,))

    def preview(self, rdd: FakeRDD, limit: int) -> tuple[list[Any], bool]:
        rows = self.run_job(rdd, "preview", lambda: rdd.compute()[: limit + 1])
        return rows[:limit], len(rows) <= limit

    def name_dataset(self, rdd: FakeRDD, name: str) -> None:
        self.names[rdd.node.node_id] = name
        self.events.announce(DatasetNamed(time.time(), rdd.node.node_id, name))

    def describe(self) -> dict[str, Any]:
        return {"master": self.master, "application_id": self.applicationId, "cores": 2}

    def storage_status(self) -> list[dict[str, Any]]:
        return [{"name": "words", "level": "Memory Serialized 1x Replicated", "memory_bytes": 2_480_000}]

    def scale(self, workers: int) -> None:
        self.scaled_to = workers

    def stop(self) -> None:
        self.cancelAllJobs()
        self.stopped = True

    # -- jobs ----------------------------------------------------------------------------------------------------

    def run_job(self, rdd: FakeRDD, action: str, compute: Callable[[], Any]) -> Any:
        """One job of one stage of two tasks; the second of them does the work."""
        if self.stopped:
            raise ContextError("the context is stopped")
        job_id, run_id = self._ids.next(), getattr(self._local, "run_id", None)
        site = call_site(action)
        graph = self.plan(rdd)
        stage_id = graph.stages[0].stage_id
        self.events.announce(JobSubmitted(time.time(), job_id, run_id, site, graph))
        if getattr(self._local, "held", False):
            self.events.announce(JobEnded(time.time(), job_id, "planned"))
            raise ActionHeldError(f"{site} was not run")
        self._active[job_id] = (run_id, threading.Event())
        self.events.announce(StageSubmitted(time.time(), stage_id, 0, 2))
        self._task(stage_id, 0)
        try:
            result = compute()
        except TaskFailed as failed:
            self.events.announce(StageEnded(time.time(), stage_id, 0, "failed"))
            self._end(job_id, "failed", str(failed))
            raise failed_job(job_id, stage_id, failed) from failed.error
        self._task(stage_id, 1)
        self.events.announce(StageEnded(time.time(), stage_id, 0, "succeeded"))
        self._end(job_id, "succeeded")
        return result

    def wait_for_cancellation(self) -> None:
        """The body of a job that never ends by itself."""
        job_id = max(self._active)
        self.blocked.set()
        cancelled, deadline = self._active[job_id][1], time.monotonic() + 60
        # In short waits: a signal that arrives just before a wait begins does not end it.
        while time.monotonic() < deadline and not cancelled.wait(0.02):
            pass
        raise JobCancelledError(f"Job {job_id} was cancelled.", job_id)

    def _task(self, stage_id: int, partition: int) -> None:
        now = time.time()
        self.events.announce(TaskStarted(now, stage_id * 10 + partition, stage_id, 0, partition, 0, "0"))
        self.events.announce(TaskEnded(now, stage_id * 10 + partition, stage_id, 0, partition, 0, "0", "succeeded"))

    def _end(self, job_id: int, outcome: Outcome, message: str = "") -> None:
        if self._active.pop(job_id, None) is not None:
            self.events.announce(JobEnded(time.time(), job_id, outcome, message))


def failed_job(job_id: int, stage_id: int, failed: TaskFailed) -> JobFailedError:
    """What the engine raises for a task that failed in the user's function."""
    frames = traceback.extract_tb(failed.error.__traceback__)[1:]
    where = "".join(f'  File "{frame.filename}", line {frame.lineno}, in {frame.name}\n' for frame in frames)
    task = FailedTask(
        stage_id=stage_id,
        partition=1,
        attempt=3,
        executor_id="executor 0",
        error_type=type(failed.error).__name__,
        error_message=str(failed.error),
        user_traceback=f"Traceback (most recent call last):\n{where}",
        full_traceback='  File "/somewhere/spark_kernel/core/execution/task.py", line 1, in run_task',
        step=failed.step,
        record=repr(failed.record),
    )
    message = f"{type(failed.error).__name__}: {failed.error} in {failed.step}, partition 1"
    return JobFailedError(message, job_id, task)


class FakeEngine:
    """Opens fake contexts."""

    def __init__(self) -> None:
        self.opened: list[FakeContext] = []
        self.failure: Exception | None = None

    def begin(self, master: str | None, settings: Mapping[str, str]) -> None:
        """A fake context starts at once."""

    def open_context(self, master: str | None, settings: Mapping[str, str]) -> FakeContext:
        if self.failure is not None:
            raise self.failure
        self.opened.append(FakeContext(master or "local[2]", settings))
        return self.opened[-1]

    def active_context(self) -> FakeContext | None:
        return self.opened[-1] if self.opened else None

    def check_master(self, master: str) -> None:
        if not master.startswith(("local", "inline", "dask://")):
            raise MasterUrlError(f"{master!r} names no cluster. Use local[2] or dask://host:port.")

    def is_dataset(self, value: object) -> bool:
        return isinstance(value, FakeRDD)
