"""Sending bundles to Dask and noticing their end. Runs in the backend's event loop only."""

from __future__ import annotations

import logging
import pickle
import traceback
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

import dask
from dask._task_spec import Task, TaskRef
from distributed import Future, KilledWorker

from spark_kernel.core.execution.backend import TaskBatch
from spark_kernel.core.execution.bundles import Bundle, cut
from spark_kernel.core.execution.ledger import Ledger, OpenBatch
from spark_kernel.core.execution.orders import TaskOrder, head_of, order_of
from spark_kernel.core.execution.outcomes import unsendable
from spark_kernel.core.execution.scheduler_plugin import task_key
from spark_kernel.core.execution.worker_plugin import keep, run_dask_task

SMALL_HEAD = 64 * 1024
"""A batch's common part up to this size travels with every bundle; a larger one as a Dask key of its own, once per
worker, for which the bundles wait some milliseconds."""

_log = logging.getLogger(__name__)


class Dispatch:
    """The Dask keys of one application."""

    def __init__(
        self,
        client: Any,
        ledger: Ledger,
        app_id: str,
        spawn: Callable[[Coroutine[Any, Any, None]], None],
        slots: Callable[[], int],
    ) -> None:
        self._client = client
        self._ledger = ledger
        self._app_id = app_id
        self._spawn = spawn
        self._slots = slots
        self._broadcasts: dict[int, Future] = {}
        self._data_keys = 0

    def submit(self, batch: TaskBatch) -> None:
        """Send all tasks of a batch."""
        entry = self._ledger.open(batch)
        entry.head = pickle.dumps(head_of(batch), protocol=5)
        self.send(entry, cut(batch.tasks, self._slots()))

    def send(self, entry: OpenBatch, bundles: Sequence[Bundle]) -> None:
        """Send some tasks of a batch."""
        groups: dict[tuple[str, ...], list[Bundle]] = {}
        for bundle in bundles:
            groups.setdefault(bundle.preferred, []).append(bundle)
        for preferred, group in groups.items():
            self._send_group(entry, group, preferred)

    def put_broadcast(self, broadcast_id: int, value: bytes) -> None:
        """Keep a serialised value in the cluster."""
        # Dropped and made again it needs another key: Dask may still be forgetting the first.
        self._data_keys += 1
        key = (f"skbroadcast-{self._app_id}", self._data_keys)
        (self._broadcasts[broadcast_id],) = self._get({key: Task(key, keep, value)})

    def drop_broadcast(self, broadcast_id: int) -> None:
        """Forget it."""
        future = self._broadcasts.pop(broadcast_id, None)
        if future is not None:
            future.release()

    def give_up(self, keys: Iterable[Any]) -> None:
        """Stop waiting for bundles whose tasks have been answered."""
        futures = [entry.futures[key] for key in keys for entry in self._ledger.open_batches() if key in entry.futures]
        if futures:
            self._spawn(self._client.cancel(futures))

    def _send_group(self, entry: OpenBatch, bundles: Sequence[Bundle], preferred: tuple[str, ...]) -> None:
        batch = entry.batch
        graph: dict[Any, Task] = {}
        head = self._head(entry, graph)
        ids = tuple(batch.broadcasts)
        values = [TaskRef(self._broadcasts[broadcast_id].key) for broadcast_id in ids]
        sent = []
        for bundle in bundles:
            orders = self._orders(bundle)
            if not orders:
                continue
            first = bundle.tasks[0]
            key = task_key(
                batch.operation, self._app_id, batch.stage_id, batch.stage_attempt, first.partition, first.attempt
            )
            data = pickle.dumps(orders, protocol=5)
            graph[key] = Task(key, run_dask_task, self._app_id, head, data, ids, *values)
            self._ledger.sent(key, bundle)
            sent.append(key)
        futures = self._get(graph, -batch.priority, preferred)
        for key, future in zip(graph, futures, strict=True):
            entry.futures[key] = future
            if key in sent:
                self._spawn(self._watch(entry, key, future))

    def _head(self, entry: OpenBatch, graph: dict[Any, Task]) -> Any:
        if isinstance(entry.head, bytes) and len(entry.head) > SMALL_HEAD:
            self._data_keys += 1
            key = (f"skhead-{self._app_id}", self._data_keys)
            graph[key] = Task(key, keep, entry.head)
            entry.head = TaskRef(key)
        return entry.head

    def _orders(self, bundle: Bundle) -> list[TaskOrder]:
        orders = []
        for spec in bundle.tasks:
            try:
                orders.append(order_of(spec))
            except Exception as error:
                self._ledger.ended(unsendable(spec, error), "")
        return orders

    def _get(self, graph: dict[Any, Task], priority: int = 0, workers: tuple[str, ...] = ()) -> list[Future]:
        if not graph:
            return []
        # Data that has to travel is no mistake of the user's, of which Dask would have to warn.
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1TiB"}):
            futures: list[Future] = self._client.get(
                graph,
                list(graph),
                sync=False,
                priority=priority,
                workers=list(workers) or None,
                allow_other_workers=bool(workers) or None,
                fifo_timeout="0s",
            )
        return futures

    async def _watch(self, entry: OpenBatch, key: Any, future: Future) -> None:
        while future.status == "pending":
            await future._state.wait()
        try:
            await self._ended(entry, key, future)
        finally:
            entry.futures.pop(key, None)
            future.release()
            if not entry.unanswered:
                # Frees the head, which no further bundle will need.
                for rest in entry.futures.values():
                    rest.release()
                entry.futures.clear()

    async def _ended(self, entry: OpenBatch, key: Any, future: Future) -> None:
        if future.status == "finished" and self._ledger.holds_results(key):
            await self._take_results(key, future)
        if future.status == "error":
            error = await future.exception()
            if isinstance(error, KilledWorker):
                self._ledger.bundle_lost(key, error.last_worker.address, "its worker process ended")
            else:
                text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
                self._ledger.bundle_failed(key, type(error).__name__, str(error), text)
        elif not entry.cancelled:
            self._ledger.bundle_lost(key, "", "Dask gave its tasks up")

    async def _take_results(self, key: Any, future: Future) -> None:
        try:
            values = await self._client.gather(future, direct=None)
        except Exception as error:
            self._ledger.bundle_lost(key, "", f"its results could not be fetched: {error!r}")
        else:
            self._ledger.results_arrived(key, values or {})
