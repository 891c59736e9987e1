"""The executor on a Dask worker: holds its state, and is what the functions find that Dask calls there.

One plug-in per application and worker, named after the application, so that two applications on one cluster do not
meet. The driver registers it once; workers that join later get it from the scheduler before their first task.
"""

from __future__ import annotations

import os
import pickle
import shutil
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
from distributed import Worker, WorkerPlugin, get_worker

from spark_kernel.core.cache.block_store import BlockStore
from spark_kernel.core.cache.stored_blocks import StoredBlock
from spark_kernel.core.execution.added_files import AddedFile, FilePlacement
from spark_kernel.core.execution.block_copies import BlockCopies
from spark_kernel.core.execution.bundle_runner import run_bundle
from spark_kernel.core.execution.cpu_slots import CpuSlots
from spark_kernel.core.execution.demands import addresses_of
from spark_kernel.core.execution.executor_state import ExecutorState, task_memory
from spark_kernel.core.execution.gang_meetings import Reply
from spark_kernel.core.execution.gang_member import GangMembers
from spark_kernel.core.execution.orders import BatchHead, TaskOrder, use_import_paths
from spark_kernel.core.execution.outbox import Outbox
from spark_kernel.core.execution.parcels import Parcel
from spark_kernel.core.execution.running_tasks import StageAttempt
from spark_kernel.core.execution.serialization import dumps
from spark_kernel.core.execution.worker_messages import Dropped, Meets, topic_of
from spark_kernel.core.lineage.storage_levels import StorageLevel
from spark_kernel.core.shared_variables.broadcast import BroadcastCache
from spark_kernel.core.shuffle.block_server import BlockServer
from spark_kernel.core.shuffle.map_outputs import NodePlace
from spark_kernel.core.shuffle.worker_plugin import DaskTransport, serve_from_worker, stop_serving
from spark_kernel.core.shuffle.writer import shuffle_folder
from spark_kernel.resource_managers.scratch import machine_id, remove_scratch_folder, scratch_folder

_DEFAULT_MEMORY = 2 << 30
"""Assumed where a worker has no limit."""
_STORAGE_FRACTION = 0.3
_EXECUTION_FRACTION = 0.3
"""Shares of a worker's memory for cached blocks, and for all its tasks together before they spill."""
_INTERRUPT_AGAIN = 0.1
"""Seconds after which a cancelled task that still runs is interrupted once more."""
_INTERRUPTS = 20
_PLUGIN_SECONDS = 10.0


class ExecutorPlugin(WorkerPlugin):
    """One executor of one application."""

    def __init__(self, app_id: str, settings: Mapping[str, str]) -> None:
        self.app_id = app_id
        self.name = topic_of(app_id)
        self._settings = dict(settings)
        self.is_application_over = False
        """Whether nothing will ask again for what the application has on this machine."""

    def setup(self, worker: Worker) -> None:
        """Called by Dask when the plug-in reaches a worker."""
        self._worker = worker
        self._broadcasts: dict[int, Parcel] = {}
        self._outbox = Outbox(self._send, self._call_later)
        folder = scratch_folder(self.app_id, self._settings)
        # What is shuffled belongs to the machine, all other files to this process.
        self._own_folder = own_folder(folder)
        self.transport = DaskTransport(worker, self.app_id, machine_id(folder))
        self.state = self._make_state(worker, folder)
        self.copies = BlockCopies(self.state.blocks, self.transport.fetch_cached, self._outbox.put)
        self._files = FilePlacement(folder, self.state.place.machine_id)
        serve_from_worker(worker, self.app_id, BlockServer(folder), self._cached_block)
        self.announce()

    def teardown(self, worker: Worker) -> None:
        """Called by Dask when the application or the worker ends."""
        for stage in self.state.running.stages():
            self.state.running.cancel(stage)
        self.copies.stop()
        stop_serving(worker, self.app_id)
        shutil.rmtree(self._own_folder, ignore_errors=True)
        if self.is_application_over:
            remove_scratch_folder(self.state.folder)

    def run(
        self,
        head: Parcel,
        orders: Parcel,
        broadcasts: Mapping[int, Parcel],
        files: Mapping[AddedFile, Parcel],
    ) -> dict[int, bytes] | None:
        """Run a bundle in the calling thread; see `bundle_runner`."""
        self._files.place(files)
        batch: BatchHead = pickle.loads(head.data)
        tasks: list[TaskOrder] = pickle.loads(orders.data)
        use_import_paths(batch.import_paths)
        self._broadcasts.update(broadcasts)
        # A gang's task waits for its like, who may have their CPUs already: nobody may be let in before it.
        with self.state.cpus.taken(tasks[0].grant.cpus, first=batch.is_gang):
            return run_bundle(batch, tasks, self.state, self._outbox, self._call_later)

    def cancel(self, stage: StageAttempt) -> list[int]:
        """Interrupt the running tasks of a stage attempt, again and again until they have ended; their ids."""
        return self._interrupt(lambda: self.state.running.cancel(stage), _INTERRUPTS)

    def kill(self, task_ids: Sequence[int]) -> list[int]:
        """The same for single tasks."""
        return self._interrupt(lambda: self.state.running.kill(task_ids), _INTERRUPTS)

    def drop_broadcast(self, broadcast_id: int) -> None:
        """Let go of a broadcast's value."""
        self._broadcasts.pop(broadcast_id, None)
        self.state.broadcasts.unpersist(broadcast_id)

    def drop_shuffle(self, shuffle_id: int) -> None:
        """Remove a shuffle's files from this machine."""
        shutil.rmtree(shuffle_folder(self.state.folder, shuffle_id), ignore_errors=True)

    def _make_state(self, worker: Worker, folder: Path) -> ExecutorState:
        memory = worker.memory_manager.memory_limit or _DEFAULT_MEMORY
        servers = tuple(address for address in (worker.nanny, worker.contact_address) if address)
        return ExecutorState(
            executor_id=worker.contact_address,
            place=NodePlace(socket.gethostname(), machine_id(folder), servers),
            folder=folder,
            own_folder=self._own_folder,
            memory_share=task_memory(self._settings, int(memory * _EXECUTION_FRACTION / worker.state.nthreads)),
            blocks=BlockStore(self._own_folder / "blocks", int(memory * _STORAGE_FRACTION), self._block_dropped, dumps),
            broadcasts=BroadcastCache(self._broadcast_data),
            transport=self.transport,
            gangs=GangMembers(self._send_at_once),
            cpus=CpuSlots(worker.state.nthreads),
            fetch_cached=self.transport.fetch_cached,
        )

    def _broadcast_data(self, broadcast_id: int) -> Any:
        return self._broadcasts[broadcast_id].data

    def announce(self) -> None:
        """Tell the driver that the executor is there. What it knows already does no harm."""
        worker = self._worker
        executor = {
            "executor_id": self.state.executor_id,
            "host": self.state.place.host,
            "cores": worker.state.nthreads,
            "memory_bytes": worker.memory_manager.memory_limit or 0,
            "resources": addresses_of(worker.state.total_resources, os.environ.get("CUDA_VISIBLE_DEVICES", "")),
        }
        worker.log_event(self.name, {"joined": executor})

    def _cached_block(self, node_id: int, partition: int) -> list[bytes] | None:
        batches = self.state.blocks.batches(node_id, partition)
        return None if batches is None else list(batches)

    def _interrupt(self, interrupt: Callable[[], list[int]], times: int) -> list[int]:
        running = interrupt()
        if running and times:
            self._call_later(_INTERRUPT_AGAIN, lambda: self._interrupt(interrupt, times - 1))
        return running

    def _block_dropped(self, block: StoredBlock) -> None:
        self._outbox.put(Dropped(block))

    def _send_at_once(self, message: Meets) -> None:
        self._outbox.put(message)
        self._outbox.flush()

    def _send(self, messages: bytes) -> None:
        self._worker.log_event(self.name, {"executor": self.state.executor_id, "messages": messages})

    def _call_later(self, seconds: float, function: Callable[[], object]) -> None:
        self._worker.loop.add_callback(self._worker.loop.call_later, seconds, function)


def own_folder(folder: Path) -> Path:
    """Where this process keeps what is of no use without it; removes what processes left there that were killed."""
    here = f"{socket.gethostname()}-"
    for left in (folder / "executors").glob(f"{here}*"):
        pid = left.name.removeprefix(here)
        if pid.isdecimal() and not _lives(int(pid)):
            shutil.rmtree(left, ignore_errors=True)
    return folder / "executors" / f"{here}{os.getpid()}"


def _lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def executor_of(worker: Worker, app_id: str) -> ExecutorPlugin:
    """The application's executor on ``worker``. Raises KeyError when it is not there (yet)."""
    plugin: ExecutorPlugin = worker.plugins[topic_of(app_id)]
    return plugin


def _patient_executor_of(worker: Worker, app_id: str) -> ExecutorPlugin:
    """The same, for a task that may have come before the plug-in."""
    deadline = time.monotonic() + _PLUGIN_SECONDS
    while topic_of(app_id) not in worker.plugins and time.monotonic() < deadline:
        time.sleep(0.01)
    return executor_of(worker, app_id)


# What Dask calls by name; everything that is not in Dask's hands is in the plug-in.


def run_dask_task(
    app_id: str, head: Parcel, orders: Parcel, wanted: tuple[tuple[int, ...], tuple[AddedFile, ...]], *values: Parcel
) -> Any:
    """One Dask task: a bundle. ``values`` are those of the broadcasts and of the added files that ``wanted`` names."""
    broadcasts, files = wanted
    return _patient_executor_of(get_worker(), app_id).run(
        head,
        orders,
        dict(zip(broadcasts, values, strict=False)),
        dict(zip(files, values[len(broadcasts) :], strict=True)),
    )


def keep(data: Parcel) -> Parcel:
    """One Dask task that is nothing but data for others: a batch's head, a broadcast's value."""
    return data


def cancel_stage(app_id: str, stage: StageAttempt, dask_worker: Worker) -> list[int]:
    """Run on every worker to cancel a stage attempt: the ids of the tasks that were running there."""
    return executor_of(dask_worker, app_id).cancel(stage)


def kill_tasks(app_id: str, task_ids: Sequence[int], dask_worker: Worker) -> list[int]:
    """Run on every worker to stop single tasks: the ids of those that were running there."""
    return executor_of(dask_worker, app_id).kill(task_ids)


def announce_again(app_id: str, dask_worker: Worker) -> None:
    """Run on every worker when the driver has connected again."""
    executor_of(dask_worker, app_id).announce()


def peer_left(app_id: str, address: str, dask_worker: Worker) -> None:
    """Run on every worker when another one is gone: nobody has to wait for its answers."""
    executor_of(dask_worker, app_id).transport.mark_dead(address)


def peer_returned(app_id: str, address: str, dask_worker: Worker) -> None:
    """Run on every worker when one is there again, under the address of one that was gone."""
    executor_of(dask_worker, app_id).transport.mark_alive(address)


def deliver_replies(app_id: str, replies: Sequence[Reply], dask_worker: Worker) -> None:
    """Run on a worker whose gang tasks wait for each other."""
    executor_of(dask_worker, app_id).state.gangs.deliver(replies)


def application_over(app_id: str, dask_worker: Worker) -> None:
    """Run on every worker before the plug-in is taken back: the application's folder goes with it."""
    executor_of(dask_worker, app_id).is_application_over = True


def drop_blocks(app_id: str, node_id: int, dask_worker: Worker) -> None:
    """Run on every worker to remove the blocks of a dataset."""
    executor_of(dask_worker, app_id).state.blocks.remove_node(node_id)


def copy_block(
    app_id: str, node_id: int, partition: int, level: StorageLevel, holder: str, dask_worker: Worker
) -> None:
    """Run on a worker to have it keep a copy of another one's block. Returns at once."""
    executor_of(dask_worker, app_id).copies.begin(node_id, partition, level, holder)


def drop_broadcast(app_id: str, broadcast_id: int, dask_worker: Worker) -> None:
    """Run on every worker to let go of a broadcast's value."""
    executor_of(dask_worker, app_id).drop_broadcast(broadcast_id)


def drop_shuffle(app_id: str, shuffle_id: int, dask_worker: Worker) -> None:
    """Run on every worker to remove a shuffle's files."""
    executor_of(dask_worker, app_id).drop_shuffle(shuffle_id)


def end_worker_process(dask_worker: Any) -> bool:
    """Run on a nanny: kill its worker process, which it then replaces. For a thread that nothing else stops."""
    process = dask_worker.process
    if process is None or process.process is None:
        return False
    process.process.kill()
    return True
