"""`spark-kernel run`, as a user types it: what it prints, what it writes, and its exit status."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import psutil
import pytest

from tests.support.clusters import until
from tests.support.kernels import kernel

pytestmark = pytest.mark.cluster

CARD = "application/vnd.spark-kernel.run.v1+json"
WORDS = """%%spark --name "words"
words = sc.parallelize(["to", "be", "or", "not", "to", "be"], 2)
words.map(lambda word: (word, 1)).reduceByKey(lambda a, b: a + b).sortByKey().collect()"""


def notebook(path: Path, *cells: str, tags: tuple[str, ...] = ()) -> Path:
    """A notebook with these code cells; the last one has the tags."""
    made = nbformat.v4.new_notebook()
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    made.cells = [nbformat.v4.new_markdown_cell("# A lesson"), *(nbformat.v4.new_code_cell(cell) for cell in cells)]
    made.cells[-1].metadata["tags"] = list(tags)
    nbformat.write(made, path)
    return path


def command(*arguments: object, cwd: Path) -> subprocess.Popen[str]:
    """The command line, in a process group of its own as a shell starts it."""
    return subprocess.Popen(
        [sys.executable, "-m", "spark_kernel.notebook.command_line", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=cwd,
        # Somebody else's Jupyter folders: the kernel must be found all the same.
        env={**os.environ, "JUPYTER_PATH": "", "JUPYTER_DATA_DIR": str(cwd / "jupyter"), "COLUMNS": "100"},
    )


def run(*arguments: object, cwd: Path) -> tuple[int, str]:
    """Exit status and output."""
    process = command(*arguments, cwd=cwd)
    out, _ = process.communicate(timeout=600)
    return process.returncode, out


class References(HTMLParser):
    """What a page would load."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            loads = name in ("src", "srcset", "data", "poster") or (name == "href" and tag != "a")
            if loads and value and not value.startswith(("data:", "#")):
                self.found.append(f"{tag} {name}={value[:80]}")


def test_a_notebook_is_executed_printed_and_written(tmp_path: Path) -> None:
    path = notebook(tmp_path / "lesson.ipynb", WORDS, "print('and then')\n1 + 1")
    before = path.read_bytes()
    status, out = run("run", path, cwd=tmp_path)
    assert status == 0, out
    lines = out.splitlines()
    assert '[1/2] %%spark --name "words" …' in lines
    assert "[('be', 2), ('not', 1), ('or', 1), ('to', 2)]" in lines
    assert any(line.startswith("✓ words") for line in lines)
    assert any("Stage" in line and "2/2" in line for line in lines)
    assert lines[lines.index("and then") + 1] == "2"
    assert path.read_bytes() == before

    (folder,) = (tmp_path / "spark-kernel-runs").iterdir()
    assert folder.name.startswith("lesson-")
    assert {file.name for file in folder.iterdir()} == {"lesson.ipynb", "lesson.html"}
    assert str(Path("spark-kernel-runs") / folder.name / "lesson.html") in out
    executed = nbformat.read(folder / "lesson.ipynb", as_version=4)
    nbformat.validate(executed)
    assert executed.metadata.kernelspec.name == "spark"
    (card,) = [output.data for output in executed.cells[1].outputs if CARD in output.get("data", {})]
    assert card[CARD]["outcome"] == "succeeded"
    assert {"text/html", "image/png", "text/plain"} <= set(card)


def test_the_page_needs_nothing_from_elsewhere(tmp_path: Path) -> None:
    run("run", notebook(tmp_path / "lesson.ipynb", WORDS), "-o", tmp_path / "out", cwd=tmp_path)
    page = (tmp_path / "out" / "lesson.html").read_text(encoding="utf-8")
    references = References()
    references.feed(page)
    assert references.found == []
    assert not re.search(r"@import|url\(\s*['\"]?https?:", page)
    assert "import(" not in page
    assert "data:image/svg+xml" in page
    assert "A lesson" in page


def test_a_failing_cell_ends_the_run_with_its_error(tmp_path: Path) -> None:
    path = notebook(
        tmp_path / "lesson.ipynb", "1 + 1", "sc.parallelize([0]).map(lambda n: 1 / n).collect()", "print('no')"
    )
    status, out = run("run", path, "-o", "out", cwd=tmp_path)
    assert status == 1
    lines = out.splitlines()
    assert "ZeroDivisionError: division by zero" in lines
    assert "\x1b" not in out
    assert "Cell 2 of 3 failed: JobFailedError" in out
    assert "no" not in lines
    executed = nbformat.read(tmp_path / "out" / "lesson.ipynb", as_version=4)
    assert executed.cells[2].outputs[-1].ename == "JobFailedError"
    assert "ZeroDivisionError" in (tmp_path / "out" / "lesson.html").read_text(encoding="utf-8")


def test_an_error_that_the_notebook_expects_is_shown_and_passed(tmp_path: Path) -> None:
    path = notebook(tmp_path / "lesson.ipynb", "1 / 0", tags=("raises-exception",))
    status, out = run("run", path, cwd=tmp_path)
    assert status == 0
    assert "ZeroDivisionError" in out


def test_a_cell_that_takes_too_long_is_told(tmp_path: Path) -> None:
    path = notebook(tmp_path / "lesson.ipynb", "import time; time.sleep(60)")
    status, out = run("run", path, "--timeout", "0.5", cwd=tmp_path)
    assert status == 1
    assert "took longer than 1 s" in out


def test_a_cell_that_ends_the_kernel_is_told(tmp_path: Path) -> None:
    status, out = run("run", notebook(tmp_path / "lesson.ipynb", "import os; os._exit(3)"), cwd=tmp_path)
    assert status == 1
    assert "ended the kernel" in out


def test_an_interrupt_stops_the_cell_and_writes_what_there_is(tmp_path: Path) -> None:
    started = tmp_path / "started"
    cell = (
        f"%%spark\nimport time\nsc.parallelize([1], 1).foreach(lambda n: (open({str(started)!r}, 'w'), time.sleep(60)))"
    )
    process = command("run", notebook(tmp_path / "lesson.ipynb", "'kept'", cell), "-o", "out", cwd=tmp_path)
    until(started.exists, "a task began", 60)
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Interrupting the cell" in out
    assert "Cancelled job 0 (foreach)" in out
    assert "Traceback (most recent call last):\n  File" not in out
    executed = json.loads((tmp_path / "out" / "lesson.ipynb").read_text())
    assert executed["cells"][1]["outputs"][0]["data"]["text/plain"] == ["'kept'"]
    assert psutil.wait_procs(family, timeout=60)[1] == []


def test_a_second_interrupt_ends_the_kernel(tmp_path: Path) -> None:
    started = tmp_path / "started"
    cell = (
        "import signal, time\n"
        f"open({str(started)!r}, 'w').close()\n"
        "while True:\n"
        "    try:\n        time.sleep(60)\n"
        "    except KeyboardInterrupt:\n        print('not me', flush=True)"
    )
    process = command("run", notebook(tmp_path / "lesson.ipynb", cell), "-o", "out", cwd=tmp_path)
    until(started.exists, "the cell began", 60)
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    while "not me" not in process.stdout.readline():
        pass
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert (tmp_path / "out" / "lesson.ipynb").exists()


def test_the_notebooks_own_folder_is_the_working_folder(tmp_path: Path) -> None:
    (tmp_path / "lessons").mkdir()
    path = notebook(tmp_path / "lessons" / "lesson.ipynb", "open('beside.txt').read()")
    (tmp_path / "lessons" / "beside.txt").write_text("found")
    status, out = run("run", "lessons/lesson.ipynb", cwd=tmp_path)
    assert status == 0, out
    assert "'found'" in out
    assert path.parent.joinpath("spark-kernel-runs").exists() is False


def test_the_runs_of_an_application_are_drawn_from_its_event_log(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    settings = [f"--SparkKernel.settings=spark.eventLog.{name}" for name in ("enabled=true", f"dir={logs}")]
    with kernel("--SparkKernel.master=inline", *settings) as spark:
        spark.run(WORDS)
    (log,) = logs.iterdir()
    status, out = run("card", log, cwd=tmp_path)
    assert status == 0, out
    assert "✓ words" in out
    assert "sortByKey" in out
    status, out = run("card", log, "--html", "card.html", cwd=tmp_path)
    assert status == 0, out
    page = (tmp_path / "card.html").read_text(encoding="utf-8")
    references = References()
    references.feed(page)
    assert references.found == []
    assert "data:image/svg+xml" in page
