"""``%load_ext spark_kernel`` in kernels and terminals that are not ours."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from jupyter_client.manager import KernelManager

from tests.support.kernels import REPOSITORY, RunningKernel

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def python() -> Iterator[RunningKernel]:
    running = RunningKernel()
    running.manager = KernelManager(kernel_name="python3")
    running.start()
    try:
        assert running.run("%load_ext spark_kernel").status == "ok"
        yield running
    finally:
        running.shutdown()


def test_loading_the_extension_starts_nothing(python: RunningKernel) -> None:
    assert "No Spark application" in python.run("%spark status").text


def test_the_magics_are_the_same(python: RunningKernel) -> None:
    python.run("%spark start local[2]")
    reply = python.run("%%spark --name here\nnumbers = sc.parallelize(range(5), 2)\nnumbers.sum()")
    assert reply.result == "10"
    (shown,) = reply.displays
    assert shown["application/vnd.spark-kernel.run.v1+json"]["title"] == "here"


def test_errors_are_shown_the_same(python: RunningKernel) -> None:
    reply = python.run("%%spark\nsc.parallelize([0]).map(lambda n: 1 / n).collect()")
    assert reply.traceback.startswith("ZeroDivisionError: division by zero")
    assert "spark_kernel" not in reply.traceback


def test_plain_cells_have_sc_and_no_card(python: RunningKernel) -> None:
    reply = python.run("sc.parallelize(range(5), 2).sum()")
    assert reply.result == "10"
    assert reply.displays == []


def test_unloading_ends_the_application(python: RunningKernel) -> None:
    python.run("before = sc")
    assert python.run("%unload_ext spark_kernel").status == "ok"
    assert python.run("before.stopped, 'sc' in globals()").result == "(True, False)"
    assert python.run("%spark status").status == "error"
    assert python.run("%load_ext spark_kernel").status == "ok"
    assert python.run("%spark start inline").status == "ok"
    assert python.run("sc.parallelize([1]).count()").result == "1"


def test_a_context_that_the_user_made_is_used(python: RunningKernel) -> None:
    python.run("%unload_ext spark_kernel")
    python.run("from spark_kernel.core.context import SparkContext\nmine = SparkContext('inline', 'my own')")
    python.run("%load_ext spark_kernel")
    assert "my own" in python.run("%spark status").text
    reply = python.run("%%spark\nsc is mine, sc.parallelize([1]).count()")
    assert reply.result == "(True, 1)"


def test_a_terminal_shows_the_tree(tmp_path: Path) -> None:
    script = tmp_path / "session.ipy"
    script.write_text(
        "%load_ext spark_kernel\n"
        "get_ipython().run_cell('%%spark --master inline --name terminal\\nsc.parallelize(range(6), 3).count()')\n"
    )
    ended = subprocess.run(
        [sys.executable, "-m", "IPython", "--colors=NoColor", "--quick", "--simple-prompt", str(script)],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=REPOSITORY,
        env={**os.environ, "IPYTHONDIR": str(tmp_path), "TERM": "dumb"},
    )
    assert "✓ terminal" in ended.stdout, ended.stdout + ended.stderr
    assert "count at cell" in ended.stdout
    assert "6" in ended.stdout
    assert ended.returncode == 0
