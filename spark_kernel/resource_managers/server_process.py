"""One of Dask's servers, a scheduler or a nanny, in a process of its own, so that it can die alone.

The parent's half (`ServerProcess`) is what Dask's `SpecCluster` wants of a worker or scheduler; the child's half
(`run_server`) runs the server until it is told to end or its parent has died.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

import dask
from distributed import rpc
from distributed.deploy.spec import ProcessInterface

from spark_kernel.resource_managers import fork_server
from spark_kernel.resource_managers.causes import first_cause
from spark_kernel.resource_managers.dask_configuration import quieten_logs

START_SECONDS = 30.0
"""A server that does not listen after this time never will."""

_log = logging.getLogger(__name__)


class ServerProcess(ProcessInterface):
    """Starts a server in a process; awaited until it listens."""

    def __init__(
        self, *arguments: Any, server: str, preload_ahead: Sequence[str] | None = None, **options: Any
    ) -> None:
        """``server`` is ``module:Class``; ``arguments`` and ``options`` are given to it.

        ``preload_ahead`` are modules for the fork server that the process starts its own workers with; None for a
        server that has no workers.
        """
        super().__init__()
        receiver, sender = multiprocessing.Pipe(duplex=False)
        context = multiprocessing.get_context(dask.config.get("distributed.worker.multiprocessing-method"))
        self._report = receiver
        self._childs_end = sender
        # Not a daemon of multiprocessing's: those may have no children.
        self._process = context.Process(
            target=run_server,
            args=(server, arguments, options, preload_ahead, dask.config.config, sender),
            daemon=False,
        )

    @property
    def pid(self) -> int | None:
        """Process id, once started."""
        pid: int | None = self._process.pid
        return pid

    async def start(self) -> None:
        """Start the process and wait until its server listens. Raises RuntimeError when it does not."""
        self._process.start()
        # With our copy closed, the end of the child closes the pipe.
        self._childs_end.close()
        asyncio.get_running_loop().add_reader(self._process.sentinel, self._ended)
        try:
            self.address = await asyncio.wait_for(asyncio.to_thread(self._first_report), START_SECONDS)
        except asyncio.TimeoutError as error:
            raise RuntimeError(f"process {self.pid} did not start its server in {START_SECONDS:.0f} s") from error
        await super().start()

    async def close(self, timeout: float = 1.0) -> None:
        """Have the server end, at the latest after ``timeout`` seconds, and wait for the end of the process."""
        if self._process.is_alive():
            if self.address is not None:
                with contextlib.suppress(OSError, asyncio.TimeoutError):
                    async with rpc(self.address) as server:
                        await asyncio.wait_for(server.terminate(), timeout)
            if not await self._finishes_within(timeout / 2):
                self._process.kill()
                await self._finishes_within(timeout)
        await super().close()

    async def _finishes_within(self, seconds: float) -> bool:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.finished(), seconds)
            return True
        return False

    def _first_report(self) -> str:
        try:
            address, error = self._report.recv()
        except EOFError:
            address, error = None, f"process {self.pid} ended before its server listened"
        if address is None:
            raise RuntimeError(error)
        return str(address)

    def _ended(self) -> None:
        asyncio.get_running_loop().remove_reader(self._process.sentinel)
        self._process.join()
        self._event_finished.set()


def run_server(
    server: str,
    arguments: Sequence[Any],
    options: dict[str, Any],
    preload_ahead: Sequence[str] | None,
    configuration: dict[str, Any],
    report: Connection,
) -> None:
    """Run the server in this process, which ends with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    quieten_logs()
    dask.config.set(configuration)
    if preload_ahead is not None:
        # Before there are threads.
        method = fork_server.start(preload_ahead)
        dask.config.set({"distributed.worker.multiprocessing-method": method.name})
    threading.Thread(target=_end_with_parent, daemon=True).start()
    loop = asyncio.new_event_loop()
    loop.run_until_complete(_serve(server, arguments, options, report))
    # Without waiting for threads, which nobody waits for any more.
    os._exit(0)


async def _serve(server: str, arguments: Sequence[Any], options: dict[str, Any], report: Connection) -> None:
    module, name = server.split(":")
    try:
        running = await getattr(importlib.import_module(module), name)(*arguments, **options)
    except Exception as error:
        _log.exception("%s did not start", name)
        report.send((None, first_cause(error)))
        return
    report.send((running.address, None))
    await running.finished()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
    os._exit(1)
