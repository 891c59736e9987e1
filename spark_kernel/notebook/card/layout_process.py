"""The process in which Graphviz runs: requests on standard input, answers on standard output, one JSON object a line.

Graphviz holds the interpreter's lock, can't be interrupted and may not come to an end on a tangled graph; in the kernel
it would freeze the notebook. Started and asked by `layout_client`. Graphviz is the one inside pygraphviz, or else the
``dot`` program. The process ends when its input or its parent does, and by an alarm of the operating system when one
layout takes longer than it may, so that it never outlives a kernel that was killed.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from typing import IO, Any

Renderer = Callable[[str, str, str, float], bytes]
"""(DOT, program such as ``dot`` or ``nop2``, format such as ``json0`` or ``png``, seconds) -> what Graphviz wrote."""


def main() -> None:
    """Answer requests until the input ends."""
    answers, complaints = _take_over_outputs()
    with contextlib.suppress(AttributeError, ValueError):
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # An interrupt is for the cell, not for its picture.
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    render, engine = find_renderer()
    _write(answers, {"engine": engine})
    for line in sys.stdin.buffer:
        request = json.loads(line)
        with _alarm(request["seconds"]):
            answer = _answer(render, request)
        answer["complaints"] = _drain(complaints)
        _write(answers, answer)


def find_renderer() -> tuple[Renderer | None, str]:
    """The Graphviz of this machine, and its name."""
    try:
        import pygraphviz
    except ImportError:
        program = shutil.which("dot")
        return (_program_renderer(program), program) if program else (None, "none")
    return _library_renderer(pygraphviz), f"pygraphviz {pygraphviz.__version__}"


def _library_renderer(pygraphviz: Any) -> Renderer:
    def render(dot: str, program: str, form: str, seconds: float) -> bytes:
        graph = pygraphviz.AGraph(dot)
        try:
            return bytes(graph.draw(format=form, prog=program))
        finally:
            graph.close()

    return render


def _program_renderer(executable: str) -> Renderer:
    def render(dot: str, program: str, form: str, seconds: float) -> bytes:
        command = [executable, f"-K{program}", f"-T{form}"]
        done = subprocess.run(command, input=dot.encode(), capture_output=True, timeout=seconds, check=False)
        if done.returncode:
            raise ValueError(done.stderr.decode(errors="replace")[:2000])
        return done.stdout

    return render


def _answer(render: Renderer | None, request: dict[str, Any]) -> dict[str, Any]:
    if render is None:
        return {"error": "there is no Graphviz"}
    try:
        found = render(request["dot"], request["program"], request["format"], request["seconds"])
    except Exception as error:  # Whatever a foreign library raises is an answer; the process stays.
        return {"error": f"{type(error).__name__}: {error}"}
    return {"data": base64.b64encode(found).decode()}


@contextlib.contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """End this process when the block takes longer; the parent's own limit comes first unless the parent is gone."""
    if not hasattr(signal, "setitimer"):
        yield
        return
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds + 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _end_with_parent(parent: int) -> None:
    """A process that the kernel forked may keep our input open after the kernel was killed."""
    while os.getppid() == parent:
        time.sleep(2.0)
    os._exit(0)


def _take_over_outputs() -> tuple[IO[bytes], IO[bytes]]:
    """Keep standard output for answers; what libraries print goes to a file, Fontconfig's warnings for example."""
    answers = os.fdopen(os.dup(1), "wb")
    complaints = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process lives
    os.dup2(complaints.fileno(), 1)
    os.dup2(complaints.fileno(), 2)
    return answers, complaints


def _drain(complaints: IO[bytes]) -> str:
    complaints.seek(0)
    text = complaints.read(4000).decode(errors="replace")
    complaints.seek(0)
    complaints.truncate()
    return text


def _write(answers: IO[bytes], answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer).encode() + b"\n")
    answers.flush()
