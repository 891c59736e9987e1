"""Clusters for tests: applications, drivers in processes of their own, and what is left of a cluster."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import distributed
import psutil

from spark_kernel.common.ids import new_application_id
from spark_kernel.resource_managers.interface import Application, ClusterAddress
from spark_kernel.resource_managers.scratch import scratch_folder
from spark_kernel.resource_managers.sessions import session_members

ROOT = Path(__file__).parent.parent.parent


def until(condition: Callable[[], Any], what: str, seconds: float = 60.0) -> Any:
    """Wait until ``condition`` is true, and return its value; fail, naming ``what``, after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.02)
    return value


def application(preload: tuple[str, ...] = (), settings: Mapping[str, str] | None = None) -> Application:
    """An application of its own, with its folder."""
    app_id = new_application_id()
    return Application(app_id, scratch_folder(app_id, settings), preload, settings or {})


@contextlib.contextmanager
def connected(cluster: ClusterAddress) -> Iterator[distributed.Client]:
    """A client of the cluster, once all expected workers are there."""
    with distributed.Client(cluster.address, set_as_default=False, security=cluster.security, timeout=10) as client:
        client.wait_for_workers(cluster.expected_workers, timeout=30)
        yield client


def listening_addresses(session: int) -> set[tuple[str, int]]:
    """Where the processes of the session accept connections."""
    return {
        (connection.laddr.ip, connection.laddr.port)
        for pid in session_members(session)
        for connection in _each(pid, lambda process: process.net_connections())
        if connection.status == psutil.CONN_LISTEN
    }


def shared_memory(session: int) -> set[str]:
    """Files in shared memory that the processes of the session have mapped: semaphores and segments."""
    return {
        entry.path
        for pid in session_members(session)
        for entry in _each(pid, lambda process: process.memory_maps())
        if entry.path.startswith("/dev/shm/") and not entry.path.endswith("(deleted)")
    }


def somebody_listens(address: tuple[str, int]) -> bool:
    """Whether a connection to ``address`` is accepted."""
    import socket

    with contextlib.suppress(OSError), socket.create_connection(address, timeout=1):
        return True
    return False


class Leftovers:
    """Remembers what a cluster has, so that one can see later what is left of it."""

    def __init__(self, session: int, scratch: Path) -> None:
        self.session = session
        self.scratch = scratch
        self.ports = listening_addresses(session)
        self.shared_memory = shared_memory(session)

    def left(self) -> list[object]:
        """Processes, ports, files in shared memory and folders that are still there."""
        left: list[object] = [psutil.Process(pid) for pid in session_members(self.session) if psutil.pid_exists(pid)]
        left += [address for address in self.ports if somebody_listens(address)]
        left += [path for path in self.shared_memory if Path(path).exists()]
        left += [self.scratch] if self.scratch.exists() else []
        return left

    def assert_gone(self, seconds: float = 60.0) -> None:
        """Nothing is left after ``seconds``."""
        deadline = time.monotonic() + seconds
        while self.left() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert self.left() == []


class Driver:
    """A driver in a process, and a process group, of its own: `driver_script.py`."""

    def __init__(self, url: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.driver_script", url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            cwd=ROOT,
        )
        self.started: dict[str, Any] = self.says()

    def says(self) -> dict[str, Any]:
        """The next thing that the script says."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the driver ended with status {self.process.wait(10)}"
        said: dict[str, Any] = json.loads(line)
        return said

    def ask(self, command: str) -> dict[str, Any]:
        """Have the script do something; returns what it says then."""
        assert self.process.stdin is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.says()

    def leftovers(self) -> Leftovers:
        """What its cluster has now."""
        return Leftovers(self.started["supervisor"], Path(self.started["scratch"]))

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process group of the driver."""
        os.killpg(self.process.pid, number)

    def __enter__(self) -> Driver:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.send(signal.SIGKILL)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        self.process.wait()


def _each(pid: int, look: Callable[[psutil.Process], list[Any]]) -> list[Any]:
    try:
        return look(psutil.Process(pid))
    except (psutil.Error, OSError):
        return []
