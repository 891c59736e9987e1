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
from pathlib import Path
from typing import Any

from spark_kernel.core.execution import worker_plugin
from spark_kernel.core.execution.added_files import AddedFile, pack
from spark_kernel.core.execution.backend import (
    BackendFailed,
    BlockCopied,
    BlockDropped,
    Executor,
    ExecutorJoined,
    ExecutorLost,
    Report,
    TaskBatch,
)
from spark_kernel.core.execution.dask_cancellation import Cancellation
from spark_kernel.core.execution.dask_connection import Connection
from spark_kernel.core.execution.dask_dispatch import Dispatch
from spark_kernel.core.execution.gang_dispatch import GangLimits
from spark_kernel.core.execution.gang_meetings import Replies, Reply
from spark_kernel.core.execution.ledger import Ledger
from spark_kernel.core.execution.loop_thread import LoopThread
from spark_kernel.core.execution.outcomes import Succeeded
from spark_kernel.core.execution.waiting_tasks import Turns
from spark_kernel.core.execution.worker_messages import Began, Copied, Dropped, GivenBack, Meets, WorkerMessage
from spark_kernel.core.lineage.storage_levels import StorageLevel
from spark_kernel.resource_managers.interface import ClusterAddress

_STOP_SECONDS = 5.0
_SETTLE_SECONDS = 30.0
_TRIES = 3
_TRY_AGAIN_SECONDS = 0.5

_log = logging.getLogger(__name__)


class DaskBackend:
    """Runs tasks on the workers of a Dask cluster; a `Backend`."""

    def __init__(
        self,
        cluster: ClusterAddress,
        app_id: str,
        settings: Mapping[str, str] | None = None,
        turns: Turns | None = None,
    ) -> None:
        """``settings`` are the application's; executors find in them where their folder is (``spark.local.dir``).

        ``turns`` says which tasks wait for which slot.

        Raises SettingsError for settings of barrier stages that can't be used.
        """
        self._cluster = cluster
        self._turns = turns or Turns()
        self._connection = Connection(cluster, app_id, settings or {})
        self._gang_limits = GangLimits.from_settings(settings or {})
        self._thread = LoopThread("spark-kernel-dask")
        self._connected = asyncio.Event()
        self._stopping = asyncio.Event()
        self._stop_asked = threading.Event()
        self._dropping = threading.Condition()
        self._drops = 0
        """Requests to drop something that have not been answered yet."""
        self._executors: Mapping[str, Executor] = {}
        self._gone: set[str] = set()
        """Executors that left. Workers with a port of their own come back under the same address."""
        self._report: Callable[[Report], None] | None = None

    # Called from any thread

    def start(self, report: Callable[[Report], None]) -> None:
        """Begin to connect; ``report`` is called, in the backend's thread, for everything that happens."""
        self._report = report
        self._ledger = Ledger(report)
        self._thread.start(self._live)

    def submit(self, batch: TaskBatch) -> None:
        """Run the batch's tasks, once the cluster is there."""
        self._when_connected(lambda: self._dispatch.submit(batch))

    def cancel(self, stage_id: int, stage_attempt: int) -> None:
        """Stop the tasks of a stage attempt: within two seconds all of them are answered."""
        self._when_connected(lambda: self._cancellation.cancel(self._ledger.cancel((stage_id, stage_attempt))))

    def kill(self, task_ids: Sequence[int]) -> None:
        """Stop single tasks, without touching others of their stage."""
        self._when_connected(lambda: self._cancellation.kill(task_ids))

    def executors(self) -> Sequence[Executor]:
        """The workers that are ready now."""
        return tuple(self._executors.values())

    def put_broadcast(self, broadcast_id: int, value: bytes) -> None:
        """Make a serialised value available to every task that refers to it."""
        self._when_connected(lambda: self._dispatch.put_broadcast(broadcast_id, value))

    def drop_broadcast(self, broadcast_id: int) -> None:
        """Forget it everywhere."""
        self._when_connected(lambda: self._dispatch.drop_broadcast(broadcast_id))
        self._everywhere(worker_plugin.drop_broadcast, broadcast_id)

    def put_file(self, file: AddedFile, path: Path) -> None:
        """See that tasks submitted from now on find the file, also on machines other than the driver's.

        Raises OSError when it can't be read.
        """
        if not self._cluster.shares_folder:
            data = pack(path)
            self._when_connected(lambda: self._dispatch.put_file(file, data))

    def drop_blocks(self, node_id: int) -> None:
        """Remove a dataset's cached blocks from every executor."""
        self._everywhere(worker_plugin.drop_blocks, node_id)

    def copy_block(self, node_id: int, partition: int, level: StorageLevel, holder: str, target: str) -> None:
        """Have the executor ``target`` fetch a cached block from ``holder`` and keep it, too."""
        self._when_connected(lambda: self._copy_to(target, (node_id, partition, level, holder)))

    def drop_shuffle(self, shuffle_id: int) -> None:
        """Remove a shuffle's files everywhere."""
        self._everywhere(worker_plugin.drop_shuffle, shuffle_id)

    def settle(self) -> None:
        """Wait until everything that was dropped so far is gone everywhere."""
        with self._dropping:
            settled = self._dropping.wait_for(lambda: not self._drops or self._stop_asked.is_set(), _SETTLE_SECONDS)
        if not settled:
            _log.warning("some workers have not answered for %.0f s; what was dropped goes later", _SETTLE_SECONDS)

    def stop(self) -> None:
        """Cancel what runs and let go of the cluster. Returns when that is done. Idempotent."""
        self._stop_asked.set()
        self._thread.soon(self._stopping.set)
        self._thread.join(_STOP_SECONDS)

    # In the loop

    def _when_connected(self, function: Callable[[], Any]) -> None:
        async def call() -> None:
            await self._connected.wait()
            result = function()
            if asyncio.iscoroutine(result):
                await result

        if not self._stop_asked.is_set():
            self._thread.soon(call)

    def _everywhere(self, function: Callable[..., None], argument: object) -> None:
        async def drop() -> None:
            try:
                await ask()
            finally:
                with self._dropping:
                    self._drops -= 1
                    self._dropping.notify_all()

        async def ask() -> None:
            for _ in range(_TRIES):
                try:
                    await self._connection.run(function, argument)
                    return
                except OSError as error:
                    _log.info("%s: %r", function.__name__, error)
                # What is asked in the moment in which the connection breaks is asked again of the next one.
                await asyncio.sleep(_TRY_AGAIN_SECONDS)
                await self._connected.wait()

        with self._dropping:
            self._drops += 1
        self._when_connected(drop)

    async def _live(self) -> None:
        stopping = asyncio.ensure_future(self._stopping.wait())
        failure = await self._unless(stopping, self._connect(), "can't use the Dask cluster at")
        while failure is None and not stopping.done():
            self._connected.set()
            await self._unless(stopping, self._connection.broken())
            if not stopping.done():
                self._connected.clear()
                _log.warning("the connection to the Dask scheduler at %s broke", self._cluster.address)
                self._dispatch.connection_lost()
                failure = await self._unless(stopping, self._reconnect(), "lost the Dask scheduler at")
        if failure is not None:
            self._tell(BackendFailed(failure))
        if self._connected.is_set() and failure is None:
            await self._cancellation.cancel(self._ledger.open_batches())
            if not self._cluster.owns_workers:
                # The cluster lives on without us: nothing of ours may be kept there.
                await self._connection.unregister()
        self._executors = {}
        stopping.cancel()
        await self._connection.close()
        # Nothing is asked of the cluster any more, and nobody needs to wait for its answers.
        self._stop_asked.set()
        with self._dropping:
            self._dropping.notify_all()

    async def _unless(
        self, stopping: asyncio.Future[Any], work: Coroutine[Any, Any, None], failed: str = ""
    ) -> str | None:
        """Do ``work``; why it failed, or None. It is given up when the backend is stopped."""
        working = asyncio.ensure_future(work)
        await asyncio.wait([stopping, working], return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            working.cancel()
            return None
        error = working.exception()
        return None if error is None else f"{failed} {self._cluster.address}: {error}"

    async def _connect(self) -> None:
        await self._connection.open(self._on_event)
        self._dispatch = Dispatch(
            self._connection,
            self._ledger,
            self._thread,
            lambda: self._executors,
            self._cluster.cores,
            self._turns,
            self._deliver,
            self._gang_limits,
        )
        self._cancellation = Cancellation(self._ledger, self._connection, lambda: tuple(self._executors))
        await self._connection.register()

    async def _reconnect(self) -> None:
        workers = await self._connection.reopen(self._on_event)
        # Whoever left meanwhile has not been announced.
        for executor_id in set(self._executors) - workers:
            self._on_left(executor_id)
        self._dispatch.connected_again()

    def _tell(self, report: Report) -> None:
        assert self._report is not None
        self._report(report)

    def _on_event(self, event: tuple[float, dict[str, Any]]) -> None:
        _, message = event
        if "messages" in message:
            for each in pickle.loads(message["messages"]):
                self._on_message(each, message["executor"])
            self._dispatch.place()
        elif "joined" in message:
            executor = Executor(**message["joined"])
            if executor.executor_id not in self._executors:
                # A new mapping each time: other threads read it.
                self._executors = {**self._executors, executor.executor_id: executor}
                if executor.executor_id in self._gone:
                    self._gone.discard(executor.executor_id)
                    self._everywhere(worker_plugin.peer_returned, executor.executor_id)
                self._tell(ExecutorJoined(executor))
                self._dispatch.place()
        elif "left" in message:
            self._on_left(message["left"])

    def _on_message(self, message: WorkerMessage, executor_id: str) -> None:
        if isinstance(message, Began):
            self._ledger.began(message.task_id, executor_id)
        elif isinstance(message, GivenBack):
            self._dispatch.place(self._ledger.given_back(message.task_ids))
        elif isinstance(message, Copied):
            self._tell(BlockCopied(executor_id, message.block))
        elif isinstance(message, Dropped):
            self._tell(BlockDropped(executor_id, message.block))
        elif isinstance(message, Meets):
            self._dispatch.gangs.meets(message, executor_id)
        else:
            self._ledger.ended(message, executor_id)
            self._dispatch.gangs.ended(message.task_id, isinstance(message, Succeeded))

    def _deliver(self, replies: Replies) -> None:
        for executor_id, said in replies.items():
            self._thread.spawn(self._deliver_to(executor_id, said))

    async def _copy_to(self, executor_id: str, order: tuple[int, int, StorageLevel, str]) -> None:
        try:
            await self._connection.run_on(executor_id, worker_plugin.copy_block, self._connection.app_id, *order)
        except Exception as error:
            # It is gone, and the scheduler will hear of it.
            _log.info("no copy of a block on %s: %r", executor_id, error)

    async def _deliver_to(self, executor_id: str, replies: Sequence[Reply]) -> None:
        try:
            await self._connection.run_on(executor_id, worker_plugin.deliver_replies, self._connection.app_id, replies)
        except Exception as error:
            # It is gone, and with it who waited for the replies.
            _log.info("no answer from %s: %r", executor_id, error)

    def _on_left(self, executor_id: str) -> None:
        reason = "its worker process ended or became unreachable"
        if executor_id in self._executors:
            self._executors = {key: value for key, value in self._executors.items() if key != executor_id}
            self._tell(ExecutorLost(executor_id, reason))
            self._gone.add(executor_id)
            self._everywhere(worker_plugin.peer_left, executor_id)
        self._dispatch.executor_left(executor_id, reason)
