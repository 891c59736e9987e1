"""The driver's side of a supervisor: start it, hand it commands, notice its end, end it.

Imports neither Dask nor anything else that is slow, so that a kernel can start the cluster first and import
meanwhile. `supervised_manager.py` makes resource managers of it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from itertools import count
from pathlib import Path
from typing import Any

import spark_kernel
from spark_kernel.common.errors import ClusterError
from spark_kernel.resource_managers.cluster_plan import LOG_NAME, ClusterPlan, supervisor_environment
from spark_kernel.resource_managers.message_pipe import read_messages, write_message
from spark_kernel.resource_managers.sessions import end_session, wait_for_session

START_SECONDS = 60.0
"""A supervisor whose scheduler does not listen after this time never will."""
COMMAND_SECONDS = 10.0
"""A supervisor that does not answer within this time is busy or stuck."""
STOP_SECONDS = 8.0
"""More than a supervisor takes to end everything by force (`supervisor.ENDING_SECONDS` and what follows)."""

_log = logging.getLogger(__name__)

# The first entry of sys.path would be the working directory, where a user's `queue.py` or `random.py` may lie.
_CODE = "import sys; sys.path[0] = sys.argv[1]; from spark_kernel.resource_managers.supervisor import main; main()"


class SupervisedCluster:
    """A cluster that runs under a supervisor process outside this one. Safe to use from several threads."""

    def __init__(self, plan: ClusterPlan) -> None:
        """Start the supervisor. Returns at once; `listening` waits for the cluster. Raises ClusterError."""
        self._owner = os.getpid()
        self._log = Path(plan.scratch) / LOG_NAME
        self._numbers = count()
        self._answers: dict[int, Future[Any]] = {}
        self._listening: Future[dict[str, Any]] = Future()
        self._listeners: list[Callable[[str], None]] = []
        self._lost: str | None = None
        self._stopping = False
        self._changing = threading.RLock()
        self._ending = threading.Lock()
        self._process = _start_process(plan, self._log)
        self._reader = threading.Thread(target=self._read, name="spark-kernel cluster", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Process id of the supervisor, and id of the session of all its processes."""
        return self._process.pid

    @property
    def started(self) -> bool:
        """Whether the scheduler listens."""
        return self._listening.done()

    @property
    def lost(self) -> str | None:
        """Why the cluster ended by itself; None while it lives, or when it was stopped."""
        return self._lost

    def listening(self, seconds: float = START_SECONDS) -> dict[str, Any]:
        """Wait until the scheduler listens; returns what `HostedCluster.describe` says then.

        Raises ClusterError when it does not start.
        """
        try:
            return self._listening.result(seconds)
        except FutureTimeoutError as error:
            raise ClusterError(f"the cluster did not start in {seconds:.0f} s{self._end_of_log()}") from error

    def request(self, command: str, **arguments: Any) -> Any:
        """Have the supervisor carry out a command; returns its answer. Raises ClusterError."""
        number, answer = next(self._numbers), Future[Any]()
        with self._changing:
            if self._stopping or self._lost is not None:
                raise ClusterError(f"the cluster is lost: {self._lost}" if self._lost else "the cluster is stopped")
            self._answers[number] = answer
            # When the supervisor is gone, the reader fails the answer.
            with contextlib.suppress(OSError):
                write_message(_descriptor(self._process.stdin), {"id": number, command: arguments})
        try:
            return answer.result(COMMAND_SECONDS)
        except FutureTimeoutError as error:
            raise ClusterError(f"the cluster did not answer {command!r} in {COMMAND_SECONDS:.0f} s") from error
        finally:
            self._answers.pop(number, None)

    def on_lost(self, listener: Callable[[str], None]) -> None:
        """Call ``listener`` with the reason if the cluster ends by itself; at once if it has already."""
        with self._changing:
            self._listeners.append(listener)
            reason = self._lost
        if reason is not None:
            listener(reason)

    def stop(self) -> None:
        """End everything and wait for it. Does nothing the second time, nor in a process forked from the driver."""
        if os.getpid() != self._owner:
            return
        with self._ending:
            if self._process.returncode is not None:
                return
            with self._changing:
                self._stopping = True
                # The end of the pipe is what tells the supervisor to end everything.
                _close(self._process.stdin)
            # As long as the supervisor has not been waited for, its process id, which is also the id of the session,
            # is not given to anybody else.
            if wait_for_session(self.pid, STOP_SECONDS):
                end_session(self.pid, grace=0.0)
            self._process.wait()
        # A listener, which runs in the reader, may stop what it has been told is lost, while others stop it as well.
        if threading.current_thread() is not self._reader:
            self._reader.join()

    def _read(self) -> None:
        for message in read_messages(_descriptor(self._process.stdout)):
            self._take(message)
        if not self._stopping:
            self._lose(f"its supervisor (process {self.pid}) has ended{self._end_of_log()}")
            # Workers end with their supervisor, unless they are stuck. After a stop the session's id may be another's.
            if self._process.returncode is None:
                end_session(self.pid)
        self._fail_waiting(ClusterError("the cluster is stopped"))
        _close(self._process.stdout)

    def _take(self, message: dict[str, Any]) -> None:
        if self._stopping:
            return
        if "listening" in message:
            self._listening.set_result(message["listening"])
        elif "lost" in message:
            self._lose(f"{message['lost']}{self._end_of_log()}")
        else:
            answer = self._answers.get(message["id"])
            if answer is None:
                return
            if "error" in message:
                answer.set_exception(ClusterError(message["error"]))
            else:
                answer.set_result(message["value"])

    def _lose(self, reason: str) -> None:
        with self._changing:
            if self._lost is not None or self._stopping:
                return
            self._lost = reason
            listeners = list(self._listeners)
        self._fail_waiting(ClusterError(f"the cluster is lost: {reason}"))
        for listener in listeners:
            try:
                listener(reason)
            except Exception:
                _log.exception("listener %r failed", listener)

    def _fail_waiting(self, error: ClusterError) -> None:
        with self._changing:
            for waiting in [self._listening, *self._answers.values()]:
                if not waiting.done():
                    waiting.set_exception(error)

    def _end_of_log(self, lines: int = 15) -> str:
        try:
            with self._log.open("rb") as log:
                log.seek(max(0, self._log.stat().st_size - (1 << 14)))
                text = log.read().decode(errors="replace").strip()
        except OSError:
            return ""
        return "\n" + "\n".join(text.splitlines()[-lines:]) if text else ""


def _start_process(plan: ClusterPlan, log: Path) -> subprocess.Popen[bytes]:
    package_root = str(Path(spark_kernel.__file__).parent.parent)
    try:
        with log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-c", _CODE, package_root],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                bufsize=0,
                env=supervisor_environment(plan, os.environ),
                # An interrupt for the driver's process group must not reach the cluster.
                start_new_session=True,
            )
        with contextlib.suppress(BrokenPipeError):
            write_message(_descriptor(process.stdin), plan.to_message())
    except OSError as error:
        raise ClusterError(f"can't start a process for the cluster: {error}") from error
    return process


def _descriptor(pipe: Any) -> int:
    return int(pipe.fileno())


def _close(pipe: Any) -> None:
    with contextlib.suppress(OSError):
        pipe.close()
