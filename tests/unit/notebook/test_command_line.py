"""What the command line understands, and what it says when it can't."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import nbformat
import pytest

from spark_kernel import __version__
from spark_kernel.common.call_sites import CallSite
from spark_kernel.common.event_json import to_json
from spark_kernel.common.events import (
    JobEnded,
    JobGraph,
    JobSubmitted,
    NodeInfo,
    RunEnded,
    RunStarted,
    StageEnded,
    StageInfo,
    StageSubmitted,
)
from spark_kernel.notebook import doctor
from spark_kernel.notebook.command_line import main
from spark_kernel.notebook.html_page import html_page
from spark_kernel.notebook.kernel_specs import KERNEL_NAME, SPEC_FOLDER, OwnKernelSpecs
from spark_kernel.notebook.run_notebook import default_folder, read_notebook
from spark_kernel.storage.documents import write_json_lines
from spark_kernel.storage.options import StorageOptions


def called(*arguments: str) -> int:
    """The exit status of a command line."""
    try:
        return main(arguments)
    except SystemExit as ended:
        return int(ended.code or 0)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert called("--version") == 0
    assert capsys.readouterr().out.strip() == f"spark-kernel {__version__}"


@pytest.mark.parametrize("arguments", [(), ("--help",)])
def test_help_names_every_command(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]) -> None:
    assert called(*arguments) == 0
    text = capsys.readouterr().out
    assert all(command in text for command in ("run", "doctor", "card"))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("rnu", "x.ipynb"), "Did you mean run?"),
        (("run", "x.ipynb", "--timeot", "3"), "Did you mean --timeout?"),
        (("run",), "NOTEBOOK"),
        (("run", "x.ipynb", "--timeout", "soon"), "'soon' is not a number of seconds above 0"),
        (("run", "x.ipynb", "--timeout", "-1"), "not a number of seconds above 0"),
    ],
)
def test_mistakes_name_what_was_meant(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], told: str
) -> None:
    assert called(*arguments) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "There is no notebook"),
        (b"print(1)", "it is not JSON"),
        (b"{}", "not a notebook"),
        (b"[1]", "not a notebook"),
        (b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "magic"}]}', "not a notebook"),
        (b"\xff\xfe", "byte 0 is not UTF-8"),
    ],
)
def test_what_is_not_a_notebook_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, told: str
) -> None:
    path = tmp_path / "x.ipynb"
    if content is not None:
        path.write_bytes(content)
    assert called("run", str(path), "-o", str(tmp_path / "out")) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_folder_is_not_a_notebook(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert called("run", str(tmp_path)) == 2
    assert "can't be read" in capsys.readouterr().err


def test_notebooks_of_older_formats_are_read(tmp_path: Path) -> None:
    path = tmp_path / "old.ipynb"
    cell = {"cell_type": "code", "language": "python", "input": "1", "outputs": [], "metadata": {}, "collapsed": False}
    old = {"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}, "worksheets": [{"cells": [cell]}]}
    path.write_text(json.dumps(old))
    assert read_notebook(path).cells[0].source == "1"


def test_results_go_to_a_folder_of_their_own() -> None:
    folder = default_folder(Path("a/lesson.ipynb"), now=0.0)
    assert folder.parent == Path("spark-kernel-runs")
    assert folder.name.startswith("lesson-19")


def test_a_page_refers_to_nothing_outside(tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_markdown_cell("# Title\n$x^2$"), nbformat.v4.new_code_cell("x = 1")]
    page = html_page(notebook, "title", str(tmp_path))
    assert "<title>title</title>" in page
    assert "<script" not in page
    assert 'src="http' not in page
    assert "<link" not in page


def test_the_command_line_starts_this_python() -> None:
    import sys

    spec = OwnKernelSpecs().get_kernel_spec(KERNEL_NAME)
    assert spec.argv[0] == sys.executable
    assert spec.display_name == "Spark (Dask)"
    assert OwnKernelSpecs().find_kernel_specs()[KERNEL_NAME] == str(SPEC_FOLDER)


def test_the_kernel_has_its_pictures() -> None:
    for name, size in (("logo-32x32.png", 32), ("logo-64x64.png", 64)):
        content = (SPEC_FOLDER / name).read_bytes()
        assert content[:8] == b"\x89PNG\r\n\x1a\n"
        assert [int.from_bytes(content[16 + 4 * i : 20 + 4 * i], "big") for i in range(2)] == [size, size]
    assert (SPEC_FOLDER / "logo-svg.svg").read_text().startswith("<svg")


# -- doctor ------------------------------------------------------------------------------------------------------


def test_the_doctor_finds_this_installation_ready(capsys: pytest.CaptureFixture[str]) -> None:
    assert called("doctor") == 0
    text = capsys.readouterr().out
    for name in ("Python", "spark-kernel", "distributed", "kernel spec", "Graphviz", "cores", "memory", "JupyterLab"):
        assert name in text
    assert text.rstrip().endswith("Ready.")


def test_the_doctor_says_what_to_do_about_a_missing_package(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = doctor.version

    def without_dask(name: str) -> str:
        if name == "distributed":
            raise PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(doctor, "version", without_dask)
    assert called("doctor") == 1
    text = capsys.readouterr().out
    assert "pip install distributed" in text
    assert text.rstrip().endswith("Not ready: distributed.")


def test_the_doctor_says_how_jupyter_finds_the_kernel(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "installed_spec", lambda: None)
    assert called("doctor") == 1
    assert "Not ready: kernel spec." in capsys.readouterr().out


def test_the_doctor_notes_what_works_worse(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(doctor, "jupyter_path", lambda *parts: [str(tmp_path)])
    assert called("doctor") == 0
    assert "plain HTML" in capsys.readouterr().out


def test_a_kernel_spec_of_another_python_is_noted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "kernel.json").write_text('{"argv": ["/other/python"]}')
    monkeypatch.setattr(doctor, "installed_spec", lambda: tmp_path)
    called("doctor")
    assert "it starts /other/python" in capsys.readouterr().out


# -- card --------------------------------------------------------------------------------------------------------


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """An event log of one run with one job."""
    site = CallSite("count", "cell.py", 3, 2)
    node = NodeInfo(0, "parallelize", site, 2, "numbers")
    graph = JobGraph((node,), (), (StageInfo(0, "result", "count at cell [2], line 3", (0,), (), 2),))
    events = [
        RunStarted(1.0, "app-1/run-1", "my <title>", 2),
        JobSubmitted(1.0, 0, "app-1/run-1", site, graph),
        StageSubmitted(1.0, 0, 0, 2),
        StageEnded(2.0, 0, 0, "succeeded"),
        JobEnded(2.0, 0, "succeeded"),
        RunEnded(2.0, "app-1/run-1", "succeeded"),
    ]
    path = tmp_path / "log.jsonl"
    write_json_lines(str(path), [to_json(event) for event in events], StorageOptions())
    return path


def test_a_saved_log_is_drawn_as_text(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert called("card", str(log)) == 0
    text = capsys.readouterr().out
    assert "my <title>" in text
    assert "numbers" in text


def test_a_log_on_any_storage_is_read(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records = [json.loads(line) for line in log.read_text().splitlines()]
    write_json_lines("memory://logs/app-1", records, StorageOptions())
    assert called("card", "memory://logs/app-1") == 0
    assert "numbers" in capsys.readouterr().out


def test_a_saved_log_is_drawn_as_a_page(
    log: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from spark_kernel.notebook import saved_runs
    from spark_kernel.notebook.card.bundle import Pictures

    monkeypatch.setattr(saved_runs, "make_pictures", lambda run: Pictures())
    assert called("card", str(log), "--html", str(tmp_path / "card.html")) == 0
    page = (tmp_path / "card.html").read_text()
    assert "my &lt;title&gt;" in page
    assert "<script" not in page


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "nothing"),
        ("no json\n", "not JSON"),
        ('{"a": 1}\n', "not an event"),
        ("", "holds no job"),
    ],
)
def test_what_is_no_log_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, told: str
) -> None:
    path = tmp_path / "x.jsonl"
    if content is not None:
        path.write_text(content)
    assert called("card", str(path)) == 2
    assert told.lower() in capsys.readouterr().err.lower()
