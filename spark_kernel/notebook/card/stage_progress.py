"""How far one stage is: a fold over its stage and task events. Used by `model` alone.

Counts belong to the latest attempt of the stage: what an earlier attempt left done counts as succeeded, and events of
an earlier attempt that arrive late change only the metrics. Every update keeps
``waiting + running + succeeded + failed == total``, also when events are missing.
"""

from __future__ import annotations

import dataclasses
from array import array
from bisect import insort
from operator import attrgetter
from typing import Literal

from spark_kernel.common.events import StageEnded, StageInfo, StageSubmitted, TaskEnded, TaskMetrics, TaskStarted
from spark_kernel.notebook.card.run_json import StageJson, StageState, TaskSecondsJson, TasksJson

TaskState = Literal["waiting", "running", "succeeded", "failed"]

_SUMMED = tuple(field.name for field in dataclasses.fields(TaskMetrics) if field.name != "peak_memory_bytes")
_summed_values = attrgetter(*_SUMMED)


class TaskCounts:
    """The partitions of one stage attempt by state."""

    def __init__(self, total: int, present: int = 0) -> None:
        """``present`` of the ``total`` partitions were computed before this attempt."""
        self.counts: dict[TaskState, int] = {
            "waiting": total - present,
            "running": 0,
            "succeeded": present,
            "failed": 0,
        }
        # Nobody told which partitions those are.
        self._present = present
        self._in_flight: dict[int, int] = {}
        self._ended: dict[int, Literal["succeeded", "failed"]] = {}

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def start(self, partition: int) -> None:
        """An attempt at ``partition`` began."""
        before = self._state(partition)
        self._in_flight[partition] = self._in_flight.get(partition, 0) + 1
        self._move(before, self._state(partition))

    def end(self, partition: int, outcome: str) -> None:
        """An attempt at ``partition`` is over; a failure counts until the next attempt begins."""
        before = self._state(partition)
        if (others := self._in_flight.get(partition, 0) - 1) > 0:
            self._in_flight[partition] = others
        else:
            self._in_flight.pop(partition, None)
        if outcome == "succeeded":
            self._ended[partition] = "succeeded"
        elif self._ended.get(partition) != "succeeded":
            # Lost executors and lost blocks are not the partition's own failure: it waits for its next attempt.
            if outcome == "failed":
                self._ended[partition] = "failed"
            else:
                self._ended.pop(partition, None)
        self._move(before, self._state(partition))

    def finish(self, succeeded: bool) -> None:
        """The attempt is over: all partitions are there, or nothing runs any more."""
        total = self.total
        if succeeded:
            self.counts = {"waiting": 0, "running": 0, "succeeded": total, "failed": 0}
        else:
            self.counts["waiting"] += self.counts["running"]
            self.counts["running"] = 0
        self._in_flight.clear()

    def _state(self, partition: int) -> TaskState:
        ended = self._ended.get(partition)
        if ended == "succeeded":
            return "succeeded"
        if partition in self._in_flight:
            return "running"
        return ended or "waiting"

    def _move(self, before: TaskState, after: TaskState) -> None:
        if before == after:
            return
        if self.counts[before] > 0:
            self.counts[before] -= 1
        elif self._present > 0:
            # One of those that were there before is computed again after all.
            self._present -= 1
            self.counts["succeeded"] -= 1
        # Otherwise the stage has more partitions than was announced, and the total grows.
        self.counts[after] += 1


class StageProgress:
    """One stage of a run."""

    def __init__(self, info: StageInfo) -> None:
        self.info = info
        self.state: StageState = "skipped" if info.skipped else "waiting"
        self.attempt = 0
        self.started: float | None = None
        self.ended: float | None = None
        self.message = ""
        self.retried = 0
        self._begun = -1  # The latest attempt that was seen to begin.
        self._tasks = TaskCounts(info.tasks)
        self._seen: set[int] = set()
        self._sums: list[float] = [0] * len(_SUMMED)
        self._peak_memory = 0
        # Sorted at all times, so that the median costs nothing when the screen asks for it.
        self._seconds: array[float] = array("d")

    @property
    def is_open(self) -> bool:
        """Whether something may still happen to it."""
        return self.state in ("waiting", "running")

    def plan_again(self, info: StageInfo) -> None:
        """Another job needs the stage: what was computed stays, what never ran will run unless it is skipped."""
        if self.state in ("succeeded", "running"):
            return
        self.info = info
        self.state = "skipped" if info.skipped else "waiting"
        self.message = ""
        self._begun = -1
        self._tasks = TaskCounts(info.tasks)

    def submit(self, event: StageSubmitted) -> None:
        """An attempt begins."""
        if event.attempt <= self._begun:
            return
        self._begin(event.attempt, event.tasks)
        self.started = event.time if self.started is None else self.started

    def end(self, event: StageEnded) -> None:
        """An attempt is over; the stage is too unless another one follows."""
        if event.attempt < self._begun:
            return
        self._begun = self.attempt = event.attempt
        self.message = event.message
        self._tasks.finish(event.outcome == "succeeded")
        if event.will_retry:
            self.state = "waiting"
        else:
            self.state = event.outcome
            self.ended = event.time

    def start_task(self, event: TaskStarted) -> None:
        """A task attempt begins."""
        if not event.speculative and (event.partition in self._seen or event.attempt > 0):
            self.retried += 1
        self._seen.add(event.partition)
        if event.stage_attempt > self._begun:
            self._begin_unannounced(event)
        if self._is_current(event):
            self._tasks.start(event.partition)

    def end_task(self, event: TaskEnded) -> None:
        """A task attempt is over."""
        self._seen.add(event.partition)
        metrics = event.metrics
        for index, value in enumerate(_summed_values(metrics)):
            if value:
                self._sums[index] += value
        self._peak_memory = max(self._peak_memory, metrics.peak_memory_bytes)
        if event.outcome == "succeeded":
            insort(self._seconds, metrics.run_seconds)
        if self._is_current(event):
            self._tasks.end(event.partition, event.outcome)

    def close(self, outcome: StageState, time: float) -> None:
        """Its job is over, and nothing more will be heard of it."""
        self._tasks.finish(outcome == "succeeded")
        self.state = outcome
        if self.started is not None and self.ended is None:
            self.ended = time

    def _is_current(self, event: TaskStarted | TaskEnded) -> bool:
        return self.state == "running" and event.stage_attempt == self._begun

    def _begin(self, attempt: int, tasks: int) -> None:
        total = max(self._tasks.total, tasks)
        self._begun = self.attempt = attempt
        self.state = "running"
        self.message = ""
        self.ended = None
        self._tasks = TaskCounts(total, present=total - tasks)

    def _begin_unannounced(self, event: TaskStarted) -> None:
        """The stage's own start was missed: what is not known to be there has to be computed."""
        self._begin(event.stage_attempt, self._tasks.total - self._tasks.counts["succeeded"])
        self.started = event.time if self.started is None else self.started

    def to_json(self) -> StageJson:
        """The stage for the card."""
        return {
            "stage_id": self.info.stage_id,
            "kind": self.info.kind,
            "name": self.info.name,
            "state": self.state,
            "attempt": self.attempt,
            "barrier": self.info.barrier,
            "tasks": self._tasks_json(),
            "parents": list(self.info.parents),
            "node_ids": list(self.info.node_ids),
            "metrics": {**dict(zip(_SUMMED, self._sums, strict=True)), "peak_memory_bytes": self._peak_memory},
            "started": self.started,
            "ended": self.ended,
            "message": self.message,
            "task_seconds": self._task_seconds(),
        }

    def _tasks_json(self) -> TasksJson:
        counts = self._tasks.counts
        return {
            "total": self._tasks.total,
            "waiting": counts["waiting"],
            "running": counts["running"],
            "succeeded": counts["succeeded"],
            "failed": counts["failed"],
            "retried": self.retried,
        }

    def _task_seconds(self) -> TaskSecondsJson | None:
        seconds = self._seconds
        if not seconds:
            return None
        middle = len(seconds) // 2
        median = seconds[middle] if len(seconds) % 2 else (seconds[middle - 1] + seconds[middle]) / 2
        return {"min": seconds[0], "median": median, "max": seconds[-1]}
