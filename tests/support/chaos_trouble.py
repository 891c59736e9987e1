"""Trouble that a task makes for the process that it runs in, and for the files around it. Imported by workers.

Each piece of trouble is made once: an empty file in a folder of the test says that it was. Every run of a task is noted
there too, so that a test can tell what was run from what was announced.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
from pyspark import TaskContext

Records = Iterator[Any]
RUNS = "runs"
"""The file that holds a line for each run of a task: label, partition, id of the attempt."""


class PlantedError(Exception):
    """Raised by a task because its test wanted it to."""


def kill(_: random.Random) -> None:
    """The worker's process is gone at once."""
    os.kill(os.getpid(), signal.SIGKILL)


def leave(_: random.Random) -> None:
    """The worker's process ends without a word, as C code that crashes would end it."""
    os._exit(7)


def fail(_: random.Random) -> None:
    """An exception that another attempt would not meet."""
    raise PlantedError("planted: not again")


def dawdle(rng: random.Random) -> None:
    """A slow task."""
    time.sleep(rng.uniform(0.2, 1.0))


def freeze(rng: random.Random) -> None:
    """The worker's process stands still for a while, its connections stay open."""
    pid = os.getpid()
    subprocess.Popen(["sh", "-c", f"sleep {rng.uniform(0.3, 1.5):.2f}; kill -CONT {pid}"])
    os.kill(pid, signal.SIGSTOP)


def drop_connections(_: random.Random | None = None) -> None:
    """Every TCP connection of this process breaks, in both directions."""
    for connection in psutil.Process().net_connections("tcp"):
        if connection.status == psutil.CONN_ESTABLISHED and connection.fd >= 0:
            with contextlib.suppress(OSError), socket.socket(fileno=os.dup(connection.fd)) as copy:
                copy.shutdown(socket.SHUT_RDWR)


def delete_file(rng: random.Random) -> None:
    """A shuffle file is gone."""
    _damage(rng, Path.unlink)


def truncate_file(rng: random.Random) -> None:
    """A shuffle file has lost its end."""
    _damage(rng, lambda path: os.truncate(path, path.stat().st_size // 2))


def scribble_on_file(rng: random.Random) -> None:
    """A shuffle file has bytes that were never written."""

    def scribble(path: Path) -> None:
        with open(path, "r+b") as file:
            file.seek(path.stat().st_size // 3)
            file.write(b"\xff" * 64)

    _damage(rng, scribble)


def _damage(rng: random.Random, how: Callable[[Path], None]) -> None:
    files = sorted(Path(os.environ["SPARK_KERNEL_SCRATCH"]).glob("shuffle/*/map-*"))
    if files:
        # Another task may have removed it.
        with contextlib.suppress(FileNotFoundError):
            how(rng.choice(files))


TROUBLES: Mapping[str, Callable[[random.Random], None]] = {
    "kill": kill,
    "leave": leave,
    "fail": fail,
    "dawdle": dawdle,
    "freeze": freeze,
    "drop": drop_connections,
    "delete": delete_file,
    "truncate": truncate_file,
    "scribble": scribble_on_file,
}


def troubled_step(folder: str, label: str, plan: Mapping[int, tuple[str, int]]) -> Callable[[int, Records], Records]:
    """A step that changes no record, for ``mapPartitionsWithIndex``: notes each run, and makes the trouble of ``plan``.

    ``plan`` gives for a partition the trouble's name and a seed.
    """

    def step(partition: int, records: Records) -> Records:
        note_run(folder, label, partition)
        if partition in plan:
            name, seed = plan[partition]
            if _first_time(Path(folder) / f"{label}-{partition}-{name}"):
                TROUBLES[name](random.Random(seed))
        return records

    return step


def note_run(folder: str, label: str, partition: int) -> None:
    """One line, written at once: lines of several processes don't mix."""
    context = TaskContext.get()
    assert context is not None
    with open(Path(folder) / RUNS, "ab", buffering=0) as file:
        file.write(f"{label} {partition} {context.taskAttemptId()}\n".encode())


def _first_time(marker: Path) -> bool:
    try:
        os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True
