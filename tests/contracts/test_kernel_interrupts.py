"""The stop button: exactly the cell's jobs are cancelled, on the workers too, and everything stays usable."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clusters import until
from tests.support.kernels import RunningKernel, kernel

pytestmark = pytest.mark.cluster

# Each task notes every step, so that the test sees from outside whether it still runs.
ENDLESS = """{magic}
import time
def spin(n):
    with open({file!r}, "a") as notes:
        while True:
            notes.write("x")
            notes.flush()
            time.sleep(0.01)
print("about to spin")
sc.parallelize(range(4), 4).map(spin).collect()
"""


@pytest.fixture(scope="module")
def spark() -> Iterator[RunningKernel]:
    with kernel("--SparkKernel.master=local[2]") as running:
        running.run("kept = sc.parallelize(range(10), 2).cache()\nkept.count()")
        yield running


def stands_still(file: Path) -> bool:
    """Whether nothing was added to the file for a while."""
    before = file.stat().st_size
    time.sleep(0.3)
    return file.stat().st_size == before


def start_spinning(spark: RunningKernel, file: Path, magic: str) -> str:
    """A cell whose tasks run until they are cancelled."""
    request = spark.send(ENDLESS.format(magic=magic, file=str(file)))
    until(file.exists, "a task began", 40)
    return request


@pytest.mark.parametrize("magic", ["%%spark", ""])
def test_an_interrupt_ends_the_cells_tasks(spark: RunningKernel, tmp_path: Path, magic: str) -> None:
    file = tmp_path / "steps"
    request = start_spinning(spark, file, magic)
    spark.interrupt()
    reply = spark.wait(request)
    assert reply.error == "KeyboardInterrupt"
    told = [line for line in reply.text.splitlines() if line.startswith("Cancelled job")]
    assert len(told) == 1
    assert "(collect) in stage" in told[0]
    assert "Kept:" in told[0]
    assert "spark_kernel" not in reply.traceback
    until(lambda: stands_still(file), "the tasks ended", 60)


def test_the_kernel_and_what_is_cached_stay_usable(spark: RunningKernel, tmp_path: Path) -> None:
    request = start_spinning(spark, tmp_path / "steps", "%%spark")
    spark.interrupt()
    spark.wait(request)
    reply = spark.run("%%spark\nkept.map(lambda n: n + 1).sum()")
    assert reply.result == "55"
    assert "Memory" in spark.run("%spark storage").text


def test_queued_cells_stop(spark: RunningKernel, tmp_path: Path) -> None:
    request = start_spinning(spark, tmp_path / "steps", "%%spark")
    queued = spark.send("print('never')")
    spark.interrupt()
    assert spark.wait(request).error == "KeyboardInterrupt"
    deadline = time.monotonic() + 30
    answer = spark.client.get_shell_msg(timeout=30)
    while answer["parent_header"]["msg_id"] != queued:
        assert time.monotonic() < deadline
        answer = spark.client.get_shell_msg(timeout=30)
    assert answer["content"]["status"] == "aborted"
    assert spark.run("1 + 1").result == "2"


@pytest.mark.parametrize("magic", ["%%spark", ""])
def test_pressing_stop_again_and_again_harms_nothing(spark: RunningKernel, tmp_path: Path, magic: str) -> None:
    file = tmp_path / "steps"
    request = start_spinning(spark, file, magic)
    # From before the cell is cancelled until after the kernel has answered.
    for _ in range(100):
        spark.interrupt()
        time.sleep(0.01)
    assert spark.wait(request).error == "KeyboardInterrupt"
    until(lambda: stands_still(file), "the tasks ended", 60)
    assert spark.run("%%spark\nsc.parallelize(range(10), 4).sum()").result == "45"
    assert spark.run("%spark status").status == "ok"


def test_jobs_of_others_go_on(spark: RunningKernel, tmp_path: Path) -> None:
    spark.run(
        "import threading, time\n"
        "def slow(n):\n"
        "    time.sleep(3)\n"
        "    return n\n"
        "answers = []\n"
        "work = lambda: answers.append(sc.parallelize([1], 1).map(slow).collect())\n"
        "other = threading.Thread(target=work)\n"
        "other.start()"
    )
    request = start_spinning(spark, tmp_path / "steps", "%%spark")
    spark.interrupt()
    assert spark.wait(request).error == "KeyboardInterrupt"
    assert spark.run("other.join(); answers").result == "[[1]]"


def test_the_cancel_command_ends_a_job_from_another_thread(spark: RunningKernel, tmp_path: Path) -> None:
    reply = spark.run(
        "import threading\n"
        "def cancel():\n"
        "    while not sc.active_jobs(): pass\n"
        "    get_ipython().run_line_magic('spark', 'cancel')\n"
        "threading.Thread(target=cancel).start()\n"
        "sc.parallelize([1], 1).map(lambda n: time.sleep(60)).collect()"
    )
    assert reply.error == "JobCancelledError"
    assert "spark_kernel" not in reply.traceback


def test_a_cell_that_awaits_is_interrupted_too(spark: RunningKernel, tmp_path: Path) -> None:
    file = tmp_path / "steps"
    request = start_spinning(spark, file, "import asyncio; await asyncio.sleep(0)")
    spark.interrupt()
    reply = spark.wait(request, timeout=20)
    assert reply.status == "error"
    assert "Cancelled job" in reply.text
    until(lambda: stands_still(file), "the tasks ended", 60)
    assert spark.run("sc.parallelize(range(10), 4).sum()").result == "45"
