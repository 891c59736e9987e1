"""The driver's connection to a Dask cluster, and what it installs there. Runs in the backend's event loop only."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from distributed import Client

from spark_kernel.common.errors import ClusterError
from spark_kernel.core.execution.scheduler_plugin import DriverPlugin
from spark_kernel.core.execution.worker_messages import topic_of
from spark_kernel.core.execution.worker_plugin import ExecutorPlugin
from spark_kernel.core.shuffle.worker_plugin import ShuffleServer
from spark_kernel.resource_managers.interface import ClusterAddress
from spark_kernel.resource_managers.scratch import scratch_folder

_CONNECT_SECONDS = 8
_SEND_INTERVAL = 0.001
"""Seconds between two messages to the scheduler, at least. Dask waits 10 ms; a small job is over by then."""
_WATCH_SECONDS = 0.5
_GONE_SECONDS = 2.0
"""A scheduler that can't be reached for this long is lost."""
_REGISTER_SECONDS = 10.0
"""A worker that is stuck must not keep the others from working."""
_REQUEST_SECONDS = 30.0
_CLOSE_SECONDS = 1.0

_log = logging.getLogger(__name__)


class Connection:
    """One application's connection."""

    def __init__(self, cluster: ClusterAddress, app_id: str, settings: Mapping[str, str]) -> None:
        self.app_id = app_id
        self._cluster = cluster
        self._settings = dict(settings)
        self._client: Any = None

    async def open(self, on_event: Callable[[tuple[float, Any]], None]) -> Any:
        """A connected client; ``on_event`` hears what executors and scheduler have to say.

        Raises OSError when nobody answers.
        """
        self._client = await Client(
            self._cluster.address,
            asynchronous=True,
            set_as_default=False,
            security=self._cluster.security,
            timeout=_CONNECT_SECONDS,
            name=f"spark-kernel-{self.app_id}",
        )
        self._client.scheduler_comm.interval = _SEND_INTERVAL
        self._client.subscribe_topic(topic_of(self.app_id), on_event)
        return self._client

    async def register(self) -> None:
        """Install our plug-ins. Executors announce themselves as theirs is set up.

        Raises ClusterError when the cluster's processes can't import this package.
        """
        await self._install(DriverPlugin(self.app_id, self._client.id), "scheduler")
        await self._install(ExecutorPlugin(self.app_id, self._settings), "workers")
        folder = partial(scratch_folder, self.app_id, self._settings)
        await self._install(ShuffleServer(self.app_id, folder), "nannies")

    async def run(self, function: Callable[..., Any], *arguments: object) -> dict[str, Any]:
        """``function(app_id, *arguments)`` on every worker that answers; worker -> result."""
        running = self._client.run(function, self.app_id, *arguments, on_error="ignore")
        result: dict[str, Any] = await asyncio.wait_for(running, _REQUEST_SECONDS)
        return result

    async def run_on(
        self, executor_id: str, function: Callable[..., Any], *arguments: object, nanny: bool = False
    ) -> Any:
        """``function(*arguments)`` on one worker, or on its nanny. Raises what it raises, and OSError."""
        results = await self._client.run(function, *arguments, workers=[executor_id], nanny=nanny)
        return results[executor_id]

    async def lost_unless(self, stopping: asyncio.Future[Any]) -> str | None:
        """Why the scheduler is lost, as soon as it is; None when ``stopping`` is done before."""
        gone = 0.0
        while not stopping.done():
            await asyncio.wait([stopping], timeout=_WATCH_SECONDS)
            gone = 0.0 if self._client.status == "running" else gone + _WATCH_SECONDS
            if gone >= _GONE_SECONDS:
                return f"the Dask scheduler at {self._cluster.address} is gone"
        return None

    async def unregister(self) -> None:
        """Take our plug-ins back."""
        await self._quietly(self._client.unregister_worker_plugin(topic_of(self.app_id)))
        await self._quietly(self._client.unregister_scheduler_plugin(topic_of(self.app_id)))
        await self._quietly(self._client.unregister_worker_plugin(f"spark-kernel-shuffle-{self.app_id}", nanny=True))

    async def close(self) -> None:
        """Let go of the scheduler."""
        if self._client is not None:
            await self._quietly(self._client.close())

    async def _install(self, plugin: Any, where: str) -> None:
        installing = asyncio.ensure_future(self._client.register_plugin(plugin))
        done, _ = await asyncio.wait([installing], timeout=_REGISTER_SECONDS)
        if not done:
            _log.warning("some %s of the cluster don't answer", where)
        elif installing.exception() is not None:
            raise ClusterError(
                f"the {where} can't run this application: {installing.exception()}. Is spark-kernel installed there, "
                "in the same version as here?"
            ) from installing.exception()

    async def _quietly(self, awaitable: Awaitable[Any]) -> None:
        try:
            await asyncio.wait_for(awaitable, _CLOSE_SECONDS)
        except Exception as error:
            _log.info("while leaving the Dask cluster: %r", error)
