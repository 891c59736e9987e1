"""Sending bundles to Dask and noticing their end. Runs in the backend's event loop only."""

from __future__ import annotations

import logging
import pickle
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import dask
from dask._task_spec import Task, TaskRef
from dask.highlevelgraph import HighLevelGraph, MaterializedLayer
from distributed import Future, KilledWorker

from spark_kernel.core.execution.added_files import AddedFile
from spark_kernel.core.execution.backend import Executor, TaskBatch, TaskSpec
from spark_kernel.core.execution.bundles import Bundle
from spark_kernel.core.execution.dask_connection import Connection
from spark_kernel.core.execution.dask_kept_values import KeptValues
from spark_kernel.core.execution.demand_dispatch import DemandDispatch
from spark_kernel.core.execution.gang_dispatch import GangDispatch, GangLimits
from spark_kernel.core.execution.gang_meetings import Replies
from spark_kernel.core.execution.ledger import Ledger, OpenBatch
from spark_kernel.core.execution.loop_thread import LoopThread
from spark_kernel.core.execution.orders import TaskOrder, head_of, order_of
from spark_kernel.core.execution.outcomes import unsendable
from spark_kernel.core.execution.parcels import Parcel
from spark_kernel.core.execution.scheduler_plugin import is_task_key, task_key
from spark_kernel.core.execution.waiting_tasks import Turns, WaitingTasks
from spark_kernel.core.execution.worker_plugin import keep, run_dask_task

SMALL_HEAD = 64 * 1024
"""A batch's common part up to this size travels with every bundle; a larger one as a Dask key of its own, once per
worker, for which the bundles wait some milliseconds."""
_LOOK_SECONDS = 0.25
"""How often it is looked whether a task has waited long enough for its executor."""

_log = logging.getLogger(__name__)


class Dispatch:
    """The Dask keys of one application."""

    def __init__(
        self,
        connection: Connection,
        ledger: Ledger,
        thread: LoopThread,
        executors: Callable[[], Mapping[str, Executor]],
        expected_slots: int,
        turns: Turns,
        deliver: Callable[[Replies], None],
        gang_limits: GangLimits,
    ) -> None:
        """``executors`` are those that are there; ``expected_slots`` are the slots of all once all are there.

        ``deliver`` brings replies to tasks that wait for each other.
        """
        self._connection = connection
        self._ledger = ledger
        self._app_id = connection.app_id
        self._thread = thread
        self._executors = executors
        self._expected_slots = expected_slots
        self._waiting = WaitingTasks(ledger.is_open, turns)
        self._is_connected = True

        def reachable() -> Mapping[str, Executor]:
            return executors() if self._is_connected else {}

        self.gangs = GangDispatch(ledger, self._send, deliver, thread.later, reachable, expected_slots, gang_limits)
        self._demanding = DemandDispatch(ledger, self._send, thread.later, reachable, lambda: self.gangs.waits_for_room)
        self._look_is_due = False
        self._unsent: list[tuple[OpenBatch, Sequence[Bundle]]] = []
        """What was to be sent while there was no connection."""
        self._broadcasts = KeptValues[int](partial(self._keep, "skbroadcast"))
        self._files = KeptValues[AddedFile](partial(self._keep, "skfile"))
        self._data_keys = 0

    def submit(self, batch: TaskBatch) -> None:
        """Send all tasks of a batch, each when it is its turn."""
        entry = self._ledger.open(batch)
        try:
            entry.head = Parcel(pickle.dumps(head_of(batch), protocol=5))
            if batch.is_gang:
                self.gangs.submit(entry)
            else:
                self.place([(entry, list(batch.tasks))])
        except Exception as error:
            # Whoever waits for these tasks must hear of it.
            self._ledger.batch_failed(entry, type(error).__name__, str(error), traceback.format_exc())

    def place(self, tasks: Iterable[tuple[OpenBatch, list[TaskSpec]]] = ()) -> None:
        """Send what may go now: of ``tasks``, and of those that wait."""
        executors = self._cores()
        now = time.monotonic()
        sending: dict[int, tuple[OpenBatch, list[Bundle]]] = {}
        for entry, specs in tasks:
            if entry.batch.demand.is_one_slot:
                self._waiting.add(entry, specs, executors, now)
            else:
                self._demanding.add(entry, specs)
        if self._waiting:
            load = self._ledger.load()
            slots = {executor: max(0, cores - load.get(executor, 0)) for executor, cores in executors.items()}
            for entry, bundle in self._waiting.hand_out(slots, now, self._ledger.slots_taken(), self._slots()):
                sending.setdefault(id(entry), (entry, []))[1].append(bundle)
            self._look_again_soon()
        for entry, bundles in sending.values():
            self._send(entry, bundles)
        self.gangs.look()
        self._demanding.look()

    def executor_left(self, executor_id: str, reason: str) -> None:
        """The executor is gone: nobody waits for it or for what ran there."""
        self._give_up(self._ledger.executor_lost(executor_id, reason))
        self.place((entry, [spec]) for entry, spec in self._waiting.executor_left(executor_id))

    def connection_lost(self) -> None:
        """The cluster holds nothing of ours any more, and what it runs can't tell of its end."""
        self._is_connected = False
        for entry in self._ledger.open_batches():
            entry.head_key = None
            keys = list(entry.futures)
            entry.futures.clear()
            for key in keys:
                self._ledger.bundle_lost(key, "", "the connection to the Dask scheduler broke")

    def connected_again(self) -> None:
        """Send again what the cluster has to hold, and what waits."""
        self._is_connected = True
        self._broadcasts.send_again()
        self._files.send_again()
        unsent, self._unsent = self._unsent, []
        for entry, bundles in unsent:
            self._send(entry, bundles)
        self.place()

    def _look_again_soon(self) -> None:
        if self._waiting and not self._look_is_due:
            self._look_is_due = True
            self._thread.later(_LOOK_SECONDS, self._look_again)

    def _look_again(self) -> None:
        self._look_is_due = False
        if self._is_connected:
            self.place()

    def _slots(self) -> int:
        return max(1, sum(self._cores().values()), self._expected_slots)

    def _cores(self) -> dict[str, int]:
        return {executor_id: executor.cores for executor_id, executor in self._executors().items()}

    def _send(self, entry: OpenBatch, bundles: Sequence[Bundle]) -> None:
        """Send bundles, to be begun in this order."""
        if not self._is_connected:
            self._unsent.append((entry, bundles))
            return
        batch = entry.batch
        sending = _Sending(_FIRST if batch.is_gang else -batch.priority)
        head = self._head(entry, sending)
        wanted = (tuple(batch.broadcasts), tuple(self._files))
        values = [*map(self._broadcasts.reference, wanted[0]), *map(self._files.reference, wanted[1])]
        for bundle in bundles:
            orders = self._orders(bundle)
            if not orders:
                continue
            first = bundle.tasks[0]
            key = task_key(
                batch.operation, self._app_id, batch.stage_id, batch.stage_attempt, first.partition, first.attempt
            )
            arguments = (self._app_id, head, Parcel(pickle.dumps(orders, protocol=5)), wanted, *values)
            # As a producer of data it waits in the scheduler's queue until a slot is free. Otherwise Dask hands it to a
            # worker at once, where it may wait behind a long task while other workers have nothing to do.
            sending.add(Task(key, run_dask_task, *arguments, _data_producer=True), bundle)
            self._ledger.sent(key, bundle)
        for key, future in self._get(sending).items():
            entry.futures[key] = future
            if is_task_key(key, self._app_id):
                self._thread.spawn(self._watch(entry, key, future))

    def put_broadcast(self, broadcast_id: int, value: bytes) -> None:
        """Keep a serialised value in the cluster."""
        self._broadcasts.put(broadcast_id, value)

    def drop_broadcast(self, broadcast_id: int) -> None:
        """Forget it."""
        self._broadcasts.drop(broadcast_id)

    def put_file(self, file: AddedFile, data: bytes) -> None:
        """Keep a packed file in the cluster, for all tasks from now on; only the latest of a name is of use."""
        for known in [known for known in self._files if known.name == file.name]:
            self._files.drop(known)
        self._files.put(file, data)

    def _keep(self, kind: str, value: Parcel) -> Future:
        # Dropped and made again a value needs another key: Dask may still be forgetting the first.
        self._data_keys += 1
        sending = _Sending(0)
        sending.add(Task((f"{kind}-{self._app_id}", self._data_keys), keep, value))
        (future,) = self._get(sending).values()
        return future

    def _give_up(self, keys: Iterable[Any]) -> None:
        """Stop waiting for bundles whose tasks have been answered."""
        futures = [entry.futures[key] for key in keys for entry in self._ledger.open_batches() if key in entry.futures]
        if futures:
            self._thread.spawn(self._connection.client.cancel(futures))

    def _head(self, entry: OpenBatch, sending: _Sending) -> Any:
        if len(entry.head.data) <= SMALL_HEAD:
            return entry.head
        if entry.head_key is None:
            self._data_keys += 1
            key = (f"skhead-{self._app_id}", self._data_keys)
            sending.add(Task(key, keep, entry.head))
            entry.head_key = TaskRef(key)
        return entry.head_key

    def _orders(self, bundle: Bundle) -> list[TaskOrder]:
        orders = []
        for spec in bundle.tasks:
            try:
                orders.append(order_of(spec, bundle.grant))
            except Exception as error:
                self._ledger.ended(unsendable(spec, error), "")
        return orders

    def _get(self, sending: _Sending) -> dict[Any, Future]:
        keys = list(sending.tasks)
        if not keys:
            return {}
        # With as many slots as tasks there is no order to keep, and a plain graph is less work for the scheduler.
        plain = len(keys) <= self._slots() and not sending.placed and not sending.pinned
        graph = sending.tasks if plain else sending.ordered()
        # Data that has to travel is no mistake of the user's, of which Dask would have to warn.
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1TiB"}):
            futures = self._connection.client.get(
                graph, keys, sync=False, fifo_timeout="0s", priority=sending.priority if plain else 0
            )
        return dict(zip(keys, futures, strict=True))

    async def _watch(self, entry: OpenBatch, key: Any, future: Future) -> None:
        while future.status == "pending":
            await future._state.wait()
        try:
            await self._ended(entry, key, future)
            self.place()
        finally:
            entry.futures.pop(key, None)
            future.release()
            if not entry.unanswered:
                # Frees the head, which no further bundle will need.
                for rest in entry.futures.values():
                    rest.release()
                entry.futures.clear()

    async def _ended(self, entry: OpenBatch, key: Any, future: Future) -> None:
        if future.status == "finished" and entry.is_refused:
            return  # The scheduler cancels the batch.
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
            values = await self._connection.client.gather(future, direct=None)
        except Exception as error:
            self._ledger.bundle_lost(key, "", f"its results could not be fetched: {error!r}")
        else:
            self._ledger.results_arrived(key, values or {})


class _Sending:
    """Dask tasks to be sent at once, in the order in which they should begin."""

    def __init__(self, priority: int) -> None:
        self.priority = priority
        self.tasks: dict[Any, Task] = {}
        self.placed: dict[Any, list[str]] = {}
        self.pinned: dict[Any, list[str]] = {}
        self.reserved: dict[Any, Mapping[str, float]] = {}

    def add(self, task: Task, bundle: Bundle | None = None) -> None:
        """One more, to go to the places of its bundle, if it has one that names any."""
        self.tasks[task.key] = task
        if bundle is not None and bundle.grant is not None:
            self.pinned[task.key] = [bundle.places[0]]
            self.reserved[task.key] = bundle.grant.reserved
        elif bundle is not None and bundle.places:
            self.placed[task.key] = list(bundle.places)

    def ordered(self) -> HighLevelGraph:
        """The tasks with their priorities and places. Without them Dask begins with the last key of the alphabet."""
        priorities = {key: self.priority - i * _STEP for i, key in enumerate(self.tasks)}
        annotations: dict[str, Any] = {"priority": priorities.__getitem__}
        free = {key: task for key, task in self.tasks.items() if key not in self.placed and key not in self.pinned}
        layers = {"free": MaterializedLayer(free, annotations=annotations)}
        for name, places in (("placed", self.placed), ("pinned", self.pinned)):
            where: dict[str, Any] = {"workers": places.__getitem__, "allow_other_workers": name == "placed"}
            if any(self.reserved.get(key) for key in places):
                where["resources"] = self.reserved.__getitem__
            tasks = {key: self.tasks[key] for key in places}
            layers[name] = MaterializedLayer(tasks, annotations={**annotations, **where})
        # A head that the placed tasks need is a free one.
        return HighLevelGraph(layers, {"free": set(), "placed": {"free"}, "pinned": {"free"}})


_FIRST = 1
"""The priority of a gang: above all others, since its tasks keep slots idle until the last of them has got its own."""
_STEP = 1e-6
"""Between the priorities of bundles that are sent together; far less than that between two jobs."""
