"""The driver's book of tasks that are with the cluster: each is answered exactly once, in whatever order things arrive.

Pure: messages in, reports out; no Dask, no threads, no clock. The Dask backend keeps it in its event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from spark_kernel.common.errors import FailedTask
from spark_kernel.core.execution.backend import (
    Report,
    ResultHeld,
    StageRefused,
    TaskBatch,
    TaskCancelled,
    TaskFailed,
    TaskSpec,
    TaskStarted,
)
from spark_kernel.core.execution.bundles import Bundle
from spark_kernel.core.execution.demands import Grant
from spark_kernel.core.execution.outcomes import Outcome, Succeeded, report_of
from spark_kernel.core.execution.running_tasks import StageAttempt

UNKNOWN_EXECUTOR = ""
"""In reports of tasks that no executor has begun."""


@dataclass
class OpenBatch:
    """A batch of which some tasks are unanswered."""

    batch: TaskBatch
    unanswered: int
    cancelled: bool = False
    seconds: float = 0.0
    """Run time of the tasks that have ended."""
    ended: int = 0
    result_bytes: int = 0
    """Size of their results."""
    futures: dict[Any, Any] = field(default_factory=dict)
    """What the backend holds for the batch while it lasts, by Dask key."""
    head: Any = None
    """The common part of its tasks as the backend sends it,"""
    head_key: Any = None
    """and the reference to it, once the cluster holds it."""

    @property
    def stage(self) -> StageAttempt:
        """Stage and stage attempt."""
        return self.batch.stage_id, self.batch.stage_attempt

    @property
    def task_seconds(self) -> float | None:
        """How long a task took so far, on average; None when none has ended."""
        return self.seconds / self.ended if self.ended else None

    @property
    def is_refused(self) -> bool:
        """Whether its results are more than the driver may hold: none that is still on an executor is fetched."""
        return 0 < self.batch.max_result_bytes < self.result_bytes


@dataclass
class _OpenTask:
    spec: TaskSpec
    batch: OpenBatch
    bundle: Any = None
    """The Dask key of the bundle that it travels in."""
    pinned_to: str = UNKNOWN_EXECUTOR
    """The only executor that it may begin on, if there is just one."""
    executor_id: str = UNKNOWN_EXECUTOR
    """Where it began."""
    held: Succeeded | None = None
    """Its outcome, whose value is still on the executor."""


class UnansweredTask(NamedTuple):
    """What is known of a task without a final report."""

    task_id: int
    executor_id: str
    """Where it began; `UNKNOWN_EXECUTOR` when nothing is known of that."""
    bundle: Any
    """The Dask key of the bundle that it travels in; None when in none."""


class Ledger:
    """Tasks between their submission and their final report."""

    def __init__(self, report: Callable[[Report], None]) -> None:
        self._report = report
        self._tasks: dict[int, _OpenTask] = {}
        self._bundles: dict[Any, set[int]] = {}
        self._executor_of_bundle: dict[Any, str] = {}
        self._grants: dict[Any, tuple[str, Grant]] = {}
        self._batches: list[OpenBatch] = []

    def open(self, batch: TaskBatch) -> OpenBatch:
        """Enter a batch."""
        entry = OpenBatch(batch, len(batch.tasks))
        self._batches.append(entry)
        for spec in batch.tasks:
            self._tasks[spec.task_id] = _OpenTask(spec, entry)
        return entry

    def sent(self, key: Any, bundle: Bundle) -> None:
        """The bundle travels under ``key``."""
        members = self._bundles[key] = set()
        if bundle.places:
            self._executor_of_bundle[key] = bundle.places[0]
        if bundle.grant is not None:
            self._grants[key] = bundle.places[0], bundle.grant
        for spec in bundle.tasks:
            task = self._tasks.get(spec.task_id)
            if task is not None:
                self._leave_bundle(task)
                task.bundle = key
                task.pinned_to = bundle.places[0] if bundle.grant is not None else UNKNOWN_EXECUTOR
                members.add(spec.task_id)

    def began(self, task_id: int, executor_id: str) -> None:
        """The task runs."""
        task = self._tasks.get(task_id)
        if task is not None:
            task.executor_id = executor_id
            if task.bundle is not None:
                self._executor_of_bundle[task.bundle] = executor_id
            self._report(TaskStarted(task_id, executor_id))

    def ended(self, outcome: Outcome, executor_id: str) -> None:
        """The task has ended. What was answered before is ignored."""
        task = self._tasks.get(outcome.task_id)
        if task is None:
            return
        if isinstance(outcome, Succeeded):
            task.batch.ended += 1
            task.batch.seconds += outcome.metrics.run_seconds
            task.batch.result_bytes += outcome.metrics.result_bytes
            if outcome.value is None:
                task.held, task.executor_id = outcome, executor_id
                self._report(ResultHeld(task.spec.task_id, executor_id, outcome.metrics.result_bytes))
                return
        self._answer(task, report_of(outcome, task.spec, task.batch.batch, executor_id))

    def given_back(self, task_ids: Iterable[int]) -> list[tuple[OpenBatch, list[TaskSpec]]]:
        """The tasks, to be sent again, that an executor has let go of."""
        back: dict[int, tuple[OpenBatch, list[TaskSpec]]] = {}
        for task_id in task_ids:
            task = self._tasks.get(task_id)
            if task is None:
                continue
            self._leave_bundle(task)
            if task.batch.cancelled:
                self._answer(task, TaskCancelled(task_id, UNKNOWN_EXECUTOR))
            else:
                back.setdefault(id(task.batch), (task.batch, []))[1].append(task.spec)
        return list(back.values())

    def is_open(self, task_id: int) -> bool:
        """Whether the task has no final report."""
        return task_id in self._tasks

    def load(self) -> dict[str, int]:
        """How many bundles each executor has: begun there, or sent to it."""
        load: dict[str, int] = {}
        for executor_id in self._executor_of_bundle.values():
            load[executor_id] = load.get(executor_id, 0) + 1
        return load

    def slots_taken(self) -> list[tuple[OpenBatch, int]]:
        """How many bundles each batch has with the cluster, beside those that wait for their results to be fetched."""
        taken: dict[int, tuple[OpenBatch, int]] = {}
        for members in self._bundles.values():
            unfinished = next((task for each in members if (task := self._tasks[each]).held is None), None)
            if unfinished is not None:
                entry = unfinished.batch
                taken[id(entry)] = entry, taken.get(id(entry), (entry, 0))[1] + 1
        return list(taken.values())

    def grants(self) -> list[tuple[str, Grant]]:
        """What bundles with a place of their own have been given there: (executor_id, grant)."""
        return list(self._grants.values())

    def holds_results(self, key: Any) -> bool:
        """Whether results of the bundle are still on its executor."""
        return any(task.held is not None for task in self._tasks_of(key))

    def results_arrived(self, key: Any, values: dict[int, bytes]) -> None:
        """The bundle's large results are here."""
        for task in self._tasks_of(key):
            if task.held is not None and task.spec.task_id in values:
                outcome = replace(task.held, value=values[task.spec.task_id])
                self._answer(task, report_of(outcome, task.spec, task.batch.batch, task.executor_id))

    def bundle_lost(self, key: Any, executor_id: str, reason: str) -> None:
        """No more will come of the bundle: its executor died, or Dask forgot it.

        The first of its tasks was running, or about to: what it does in its first moment may end the process before
        that is announced.
        """
        tasks = self._tasks_of(key)
        if executor_id and tasks and tasks[0].executor_id == UNKNOWN_EXECUTOR and not tasks[0].batch.cancelled:
            self.began(tasks[0].spec.task_id, executor_id)
        for task in tasks:
            self._lose(task, executor_id or task.executor_id, reason)

    def bundle_failed(self, key: Any, error_type: str, message: str, traceback: str) -> None:
        """The executor could not even begin with the bundle, and another one could not either."""
        for task in self._tasks_of(key):
            self._fail(task, error_type, message, traceback)

    def batch_failed(self, entry: OpenBatch, error_type: str, message: str, traceback: str) -> None:
        """What is unanswered of a batch can't be sent."""
        for task in [task for task in self._tasks.values() if task.batch is entry]:
            self._fail(task, error_type, message, traceback)

    def refuse(self, entry: OpenBatch, reason: str) -> None:
        """The cluster can't run the batch's tasks; none has been sent."""
        self._report(StageRefused(entry.batch.stage_id, reason))
        self.cancelled([spec.task_id for spec in entry.batch.tasks])

    def executor_lost(self, executor_id: str, reason: str) -> set[Any]:
        """The executor is gone, and with it what ran there or was held there; the keys of those bundles."""
        lost = [task for task in self._tasks.values() if executor_id in (task.executor_id, task.pinned_to)]
        keys = {task.bundle for task in lost}
        for task in lost:
            self._lose(task, executor_id, reason)
        return keys

    def cancel(self, stage: StageAttempt) -> list[OpenBatch]:
        """The stage attempt's batches, which from now on are cancelled."""
        chosen = [entry for entry in self._batches if entry.stage == stage]
        for entry in chosen:
            entry.cancelled = True
        return chosen

    def unanswered(self, entries: Sequence[OpenBatch]) -> list[UnansweredTask]:
        """The tasks of some batches that have no final report."""
        chosen = {id(entry) for entry in entries}
        return [
            # One whose result waits to be fetched does not run any more.
            UnansweredTask(task_id, task.executor_id, task.bundle)
            if task.held is None
            else UnansweredTask(task_id, UNKNOWN_EXECUTOR, None)
            for task_id, task in self._tasks.items()
            if id(task.batch) in chosen
        ]

    def cancelled(self, task_ids: Iterable[int]) -> None:
        """These tasks don't run, and will not."""
        for task_id in list(task_ids):
            task = self._tasks.get(task_id)
            if task is not None:
                self._answer(task, TaskCancelled(task_id, task.executor_id))

    def open_batches(self) -> list[OpenBatch]:
        """Those with unanswered tasks."""
        return list(self._batches)

    def _tasks_of(self, key: Any) -> list[_OpenTask]:
        return [self._tasks[task_id] for task_id in sorted(self._bundles.get(key, ()))]

    def _leave_bundle(self, task: _OpenTask) -> None:
        members = self._bundles.get(task.bundle)
        if members is not None:
            members.discard(task.spec.task_id)
            if not members:
                del self._bundles[task.bundle]
                self._executor_of_bundle.pop(task.bundle, None)
                self._grants.pop(task.bundle, None)
        task.bundle = None

    def _lose(self, task: _OpenTask, executor_id: str, reason: str) -> None:
        if task.batch.cancelled:
            self._answer(task, TaskCancelled(task.spec.task_id, executor_id))
            return
        failed = _failed_task(task, executor_id, "ExecutorLost", reason, "")
        self._answer(task, TaskFailed(task.spec.task_id, executor_id, failed, executor_lost=True))

    def _fail(self, task: _OpenTask, error_type: str, message: str, traceback: str) -> None:
        failed = _failed_task(task, task.executor_id, error_type, message, traceback)
        self._answer(task, TaskFailed(task.spec.task_id, task.executor_id, failed, retry=False))

    def _answer(self, task: _OpenTask, report: Report) -> None:
        del self._tasks[task.spec.task_id]
        self._leave_bundle(task)
        task.batch.unanswered -= 1
        if not task.batch.unanswered:
            self._batches.remove(task.batch)
        self._report(report)


def _failed_task(task: _OpenTask, executor_id: str, error_type: str, message: str, traceback: str) -> FailedTask:
    return FailedTask(
        stage_id=task.batch.batch.stage_id,
        partition=task.spec.partition,
        attempt=task.spec.attempt,
        executor_id=executor_id,
        error_type=error_type,
        error_message=message,
        user_traceback="",
        full_traceback=traceback,
    )
