"""The driver's connection to a Dask cluster, and what it installs there. Runs in the backend's event loop only.

A connection that breaks while the scheduler lives is made again, as another client: what the scheduler held for the
first one is gone, messages were lost, and Dask's own way back under the same name fails when a message comes too early.
"""

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
from spark_kernel.core.execution.worker_plugin import ExecutorPlugin, announce_again, application_over
from spark_kernel.core.shuffle.worker_plugin import ShuffleServer
from spark_kernel.resource_managers.interface import ClusterAddress
from spark_kernel.resource_managers.scratch import scratch_folder

_CONNECT_SECONDS = 8
_SEND_INTERVAL = 0.001
"""Seconds between two messages to the scheduler, at least. Dask waits 10 ms; a small job is over by then."""
_GONE_SECONDS = 3.0
"""A scheduler that can't be reached for this long is lost."""
_REGISTER_SECONDS = 10.0
"""A worker that is stuck must not keep the others from working."""
_REQUEST_SECONDS = 30.0
_CLOSE_SECONDS = 1.0

_log = logging.getLogger(__name__)


class _Client(Client):
    """A client that leaves it to its owner to connect again."""

    async def _reconnect(self) -> None:
        # Where Dask would connect again; without a connection to read from, its loop ends.
        self.scheduler_comm = None


class Connection:
    """One application's connection."""

    def __init__(self, cluster: ClusterAddress, app_id: str, settings: Mapping[str, str]) -> None:
        self.app_id = app_id
        self._cluster = cluster
        self._settings = dict(settings)
        self.client: Any = None
        """Dask's; another one after each `reopen`."""

    async def open(self, on_event: Callable[[tuple[float, Any]], None]) -> None:
        """Connect; ``on_event`` hears what executors and scheduler have to say.

        Raises OSError when nobody answers.
        """
        await self._connect(on_event, _CONNECT_SECONDS)

    async def reopen(self, on_event: Callable[[tuple[float, Any]], None]) -> set[str]:
        """Connect again, after the connection broke; the workers that are there now.

        They announce themselves anew. Raises OSError when the scheduler is gone.
        """
        await self.close()
        await self._connect(on_event, _GONE_SECONDS)
        await self._install(DriverPlugin(self.app_id, self.client.id), "scheduler")
        identity = await asyncio.wait_for(self.client.scheduler.identity(n_workers=-1), _GONE_SECONDS)
        # Not waited for: a worker that is stuck does not answer.
        self._announcing = asyncio.ensure_future(self._quietly(self.run(announce_again), _REQUEST_SECONDS))
        return set(identity["workers"])

    async def broken(self) -> None:
        """Return when the connection is broken; what was asked of it is not answered any more."""
        await asyncio.wait([self.client._handle_report_task])
        for state in list(self.client.futures.values()):
            state.cancel(reason="scheduler-connection-lost", msg="the connection to the Dask scheduler broke")

    async def register(self) -> None:
        """Install our plug-ins. Executors announce themselves as theirs is set up.

        Raises ClusterError when the cluster's processes can't import this package.
        """
        await self._install(DriverPlugin(self.app_id, self.client.id), "scheduler")
        await self._install(ExecutorPlugin(self.app_id, self._settings), "workers")
        folder = partial(scratch_folder, self.app_id, self._settings)
        await self._install(ShuffleServer(self.app_id, folder), "nannies")

    async def run(self, function: Callable[..., Any], *arguments: object) -> dict[str, Any]:
        """``function(app_id, *arguments)`` on every worker that answers; worker -> result."""
        running = self.client.run(function, self.app_id, *arguments, on_error="ignore")
        result: dict[str, Any] = await asyncio.wait_for(running, _REQUEST_SECONDS)
        return result

    async def run_on(
        self, executor_id: str, function: Callable[..., Any], *arguments: object, nanny: bool = False
    ) -> Any:
        """``function(*arguments)`` on one worker, or on its nanny. Raises what it raises, and OSError."""
        results = await self.client.run(function, *arguments, workers=[executor_id], nanny=nanny)
        return results[executor_id]

    async def unregister(self) -> None:
        """Take our plug-ins back, and all that the application has on the machines of a cluster that lives on."""
        await self._quietly(self.run(application_over))
        await self._quietly(self.client.unregister_worker_plugin(topic_of(self.app_id)))
        await self._quietly(self.client.unregister_scheduler_plugin(topic_of(self.app_id)))
        await self._quietly(self.client.unregister_worker_plugin(f"spark-kernel-shuffle-{self.app_id}", nanny=True))

    async def close(self) -> None:
        """Let go of the scheduler."""
        if self.client is not None:
            await self._quietly(self.client.close())

    async def _connect(self, on_event: Callable[[tuple[float, Any]], None], seconds: float) -> None:
        self.client = _Client(
            self._cluster.address,
            asynchronous=True,
            set_as_default=False,
            security=self._cluster.security,
            timeout=seconds,
            name=f"spark-kernel-{self.app_id}",
        )
        try:
            await self.client
        except BaseException:
            await self._quietly(self.client.close())
            raise
        self.client.scheduler_comm.interval = _SEND_INTERVAL
        self.client.subscribe_topic(topic_of(self.app_id), on_event)

    async def _install(self, plugin: Any, where: str) -> None:
        installing = asyncio.ensure_future(self.client.register_plugin(plugin))
        done, _ = await asyncio.wait([installing], timeout=_REGISTER_SECONDS)
        if not done:
            _log.warning("some %s of the cluster don't answer", where)
        elif installing.exception() is not None:
            raise ClusterError(
                f"the {where} can't run this application: {installing.exception()}. Is spark-kernel installed there, "
                "in the same version as here?"
            ) from installing.exception()

    async def _quietly(self, awaitable: Awaitable[Any], seconds: float = _CLOSE_SECONDS) -> None:
        try:
            await asyncio.wait_for(awaitable, seconds)
        except Exception as error:
            _log.info("while talking to the Dask cluster: %r", error)
