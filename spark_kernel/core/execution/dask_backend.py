"""The backend on a Dask cluster: each batch becomes independent Dask tasks, Dask's answers become reports.

One thread with an event loop of its own talks to Dask's scheduler; all that this file and its neighbours know of the
cluster changes in that loop only. Results and progress arrive as messages of the executors (`worker_messages.py`) by
way of the scheduler's topics, in the order in which they were sent; Dask's futures say only that no more will come.
"""

from __future__ import annotations

import asyncio
import logging
import pickle
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from distributed import Client

from spark_kernel.core.execution import worker_plugin
from spark_kernel.core.execution.backend import (
    BackendFailed,
    BlockDropped,
    Executor,
    ExecutorJoined,
    ExecutorLost,
    Report,
    TaskBatch,
)
from spark_kernel.core.execution.dask_cancellation import Cancellation
from spark_kernel.core.execution.dask_dispatch import Dispatch
from spark_kernel.core.execution.ledger import Ledger
from spark_kernel.core.execution.scheduler_plugin import DriverPlugin
from spark_kernel.core.execution.worker_messages import Began, Dropped, GivenBack, WorkerMessage, topic_of
from spark_kernel.core.execution.worker_plugin import ExecutorPlugin
from spark_kernel.resource_managers.interface import ClusterAddress

CONNECT_SECONDS = 10
_WATCH_SECONDS = 0.5
_GONE_SECONDS = 2.0
"""A scheduler that can't be reached for this long is lost."""
_STOP_SECONDS = 3.0
_SEND_INTERVAL = 0.001

_log = logging.getLogger(__name__)


class DaskBackend:
    """Runs tasks on the workers of a Dask cluster; a `Backend`."""

    def __init__(self, cluster: ClusterAddress, app_id: str, settings: Mapping[str, str] | None = None) -> None:
        """``settings`` are the application's; executors find in them where their folder is (``spark.local.dir``)."""
        self._cluster = cluster
        self._app_id = app_id
        self._settings = dict(settings or {})
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="spark-kernel-dask", daemon=True)
        self._connected = asyncio.Event()
        self._stopping = asyncio.Event()
        self._stop_asked = threading.Event()
        self._executors: dict[str, Executor] = {}
        self._coroutines: set[asyncio.Task[Any]] = set()
        self._client: Any = None
        self._report: Callable[[Report], None] = _unheard

    # Called from any thread

    def start(self, report: Callable[[Report], None]) -> None:
        """Begin to connect; ``report`` is called, in the backend's thread, for everything that happens."""
        self._report = report
        self._ledger = Ledger(report)
        self._thread.start()

    def submit(self, batch: TaskBatch) -> None:
        """Run the batch's tasks, once the cluster is there."""
        self._soon(self._submit(batch))

    def cancel(self, stage_id: int, stage_attempt: int) -> None:
        """Stop the tasks of a stage attempt: within two seconds all of them are answered."""
        self._soon(self._cancel(stage_id, stage_attempt))

    def executors(self) -> Sequence[Executor]:
        """The workers that are ready now."""
        return tuple(self._executors.values())

    def put_broadcast(self, broadcast_id: int, value: bytes) -> None:
        """Make a serialised value available to every task that refers to it."""
        self._soon(self._put_broadcast(broadcast_id, value))

    def drop_broadcast(self, broadcast_id: int) -> None:
        """Forget it everywhere."""
        self._soon(self._drop_broadcast(broadcast_id))

    def drop_blocks(self, node_id: int) -> None:
        """Remove a dataset's cached blocks from every executor."""
        self._soon(self._everywhere(worker_plugin.drop_blocks, node_id))

    def drop_shuffle(self, shuffle_id: int) -> None:
        """Remove a shuffle's files everywhere."""
        self._soon(self._everywhere(worker_plugin.drop_shuffle, shuffle_id))

    def stop(self) -> None:
        """Cancel what runs and let go of the cluster. Returns when that is done. Idempotent."""
        if not self._stop_asked.is_set() and self._thread.is_alive():
            self._stop_asked.set()
            self._loop.call_soon_threadsafe(self._stopping.set)
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(timeout=2 * _STOP_SECONDS)

    # In the loop

    def _soon(self, coroutine: Coroutine[Any, Any, None]) -> None:
        if self._stop_asked.is_set() or self._loop.is_closed():
            coroutine.close()
            return
        self._loop.call_soon_threadsafe(self._spawn, self._when_connected(coroutine))

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(coroutine)
        # The loop itself holds tasks weakly.
        self._coroutines.add(task)
        task.add_done_callback(self._coroutines.discard)

    async def _when_connected(self, coroutine: Coroutine[Any, Any, None]) -> None:
        await self._connected.wait()
        try:
            await coroutine
        except Exception:
            _log.exception("a request to the Dask cluster failed")

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._live())
        finally:
            self._loop.close()

    async def _live(self) -> None:
        try:
            await self._connect()
        except Exception as error:
            self._report(BackendFailed(f"can't use the Dask cluster at {self._cluster.address}: {error}"))
        else:
            self._connected.set()
            await self._until_lost_or_stopped()
        await self._disconnect()

    async def _connect(self) -> None:
        self._client = await Client(
            self._cluster.address,
            asynchronous=True,
            set_as_default=False,
            security=self._cluster.security,
            timeout=CONNECT_SECONDS,
            name=f"spark-kernel-{self._app_id}",
        )
        # Messages that follow each other would wait 10 ms; a small job is over by then.
        self._client.scheduler_comm.interval = _SEND_INTERVAL
        self._dispatch = Dispatch(self._client, self._ledger, self._app_id, self._spawn, self._slots)
        self._cancellation = Cancellation(self._client, self._ledger, self._app_id)
        self._client.subscribe_topic(topic_of(self._app_id), self._on_event)
        await self._client.register_plugin(DriverPlugin(self._app_id, self._client.id))
        await self._client.register_plugin(ExecutorPlugin(self._app_id, self._settings))

    async def _until_lost_or_stopped(self) -> None:
        gone = 0.0
        while not self._stopping.is_set():
            await asyncio.wait([self._loop.create_task(self._stopping.wait())], timeout=_WATCH_SECONDS)
            gone = 0.0 if self._client.status == "running" else gone + _WATCH_SECONDS
            if gone >= _GONE_SECONDS:
                self._report(BackendFailed(f"the Dask scheduler at {self._cluster.address} is gone"))
                return

    async def _disconnect(self) -> None:
        if self._client is None:
            return
        if self._client.status == "running" and not self._cluster.owns_workers:
            await self._leave_cluster()
        try:
            await asyncio.wait_for(self._client.close(), _STOP_SECONDS)
        except Exception as error:
            _log.info("closing the connection to Dask: %r", error)
        for task in self._coroutines:
            task.cancel()
        self._executors.clear()

    async def _leave_cluster(self) -> None:
        """The cluster lives on without us: nothing of ours may run there or be kept there."""
        await self._cancellation.cancel(self._ledger.open_batches())
        for plugin in (self._client.unregister_worker_plugin, self._client.unregister_scheduler_plugin):
            try:
                await asyncio.wait_for(plugin(topic_of(self._app_id)), _STOP_SECONDS)
            except Exception as error:
                _log.info("removing a plug-in from the Dask cluster: %r", error)

    def _slots(self) -> int:
        there = sum(executor.cores for executor in self._executors.values())
        return max(1, there, self._cluster.cores)

    def _on_event(self, event: tuple[float, dict[str, Any]]) -> None:
        _, message = event
        if "messages" in message:
            for each in pickle.loads(message["messages"]):
                self._on_message(each, message["executor"])
        elif "joined" in message:
            executor = Executor(**message["joined"])
            self._executors[executor.executor_id] = executor
            self._report(ExecutorJoined(executor))
        elif "left" in message:
            self._on_left(message["left"])

    def _on_message(self, message: WorkerMessage, executor_id: str) -> None:
        if isinstance(message, Began):
            self._ledger.began(message.task_id, executor_id)
        elif isinstance(message, GivenBack):
            for entry, bundle in self._ledger.given_back(message.task_ids, self._slots()):
                self._dispatch.send(entry, [bundle])
        elif isinstance(message, Dropped):
            self._report(BlockDropped(executor_id, message.block))
        else:
            self._ledger.ended(message, executor_id)

    def _on_left(self, executor_id: str) -> None:
        reason = "its worker process ended or became unreachable"
        if self._executors.pop(executor_id, None) is not None:
            self._report(ExecutorLost(executor_id, reason))
        self._dispatch.give_up(self._ledger.executor_lost(executor_id, reason))

    async def _submit(self, batch: TaskBatch) -> None:
        self._dispatch.submit(batch)

    async def _cancel(self, stage_id: int, stage_attempt: int) -> None:
        await self._cancellation.cancel(self._ledger.cancel((stage_id, stage_attempt)))

    async def _put_broadcast(self, broadcast_id: int, value: bytes) -> None:
        self._dispatch.put_broadcast(broadcast_id, value)

    async def _drop_broadcast(self, broadcast_id: int) -> None:
        self._dispatch.drop_broadcast(broadcast_id)
        await self._everywhere(worker_plugin.drop_broadcast, broadcast_id)

    async def _everywhere(self, function: Callable[..., None], argument: int) -> None:
        await self._client.run(function, self._app_id, argument, on_error="ignore")


def _unheard(report: Report) -> None:
    raise RuntimeError("the backend was used before it was started")
