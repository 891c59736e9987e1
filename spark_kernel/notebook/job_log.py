"""The jobs of a context, as ``%spark jobs`` lists them: a small fold over events."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from spark_kernel.common.events import Event, JobEnded, JobSubmitted

KEPT_JOBS = 1000
"""How many jobs are remembered."""


@dataclass
class JobRow:
    """One job."""

    job_id: int
    name: str
    """Its description, or the action that asked for it."""
    place: str
    """``cell [3], line 2``."""
    run_id: str | None
    stages: int
    """Stages that run; skipped ones are not counted."""
    tasks: int
    """Tasks in those stages."""
    submitted: float
    """Seconds since the epoch."""
    ended: float | None = None
    outcome: str = "running"
    message: str = ""

    def seconds(self, now: float) -> float:
        """How long it took, or has taken so far."""
        return (self.ended if self.ended is not None else now) - self.submitted


class JobLog:
    """The latest jobs, oldest first."""

    def __init__(self) -> None:
        self._rows: OrderedDict[int, JobRow] = OrderedDict()

    def listen(self, event: Event) -> None:
        """Take one event into account."""
        if isinstance(event, JobSubmitted):
            running = [stage for stage in event.graph.stages if not stage.skipped]
            self._rows[event.job_id] = JobRow(
                job_id=event.job_id,
                name=event.description or event.call_site.function,
                place=event.call_site.place,
                run_id=event.run_id,
                stages=len(running),
                tasks=sum(stage.tasks for stage in running),
                submitted=event.time,
            )
            while len(self._rows) > KEPT_JOBS:
                self._rows.popitem(last=False)
        elif isinstance(event, JobEnded) and event.job_id in self._rows:
            row = self._rows[event.job_id]
            row.ended, row.outcome, row.message = event.time, event.outcome, event.message

    def rows(self) -> list[JobRow]:
        """Every remembered job."""
        return list(self._rows.values())
