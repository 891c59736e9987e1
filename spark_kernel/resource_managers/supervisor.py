"""The process between the driver and a cluster: it starts the cluster, and ends it when the driver is gone.

It runs in a session of its own, so that an interrupt for the driver does not reach it, and holds the driver's pipe.
A plan comes first (`cluster_plan`), then commands, each of which is answered. When the pipe is closed, because the
driver stopped the cluster or died, everything that was started ends and the application's folder is removed. There is
no other way to end it, so that the way taken every day is the one for disasters too.

`supervised.py` is the driver's side. What is hosted comes from a factory that the plan names.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import dask

from spark_kernel.resource_managers import fork_server
from spark_kernel.resource_managers.bounded_log import keep_short
from spark_kernel.resource_managers.causes import first_cause
from spark_kernel.resource_managers.cluster_plan import LOG_NAME, ClusterPlan
from spark_kernel.resource_managers.dask_configuration import cluster_configuration, quieten_logs
from spark_kernel.resource_managers.hosted_cluster import HostedCluster
from spark_kernel.resource_managers.message_pipe import read_messages, write_message
from spark_kernel.resource_managers.scratch import remove_scratch_folder, scratch_folder, sweep
from spark_kernel.resource_managers.sessions import end_session

CLOSING_SECONDS = 2.0
"""Workers get this long to end by themselves."""
ENDING_SECONDS = 4.0
"""After this long everything is ended by force, whatever the event loop is doing."""
WATCH_SECONDS = 1.0
"""How often it is checked that the driver lives, should somebody else hold its end of the pipe open."""

_log = logging.getLogger(__name__)


def main() -> None:
    """Run the supervisor. Standard input and output are the driver's pipes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = os.getppid()
    commands, replies = _take_pipes()
    # A process that the driver forked may hold the pipe open after the driver's death; then the parent's id tells.
    messages = read_messages(commands, lambda: os.getppid() == parent, WATCH_SECONDS)
    plan = next(messages, None)
    if plan is not None:
        Supervisor(ClusterPlan.from_message(plan), messages, replies).run()


def _take_pipes() -> tuple[int, int]:
    """The driver's pipes, moved away from where a user's ``print`` or ``input`` would find them."""
    commands, replies = os.dup(0), os.dup(1)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    return commands, replies


class Supervisor:
    """Hosts the cluster of one plan until the driver is gone."""

    def __init__(self, plan: ClusterPlan, commands: Iterator[dict[str, Any]], replies: int) -> None:
        """``commands`` ends when the driver is gone; ``replies`` is the descriptor of the pipe to it."""
        self._plan = plan
        self._commands = commands
        self._replies = replies
        self._start_method: fork_server.StartMethod | None = None
        self._hosted: HostedCluster | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._ending = threading.Lock()

    def run(self) -> None:
        """Serve until the driver is gone. Does not return: the process ends."""
        quieten_logs()
        sys.path[:] = self._plan.import_path
        # Before there are threads.
        self._start_method = fork_server.start(self._plan.preload)
        dask.config.set(cluster_configuration(self._plan.scratch, self._plan.dashboard, self._start_method.name))
        # Not to be swept by another application, even while the driver is already gone.
        folder = scratch_folder(Path(self._plan.scratch).name)
        loop = asyncio.new_event_loop()
        stop = asyncio.Event()
        threading.Thread(target=self._watch_driver, args=(loop, stop), daemon=True).start()
        threading.Thread(target=sweep, args=(folder.parent,), daemon=True).start()
        try:
            loop.run_until_complete(self._serve(stop))
        except Exception:
            _log.exception("the cluster ended with an error")
        finally:
            self._end()

    def _watch_driver(self, loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
        """Hand commands to the loop; when the driver is gone, see to it that this process ends."""
        for message in self._commands:
            loop.call_soon_threadsafe(self._accept, message)
        loop.call_soon_threadsafe(stop.set)
        time.sleep(ENDING_SECONDS)
        self._end()

    def _end(self) -> None:
        """Leave nothing behind and end the process, without waiting for threads."""
        with self._ending:
            server = self._start_method.server if self._start_method else None
            if os.getsid(0) == os.getpid():
                # The fork server ends with the last of those who use it, after it has collected them.
                end_session(os.getpid(), spare=[] if server is None else [server])
            remove_scratch_folder(Path(self._plan.scratch))
            os._exit(0)

    async def _serve(self, stop: asyncio.Event) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        try:
            self._hosted = hosted = _factory(self._plan.factory)(self._plan)
            await hosted.cluster
            self._say({"listening": hosted.describe()})
        except Exception as error:
            _log.exception("the cluster did not start")
            self._say({"lost": f"it did not start: {first_cause(error)}"})
            return
        self._spawn(self._start_workers(hosted, stop))
        self._spawn(self._watch_scheduler(hosted, stop))
        self._spawn(keep_short(Path(self._plan.scratch) / LOG_NAME))
        await stop.wait()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(hosted.close(), CLOSING_SECONDS)

    async def _start_workers(self, hosted: HostedCluster, stop: asyncio.Event) -> None:
        try:
            await hosted.start_workers()
        except Exception as error:
            _log.exception("a worker did not start")
            self._say({"lost": f"a worker did not start: {first_cause(error)}"})
            stop.set()

    async def _watch_scheduler(self, hosted: HostedCluster, stop: asyncio.Event) -> None:
        await hosted.scheduler_finished()
        if not stop.is_set():
            self._say({"lost": "the scheduler has ended"})
            stop.set()

    def _accept(self, message: dict[str, Any]) -> None:
        """Carry out ``{"id": number, command: arguments}``, and answer under the same number."""
        number = message.pop("id")
        ((command, arguments),) = message.items()
        try:
            if self._hosted is None:
                raise RuntimeError("the cluster has not started yet")
            value = self._hosted.command(command, arguments)
        except Exception as error:
            _log.exception("%s failed", command)
            self._say({"id": number, "error": f"{type(error).__name__}: {error}"})
        else:
            self._say({"id": number, "value": value})

    def _say(self, message: dict[str, Any]) -> None:
        # The driver may be gone already; then the end is near anyway.
        with contextlib.suppress(OSError):
            write_message(self._replies, message)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _factory(name: str) -> Callable[[ClusterPlan], HostedCluster]:
    module, function = name.split(":")
    made: Callable[[ClusterPlan], HostedCluster] = getattr(importlib.import_module(module), function)
    return made
