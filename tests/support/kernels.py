"""Real kernels, spoken to as a front end does, always with a deadline."""

from __future__ import annotations

import os
import queue
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_client.manager import KernelManager

from spark_kernel.notebook.kernel_specs import KERNEL_NAME, OwnKernelSpecs

REPOSITORY = Path(__file__).parent.parent.parent
FAKE_ENGINE = "--SparkKernel.engine_class=tests.support.fake_context.FakeEngine"


@dataclass
class Reply:
    """What one cell left behind."""

    status: str
    """``ok``, ``error`` or ``aborted``."""
    text: str = ""
    """What it printed."""
    result: str = ""
    """The text of its last value."""
    displays: list[dict[str, Any]] = field(default_factory=list)
    """Mimebundles, each in its latest state."""
    error: str = ""
    """Type of the error."""
    traceback: str = ""
    """What was shown of the error, without colours."""
    seconds: float = 0.0


class RunningKernel:
    """One kernel process and its client."""

    def __init__(self, *arguments: str, env: dict[str, str] | None = None, cwd: Path = REPOSITORY) -> None:
        self.manager = KernelManager(kernel_name=KERNEL_NAME, kernel_spec_manager=OwnKernelSpecs())
        self._arguments = list(arguments)
        self._env = {**os.environ, "PYTHONPATH": str(REPOSITORY), **(env or {})}
        self._cwd = str(cwd)

    def start(self, timeout: float = 60) -> RunningKernel:
        """Start the process; returns when it answers."""
        self.manager.start_kernel(extra_arguments=self._arguments, env=self._env, cwd=self._cwd)
        self._connect(timeout)
        return self

    def _connect(self, timeout: float) -> None:
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=timeout)

    @property
    def pid(self) -> int:
        """The kernel's process."""
        pid: int = self.manager.provisioner.pid
        return pid

    def send(self, code: str) -> str:
        """Ask for a cell to be executed; returns the id of the request."""
        request: str = self.client.execute(code, store_history=True)
        return request

    def wait(self, request: str, timeout: float = 60) -> Reply:
        """What became of the request."""
        begun, deadline = time.monotonic(), time.monotonic() + timeout
        reply, shown = Reply("?"), dict[str, dict[str, Any]]()
        while True:
            try:
                message = self.client.get_iopub_msg(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise TimeoutError(f"no end of the cell within {timeout} s; so far: {reply}") from None
            kind, content = message["msg_type"], message["content"]
            if kind == "update_display_data":
                shown[content["transient"]["display_id"]] = content["data"]
            if message["parent_header"].get("msg_id") != request:
                continue
            if kind == "status" and content["execution_state"] == "idle":
                break
            _take(kind, content, reply, shown)
        while (answer := self.client.get_shell_msg(timeout=timeout))["parent_header"]["msg_id"] != request:
            pass
        reply.status = answer["content"]["status"]
        reply.displays = list(shown.values())
        reply.seconds = time.monotonic() - begun
        return reply

    def run(self, code: str, timeout: float = 60) -> Reply:
        """Execute a cell and wait for its end."""
        return self.wait(self.send(code), timeout)

    def wait_for_text(self, text: str, timeout: float = 30) -> None:
        """Wait until some cell prints ``text``."""
        deadline, seen = time.monotonic() + timeout, ""
        while text not in seen:
            message = self.client.get_iopub_msg(timeout=max(0.0, deadline - time.monotonic()))
            if message["msg_type"] == "stream":
                seen += message["content"]["text"]

    def complete(self, code: str) -> list[str]:
        """The completions at the end of ``code``."""
        content = self.client.complete(code, len(code), reply=True, timeout=30)["content"]
        matches: list[str] = content["matches"]
        return matches

    def interrupt(self) -> None:
        """What the stop button does."""
        self.manager.interrupt_kernel()

    def restart(self) -> None:
        """What the restart button does."""
        self.client.stop_channels()
        self.manager.restart_kernel()
        self._connect(60)

    def shutdown(self, now: bool = False) -> None:
        """End the kernel; with ``now`` by SIGKILL."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=now)


def _take(kind: str, content: dict[str, Any], reply: Reply, shown: dict[str, dict[str, Any]]) -> None:
    if kind == "stream":
        reply.text += content["text"]
    elif kind == "execute_result":
        reply.result = content["data"]["text/plain"]
    elif kind == "display_data":
        shown[content.get("transient", {}).get("display_id") or f"display {len(shown)}"] = content["data"]
    elif kind == "error":
        reply.error = content["ename"]
        reply.traceback = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(content["traceback"]))


@contextmanager
def kernel(*arguments: str, env: dict[str, str] | None = None, cwd: Path = REPOSITORY) -> Iterator[RunningKernel]:
    """A kernel that is gone afterwards."""
    running = RunningKernel(*arguments, env=env, cwd=cwd)
    try:
        yield running.start()
    finally:
        if running.manager.has_kernel:
            running.shutdown()
