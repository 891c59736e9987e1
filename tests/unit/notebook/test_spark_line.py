"""What ``%spark`` answers."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from spark_kernel.common.errors import ContextError, SettingsError
from spark_kernel.notebook.magics.spark_line import COMMANDS
from tests.support.notebooks import Notebook, notebook


@pytest.fixture
def cells() -> Iterator[Notebook]:
    with notebook() as opened:
        yield opened


@pytest.fixture
def busy(cells: Notebook) -> Notebook:
    cells.run("n = sc.parallelize([1]).count()")
    return cells


def test_without_an_application_status_says_how_to_get_one(cells: Notebook) -> None:
    assert "%spark start" in cells.run("%spark").text


def test_status_lists_what_the_context_knows(busy: Notebook) -> None:
    lines = busy.run("%spark status").text.splitlines()
    assert lines[0].split() == ["master", "local[2]"]
    assert lines[1].startswith("application id")


def test_jobs_is_a_table(busy: Notebook) -> None:
    header, row = busy.run("%spark jobs").text.splitlines()
    assert header.split() == ["job", "action", "at", "outcome", "stages", "tasks", "time"]
    assert row.split()[:7] == ["0", "count", "cell", "[1],", "line", "1", "succeeded"]


def test_last_is_the_tree_of_the_latest_run(busy: Notebook) -> None:
    busy.run("x = 1")
    text = busy.run("%spark last").text
    assert "cell [1]" in text
    assert "count" in text


def test_last_json_is_the_run_for_machines(busy: Notebook) -> None:
    run = json.loads(busy.run("%spark last --json").text)
    assert run["outcome"] == "succeeded"
    assert run["stages"][0]["tasks"]["succeeded"] == 2


def test_last_before_any_job_says_so(cells: Notebook) -> None:
    assert "No cell has started a job" in cells.run("%spark last").text


def test_cancel_ends_one_job_or_all(busy: Notebook) -> None:
    import threading

    for job in (7, 8, 9):
        busy.context._active[job] = (None, threading.Event())
    assert busy.run("%spark cancel 8").text.strip() == "Cancelled job 8."
    assert busy.context.active_jobs() == [7, 9]
    assert busy.run("%spark cancel").text.strip() == "Cancelled job 7, 9."
    assert busy.context.active_jobs() == []


def test_cancel_of_a_job_that_does_not_run_names_those_that_do(busy: Notebook) -> None:
    import threading

    assert "No job is running" in busy.run("%spark cancel 4").text
    busy.context._active[7] = (None, threading.Event())
    output = busy.run("%spark cancel 4")
    busy.context._active.clear()
    assert "Running: 7" in output.text


def test_storage_lists_persisted_datasets(busy: Notebook) -> None:
    assert "2.5 MB" in busy.run("%spark storage").text


def test_scale_asks_for_workers(busy: Notebook) -> None:
    busy.run("%spark scale 5")
    assert busy.context.scaled_to == 5


def test_stop_and_start(busy: Notebook) -> None:
    first = busy.value("sc")
    assert "Stopped" in busy.run("%spark stop").text
    assert first.stopped
    output = busy.run("%%spark\nx = 1")
    assert isinstance(output.error, ContextError)
    assert "%spark start" in output.text
    assert "local[4]" in busy.run("%spark start local[4]").text
    assert busy.value("sc").master == "local[4]"
    assert busy.run("%%spark\nn = sc.parallelize([1]).count()").error is None


def test_start_of_what_runs_says_so(busy: Notebook) -> None:
    before = busy.value("sc")
    assert "already runs" in busy.run("%spark start").text
    assert busy.value("sc") is before


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("statsu", "Did you mean status?"),
        ("last --jsn", "Did you mean --json?"),
        ("scale", "%spark scale N"),
        ("scale many", "whole number"),
        ("stop now", "one word too many"),
        ("status 'x", "close the quotes"),
    ],
)
def test_mistakes_are_answered_with_what_was_expected(busy: Notebook, line: str, told: str) -> None:
    output = busy.run(f"%spark {line}")
    assert isinstance(output.error, SettingsError)
    assert told in output.text
    assert "spark_kernel" not in output.text


def test_help_names_every_subcommand_and_flag(cells: Notebook) -> None:
    text = cells.run("%spark help").text
    for command in COMMANDS.values():
        assert command.usage in text
        assert all(flag.name in text for flag in command.flags)


def test_only_the_latest_jobs_are_listed(busy: Notebook) -> None:
    busy.run("for i in range(30): sc.parallelize([i]).count()")
    lines = busy.run("%spark jobs").text.splitlines()
    assert len(lines) == 22
    assert "11 earlier jobs" in lines[-1]
