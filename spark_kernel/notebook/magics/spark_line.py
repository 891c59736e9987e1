"""``%spark``: the application from the command side. One table of subcommands gives parser, help and completion."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from spark_kernel.common.errors import ContextError, SettingsError
from spark_kernel.notebook.card.amounts import bytes_text, seconds_text
from spark_kernel.notebook.card.text_tree import text_tree
from spark_kernel.notebook.engine import Context
from spark_kernel.notebook.job_log import JobRow
from spark_kernel.notebook.magics.flags import MASTERS, Flag, describe_flags, parse_flags
from spark_kernel.notebook.magics.tables import fact_list, text_table
from spark_kernel.notebook.nearest import did_you_mean
from spark_kernel.notebook.screen import say
from spark_kernel.notebook.session import Session

SHOWN_JOBS = 20
"""How many jobs ``%spark jobs`` lists."""


@dataclass(frozen=True)
class Command:
    """One subcommand of ``%spark``."""

    name: str
    help: str
    run: Callable[[SparkLine, list[str], dict[str, Any]], str]
    """Takes the words behind the subcommand and its flags; returns what to print."""
    arguments: str = ""
    """The words that it takes, for the help; one in brackets may be left out."""
    flags: tuple[Flag, ...] = ()
    suggestions: Callable[[SparkLine], list[str]] = lambda line: []
    """Words to offer while the user types."""

    @property
    def usage(self) -> str:
        """``scale N``."""
        return f"{self.name} {self.arguments}".rstrip()


class SparkLine:
    """Answers ``%spark`` in one shell."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def run(self, line: str) -> None:
        """Do what ``line``, the text behind ``%spark``, asks for.

        Raises SettingsError for an unknown subcommand, flag or argument, and what the engine raises.
        """
        name, _, rest = line.strip().partition(" ")
        command = COMMANDS.get(name or "status")
        if command is None:
            raise SettingsError(f"%spark has no subcommand {name}. {did_you_mean(name, COMMANDS)}")
        flags, words = parse_flags(rest, command.flags, f"%spark {command.name}")
        most = len(command.arguments.split())
        if len(words) > most:
            raise SettingsError(f"%spark {command.name}: {words[most]!r} is one word too many; use {command.usage!r}")
        if len(words) < most and not command.arguments.startswith("["):
            raise SettingsError(f"%spark {command.name} needs {command.arguments}: %spark {command.usage}")
        text = command.run(self, words, flags)
        if text:
            say(text)

    def running(self) -> Context:
        """The context, which must be there.

        Raises ContextError when there is none.
        """
        context = self.session.existing()
        if context is None:
            raise ContextError("No Spark application is running. Start one with `%spark start [URL]`.")
        return context

    def running_jobs(self) -> list[str]:
        """Ids of the jobs that can be cancelled."""
        context = self.session.existing()
        return [] if context is None else [str(job) for job in sorted(context.active_jobs())]

    def status(self, words: list[str], flags: dict[str, Any]) -> str:
        """The application and its cluster."""
        context = self.session.existing()
        if context is None:
            return "No Spark application is running. The first cell that uses `sc` starts one, as does `%spark start`."
        return described(context.describe())

    def jobs(self, words: list[str], flags: dict[str, Any]) -> str:
        """The latest jobs."""
        rows = self.session.jobs.rows()
        if not rows:
            return "No job has run so far."
        now = time.time()
        header = ["job", "action", "at", "outcome", "stages", "tasks", "time"]
        table = text_table(header, [_job_cells(row, now) for row in rows[-SHOWN_JOBS:]])
        hidden = len(rows) - SHOWN_JOBS
        return f"{table}\n({hidden} earlier jobs are not shown)" if hidden > 0 else table

    def last(self, words: list[str], flags: dict[str, Any]) -> str:
        """The latest run as a tree, as JSON, or the latest error with every frame."""
        if flags.get("traceback"):
            return self.session.last_traceback or "No error so far."
        run = self.session.last_run
        if run is None:
            return "No cell has started a job so far."
        model = run.model.to_json()
        return json.dumps(model, indent=2) if flags.get("json") else text_tree(model, now=time.time())

    def cancel(self, words: list[str], flags: dict[str, Any]) -> str:
        """One job, or all of them."""
        context = self.running()
        active = sorted(context.active_jobs())
        if not active:
            return "No job is running."
        if not words:
            context.cancelAllJobs()
            return f"Cancelled job {', '.join(map(str, active))}."
        job = _whole_number(words[0], "%spark cancel: a job's number")
        if job not in active:
            raise SettingsError(f"Job {job} is not running. Running: {', '.join(map(str, active))}.")
        context.cancelJob(job)
        return f"Cancelled job {job}."

    def storage(self, words: list[str], flags: dict[str, Any]) -> str:
        """Persisted datasets."""
        datasets = self.running().storage_status()
        if not datasets:
            return "Nothing is persisted. `rdd.cache()` keeps a dataset once it is computed."
        return _table(datasets)

    def scale(self, words: list[str], flags: dict[str, Any]) -> str:
        """More or fewer workers."""
        workers = _whole_number(words[0], "%spark scale: the number of workers")
        self.running().scale(workers)
        return f"Asked for {workers} worker{'' if workers == 1 else 's'}. `%spark status` shows those that are there."

    def stop(self, words: list[str], flags: dict[str, Any]) -> str:
        """End the application."""
        if self.session.existing() is None:
            return "No Spark application is running."
        self.session.stop()
        return "Stopped the Spark application and its cluster. `%spark start` starts another one."

    def start(self, words: list[str], flags: dict[str, Any]) -> str:
        """Start an application, on the cluster at a URL if there is one."""
        before = self.session.existing()
        context = self.session.use_master(words[0]) if words else self.session.restart()
        if context is before:
            return f"The Spark application already runs on {context.master}."
        return f"Started a Spark application on {context.master}; `sc` is its context."

    def help(self, words: list[str], flags: dict[str, Any]) -> str:
        """What there is."""
        width = max(len(command.usage) for command in COMMANDS.values())
        lines = ["%spark SUBCOMMAND"]
        for command in COMMANDS.values():
            lines.append(f"  {command.usage:<{width}}  {command.help}")
            if command.flags:
                lines += [" " * (width + 2) + text for text in describe_flags(command.flags).splitlines()]
        return "\n".join([*lines, "%%spark -h lists the flags of a Spark cell."])


def described(facts: Mapping[str, Any]) -> str:
    """Facts as lines; those of a nested mapping follow, lists of mappings become tables.

    >>> cluster = {"master": "local", "processes": {"scheduler": 7}, "workers": [{"name": 0, "cores": 1}]}
    >>> print(described({"master": "local", "cluster": cluster}))
    master     local
    processes  scheduler 7
    <BLANKLINE>
    workers
    name  cores
       0      1
    """
    plain: dict[str, object] = {}
    tables: list[tuple[str, list[dict[str, Any]]]] = []
    nested = [inner for value in facts.values() if isinstance(value, Mapping) for inner in value.items()]
    for name, value in [*facts.items(), *nested]:
        if isinstance(value, Mapping) and name in facts:
            continue
        if isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
            tables.append((name, value))
        else:
            plain.setdefault(name, value)
    parts = [fact_list((name.replace("_", " "), _fact(name, value)) for name, value in plain.items())]
    return "\n\n".join([*parts, *(f"{name}\n{_table(rows)}" for name, rows in tables)])


def _table(rows: list[dict[str, Any]]) -> str:
    header = [name.replace("_", " ") for name in rows[0]]
    return text_table(header, [[_fact(name, value) for name, value in row.items()] for row in rows])


def _job_cells(row: JobRow, now: float) -> list[object]:
    return [row.job_id, row.name, row.place, row.outcome, row.stages, row.tasks, seconds_text(row.seconds(now))]


def _whole_number(text: str, what: str) -> int:
    if not text.isdecimal():
        raise SettingsError(f"{what} must be a whole number, not {text!r}")
    return int(text)


def _fact(name: str, value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool) and ("bytes" in name or "memory" in name):
        return bytes_text(value)
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or None
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_fact(str(key), inner)}" for key, inner in value.items())
    return value


COMMANDS = {
    command.name: command
    for command in (
        Command("status", "the application, its cluster and what runs on it", SparkLine.status),
        Command("jobs", "the latest jobs", SparkLine.jobs),
        Command(
            "last",
            "the latest run, or the latest error",
            SparkLine.last,
            flags=(
                Flag("--json", "json", "the run as JSON: stages, tasks, rows, bytes"),
                Flag("--traceback", "traceback", "the latest error with every frame"),
            ),
        ),
        Command(
            "cancel", "cancel a job, or all", SparkLine.cancel, arguments="[JOB]", suggestions=SparkLine.running_jobs
        ),
        Command("storage", "persisted datasets and where they are", SparkLine.storage),
        Command("scale", "ask for N workers", SparkLine.scale, arguments="N"),
        Command("stop", "end the application and its cluster", SparkLine.stop),
        Command(
            "start",
            "start an application, on the cluster at URL",
            SparkLine.start,
            arguments="[URL]",
            suggestions=lambda line: list(MASTERS),
        ),
        Command("help", "this text", SparkLine.help),
    )
}
"""Every subcommand by name."""
