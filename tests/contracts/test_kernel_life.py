"""However a kernel ends, nothing of it is left; restarts begin anew; two kernels don't meet; all stays on loopback."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest

from tests.support.clusters import listening_addresses, until
from tests.support.kernels import RunningKernel, kernel

pytestmark = pytest.mark.cluster

MASTER = "--SparkKernel.master=local[2]"


def start_work(spark: RunningKernel) -> str:
    """Run a job that shuffles and caches; returns the application's id."""
    reply = spark.run(
        "%%spark --no-card\n"
        "pairs = sc.parallelize(range(100), 4).map(lambda n: (n % 5, n)).cache()\n"
        "pairs.reduceByKey(lambda a, b: a + b).count()"
    )
    assert reply.result == "5", reply
    return spark.run("print(sc.applicationId, end='')").text


def family(pid: int) -> list[psutil.Process]:
    """A process and all that it started."""
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def scratch_folders(app_id: str, base: Path) -> list[Path]:
    """Folders of the application."""
    return [path for path in base.rglob(app_id) if path.is_dir()]


def assert_nothing_is_left(processes: list[psutil.Process], app_id: str, scratch: Path) -> None:
    gone, alive = psutil.wait_procs(processes, timeout=60)
    assert alive == []
    assert len(gone) == len(processes)
    until(lambda: not scratch_folders(app_id, scratch), "the application's folder is gone", 60)


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


@pytest.fixture
def spark(scratch: Path) -> RunningKernel:
    return RunningKernel(MASTER, env={"SPARK_LOCAL_DIRS": str(scratch)})


@pytest.mark.parametrize("how", ["shutdown", "kill"])
def test_nothing_is_left_when_the_kernel_ends(spark: RunningKernel, scratch: Path, how: str) -> None:
    spark.start()
    app_id = start_work(spark)
    assert scratch_folders(app_id, scratch)
    processes = family(spark.pid)
    assert len(processes) >= 4
    spark.shutdown(now=how == "kill")
    assert_nothing_is_left(processes, app_id, scratch)


def test_nothing_is_left_when_a_busy_kernel_ends(spark: RunningKernel, scratch: Path, tmp_path: Path) -> None:
    spark.start()
    app_id = start_work(spark)
    started = tmp_path / "started"
    spark.send(
        "%%spark\nimport time\n"
        f"def spin(n):\n    open({str(started)!r}, 'a').close()\n    while True: time.sleep(0.01)\n"
        "sc.parallelize(range(2), 2).foreach(spin)"
    )
    until(started.exists, "a task began", 30)
    processes = family(spark.pid)
    spark.shutdown()
    assert_nothing_is_left(processes, app_id, scratch)


def test_nothing_is_left_when_the_kernel_ends_before_its_cluster_is_up(spark: RunningKernel, scratch: Path) -> None:
    spark.start()
    processes = family(spark.pid)
    spark.shutdown()
    psutil.wait_procs(processes, timeout=60)
    until(lambda: not [path for path in scratch.rglob("*-*") if path.is_dir() and "-20" in path.name], "no folder", 60)


def test_a_terminated_kernel_leaves_nothing(spark: RunningKernel, scratch: Path) -> None:
    spark.start()
    app_id = start_work(spark)
    processes = family(spark.pid)
    os.kill(spark.pid, signal.SIGTERM)
    try:
        assert_nothing_is_left(processes, app_id, scratch)
    finally:
        spark.shutdown(now=True)


def test_a_restart_begins_anew(spark: RunningKernel, scratch: Path) -> None:
    spark.start()
    try:
        first = start_work(spark)
        processes = family(spark.pid)
        spark.restart()
        second = start_work(spark)
        assert second != first
        assert_nothing_is_left(processes, first, scratch)
    finally:
        spark.shutdown()


def test_the_cluster_that_had_a_head_start_is_the_only_one(spark: RunningKernel) -> None:
    spark.start()
    try:
        start_work(spark)
        supervisors = [
            child
            for child in psutil.Process(spark.pid).children()
            if any("resource_managers.supervisor" in argument for argument in child.cmdline())
        ]
        assert len(supervisors) == 1
    finally:
        spark.shutdown()


def test_two_kernels_do_not_disturb_each_other() -> None:
    with kernel(MASTER) as one, kernel(MASTER) as other:
        first, second = start_work(one), start_work(other)
        assert first != second
        request = one.send(
            "%%spark\nimport time\nprint('busy')\nsc.parallelize([1], 1).map(lambda n: time.sleep(60)).count()"
        )
        one.wait_for_text("busy")
        one.interrupt()
        assert other.run("sc.parallelize(range(10), 2).sum()").result == "45"
        assert one.wait(request).error == "KeyboardInterrupt"
        one.shutdown(now=True)
        assert other.run("sc.parallelize(range(10), 2).sum()").result == "45"


def test_everything_listens_on_loopback_only() -> None:
    with kernel(MASTER) as spark:
        start_work(spark)
        sessions = {os.getsid(process.pid) for process in family(spark.pid)}
        addresses = {address for session in sessions for address, _ in listening_addresses(session)}
        assert addresses
        assert addresses <= {"127.0.0.1", "::1"}
