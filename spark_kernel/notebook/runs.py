"""One execution of a cell: the jobs that it starts, their run card, and how it ends.

`Session` makes runs; the cell hooks and ``%%spark`` begin and end them. A run costs next to nothing until the cell
starts a job: only then does its card appear.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Protocol

from spark_kernel.common.errors import JobCancelledError, JobFailedError
from spark_kernel.common.events import Event, JobGraph, Outcome, RunEnded, RunStarted
from spark_kernel.notebook.card.model import RunModel
from spark_kernel.notebook.card.run_json import RunJson, StageJson
from spark_kernel.notebook.engine import Context


class Card(Protocol):
    """The part of a run card that a run uses."""

    @property
    def model(self) -> RunModel:
        """What the run caused so far."""

    def show(self) -> None:
        """The cell begins, in this thread; nothing is visible before its first job."""

    def listen(self, event: Event) -> None:
        """Take one event into account."""

    def add_plan(self, graph: JobGraph) -> None:
        """Show stages that nothing runs."""

    def finish(self, outcome: Outcome, message: str, patience: float) -> None:
        """Replace the live display by one that needs no kernel; wait ``patience`` seconds for its picture."""


MakeCard = Callable[["Run"], Card]


class NoCard:
    """What takes a card's place for a cell that shows none: only the record of its run."""

    def __init__(self, run: Run) -> None:
        self.model = RunModel(run.run_id, run.title, run.cell)

    def show(self) -> None:
        """There is nothing to show."""

    def listen(self, event: Event) -> None:
        """Take one event into account."""
        self.model.apply(event)

    def add_plan(self, graph: JobGraph) -> None:
        """Keep a record of the plan."""
        self.model.add_plan(graph)

    def finish(self, outcome: Outcome, message: str, patience: float) -> None:
        """There is nothing to finish."""


class Run:
    """What one execution of a cell caused.

    Begins with `begin` in the thread that executes the cell; `end` may be called more than once, the first call counts.
    """

    def __init__(
        self, run_id: str, title: str, cell: int | None, context: Context, make_card: MakeCard, patience: float
    ) -> None:
        """``patience``: seconds that the end of the cell may wait for the picture of its card."""
        self.run_id = run_id
        self.title = title
        self.cell = cell
        self.context = context
        self.planned = False
        """Whether the cell ran with its actions held back."""
        self.interrupted = False
        """Whether an interrupt has begun to cancel its jobs."""
        self._patience = patience
        self._card = make_card(self)
        self._ending = threading.Lock()
        self._ended = False
        self._jobs_belong_here = ExitStack()
        self._stop_listening: Callable[[], None] = lambda: None

    @property
    def model(self) -> RunModel:
        """The record of the run."""
        return self._card.model

    @property
    def has_jobs(self) -> bool:
        """Whether the cell asked for a job, or had one planned."""
        return self.model.has_jobs

    def begin(self) -> None:
        """Jobs that this thread starts from now on belong to this run."""
        self._card.show()
        self._stop_listening = self.context.events.listen(self._card.listen)
        self.context.events.announce(RunStarted(time=time.time(), run_id=self.run_id, title=self.title, cell=self.cell))
        self._jobs_belong_here.enter_context(self.context.run(self.run_id))

    def draw_plan(self, graph: JobGraph) -> None:
        """Show the stages of a dataset that nothing computes."""
        self._card.add_plan(graph)

    def cancel(self, reason: str) -> None:
        """Cancel the jobs of this run; returns when they are cancelled."""
        self.context.cancel_run(self.run_id, reason)

    def end(self, error: BaseException | None) -> None:
        """The cell is over, with ``error`` or without."""
        with self._ending:
            if self._ended:
                return
            self._ended = True
        outcome, message = outcome_of(error, self.planned)
        self._jobs_belong_here.close()
        self.context.events.announce(RunEnded(time=time.time(), run_id=self.run_id, outcome=outcome, message=message))
        self._stop_listening()
        self._card.finish(outcome, message, self._patience)


def outcome_of(error: BaseException | None, planned: bool) -> tuple[Outcome, str]:
    """How a cell that ended with ``error`` is recorded: the outcome, and one line for a person.

    >>> outcome_of(None, planned=False), outcome_of(ValueError("no"), planned=False)
    (('succeeded', ''), ('failed', 'ValueError: no'))
    """
    if error is None:
        return ("planned" if planned else "succeeded"), ""
    if isinstance(error, KeyboardInterrupt):
        return "cancelled", "interrupted"
    first_line = str(error).partition("\n")[0]
    if isinstance(error, JobCancelledError):
        return "cancelled", first_line
    if isinstance(error, JobFailedError):
        # Begins with the user's own error.
        return "failed", first_line
    return "failed", f"{type(error).__name__}: {first_line}" if first_line else type(error).__name__


def cancelled_summary(run: RunJson) -> str:
    """One line about a run whose jobs were cancelled: what was stopped, and what is kept; empty when nothing was.

    ``run`` is the JSON of a run model, taken after the cancellation.
    """
    cancelled = [job for job in run["jobs"] if job["outcome"] == "cancelled"]
    if not cancelled:
        return ""
    ids = {stage_id for job in cancelled for stage_id in job["stages"]}
    stages = [stage for stage in run["stages"] if stage["stage_id"] in ids]
    stopped = [
        f"stage {stage['stage_id']} ({stage['tasks']['succeeded']} of {stage['tasks']['total']} tasks done)"
        for stage in stages
        if stage["state"] == "cancelled" and stage["started"] is not None
    ]
    jobs = ", ".join(f"job {job['job_id']} ({job['name']})" for job in cancelled)
    where = f" in {' and '.join(stopped)}" if stopped else ""
    return f"Cancelled {jobs}{where}. Kept: {_kept(run, stages)}."


def _kept(run: RunJson, stages: list[StageJson]) -> str:
    shuffled = [
        str(stage["stage_id"])
        for stage in stages
        if stage["kind"] == "shuffle_map" and stage["state"] in ("succeeded", "skipped")
    ]
    cached = [node["name"] or node["operation"] for node in run["nodes"] if node["cached_partitions"]]
    kept = []
    if shuffled:
        kept.append(f"the output of stage {', '.join(shuffled)}")
    if cached:
        kept.append(f"what is cached of {', '.join(dict.fromkeys(cached))}")
    return " and ".join([*kept, "the cluster with all datasets"])
