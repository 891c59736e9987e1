"""Asking Graphviz in a process of its own, with a time limit. Used by `layout` and `png`.

One `GraphvizProcess` serves all cards of a kernel: starting it costs 0.3 s, asking it a few milliseconds. It is started
ahead of need by `warm_up`, replaced when it had to be killed, and ends with the kernel.
"""

from __future__ import annotations

import atexit
import base64
import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from typing import Any

from spark_kernel.common.errors import SparkKernelError

_log = logging.getLogger(__name__)

START_SECONDS = 20.0
"""How long the process may take until Graphviz is loaded; a cold disk is slow."""


class GraphvizError(SparkKernelError):
    """Graphviz is missing, failed, or took too long; the card is shown without a picture, or with a plainer one."""


class GraphvizTimeout(GraphvizError):
    """It took longer than it may, and was killed."""


class GraphvizMissing(GraphvizError):
    """There is none on this machine, or its process can't be started."""


class GraphvizProcess:
    """A running Graphviz. Safe to use from several threads; requests wait for each other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = os.getpid()
        self.engine = ""
        """What draws, once known: ``pygraphviz 2.0.4``, the path of ``dot``, or ``none``."""

    def ask(self, dot: str, program: str, form: str, seconds: float) -> bytes:
        """What Graphviz makes of ``dot`` in the format ``form``, within ``seconds``.

        Raises GraphvizTimeout, GraphvizMissing, and GraphvizError when it refuses.
        """
        request = {"dot": dot, "program": program, "format": form, "seconds": seconds}
        with self._lock:
            process = self._running()
            if self.engine == "none":
                raise GraphvizMissing("no picture of the run: `pip install pygraphviz`, or put `dot` on the PATH")
            answer = self._exchange(process, json.dumps(request).encode() + b"\n", seconds)
        if answer.get("complaints"):
            _log.debug("Graphviz said: %s", answer["complaints"])
        if "error" in answer:
            raise GraphvizError(f"Graphviz can't draw the run: {answer['error']}")
        return base64.b64decode(answer["data"])

    def start(self) -> str:
        """Have the process ready; returns what draws. Raises GraphvizMissing when it can't be started."""
        with self._lock:
            self._running()
            return self.engine

    def stop(self) -> None:
        """End the process. It is started again when it is asked again."""
        with self._lock:
            self._kill()

    def _running(self) -> subprocess.Popen[bytes]:
        self._forget_if_forked()
        if self._process is None or self._process.poll() is not None:
            self._kill()
            try:
                self._process = _spawn()
                self.engine = self._exchange(self._process, b"", START_SECONDS)["engine"]
            except (OSError, GraphvizError) as error:
                raise GraphvizMissing(f"the Graphviz process can't be started: {error}") from error
        return self._process

    def _exchange(self, process: subprocess.Popen[bytes], line: bytes, seconds: float) -> dict[str, Any]:
        """Send ``line``, read one answer; kill the process when none comes in time."""
        assert process.stdin is not None
        assert process.stdout is not None
        late = threading.Event()

        def give_up() -> None:
            late.set()
            _kill_group(process)

        timer = threading.Timer(seconds, give_up)
        timer.daemon = True
        timer.start()
        try:
            process.stdin.write(line)
            process.stdin.flush()
            answer = process.stdout.readline()
        except OSError:
            answer = b""
        finally:
            timer.cancel()
        if answer and not late.is_set():
            found: dict[str, Any] = json.loads(answer)
            return found
        self._kill()
        if late.is_set():
            raise GraphvizTimeout(f"Graphviz took more than {seconds:g} s")
        raise GraphvizError("the Graphviz process ended unexpectedly")

    def _forget_if_forked(self) -> None:
        """In a copy of the kernel that the user forked: the process is the kernel's, not ours to ask or to end."""
        if self._owner != os.getpid():
            self._owner, self._process = os.getpid(), None

    def _kill(self) -> None:
        self._forget_if_forked()
        process, self._process = self._process, None
        if process is None:
            return
        _kill_group(process)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        process.wait()


GRAPHVIZ = GraphvizProcess()
"""The Graphviz of this kernel. A process has one, as it has one notebook."""
atexit.register(GRAPHVIZ.stop)


def warm_up() -> None:
    """Start Graphviz in the background, so that the first card does not wait for it. Returns at once."""
    threading.Thread(target=_warm_up, name="spark-card-warm-up", daemon=True).start()


def _warm_up() -> None:
    try:
        GRAPHVIZ.start()
    except GraphvizMissing as error:
        _log.info("%s", error)


def _spawn() -> subprocess.Popen[bytes]:
    # The path is handed over so that neither the user's folder nor this one can shadow a module: both hold names
    # such as ``html.py``.
    paths = [path for path in sys.path if path]
    code = f"import sys; sys.path[:] = {paths!r}; from spark_kernel.notebook.card.layout_process import main; main()"
    # A session of its own: an interrupt of the kernel's process group is not for this process.
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """End the process and a ``dot`` that it may have started."""
    if process.poll() is not None:
        return
    with contextlib.suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
