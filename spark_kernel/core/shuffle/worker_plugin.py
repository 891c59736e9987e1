"""The shuffle's door to Dask: serving blocks from nannies and workers, and asking for them.

A nanny outlives its worker process and is never kept busy by user code, so it is asked first: a block of 4 MiB takes
7 ms from a nanny, and up to 0.3 s from a worker whose thread runs Python (measured). Where there is no nanny the
worker serves. Addresses that are known to be dead, from membership events, are not waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from distributed import Nanny, NannyPlugin, Worker
from distributed.core import Server, send_recv
from distributed.protocol import to_serialize

from spark_kernel.core.shuffle.block_server import BlockServer
from spark_kernel.core.shuffle.map_outputs import NodePlace
from spark_kernel.core.shuffle.transport import BlockMissingError, BytesLike, FileRange, PeerUnreachableError

T = TypeVar("T")

_CONNECT_SECONDS = 3.0
"""Dask keeps trying to connect to a dead address until this is over, whatever the address answers."""
_ANSWER_SECONDS = 60.0

CachedBlock = Callable[[int, int], "list[bytes] | None"]
"""(node_id, partition) -> the batches of a cached block, or None."""


def _files_operation(app_id: str) -> str:
    return f"spark_kernel_files_{app_id}"


def _cache_operation(app_id: str) -> str:
    return f"spark_kernel_cached_block_{app_id}"


class ShuffleServer(NannyPlugin):
    """Serves an application's shuffle files from the nanny of each worker. Register it with the client.

    ``find_folder`` is called on the node and gives the application's folder there; it must survive pickling.
    """

    restart = False

    def __init__(self, app_id: str, find_folder: Callable[[], Path]) -> None:
        self.name = f"spark-kernel-shuffle-{app_id}"
        self._app_id = app_id
        self._find_folder = find_folder

    def setup(self, nanny: Nanny) -> None:
        """Called by Dask when the plug-in reaches a nanny."""
        nanny.handlers[_files_operation(self._app_id)] = _files_handler(BlockServer(self._find_folder()))

    def teardown(self, nanny: Nanny) -> None:
        """Called by Dask when the application or the nanny ends."""
        nanny.handlers.pop(_files_operation(self._app_id), None)


def serve_from_worker(worker: Worker, app_id: str, server: BlockServer, cached: CachedBlock) -> None:
    """Serve shuffle files, for clusters without nannies, and cached blocks from ``worker``."""
    worker.handlers[_files_operation(app_id)] = _files_handler(server)

    async def give_cached(node_id: int, partition: int) -> dict[str, Any]:
        batches = await asyncio.to_thread(cached, node_id, partition)
        if batches is None:
            return {"status": "missing", "message": f"partition {partition} of dataset {node_id} is not cached here"}
        return _answer(batches)

    worker.handlers[_cache_operation(app_id)] = give_cached


def stop_serving(worker: Worker, app_id: str) -> None:
    """Undo `serve_from_worker`."""
    worker.handlers.pop(_files_operation(app_id), None)
    worker.handlers.pop(_cache_operation(app_id), None)


def _files_handler(server: BlockServer) -> Callable[[Sequence[FileRange]], Coroutine[Any, Any, dict[str, Any]]]:
    async def give_ranges(ranges: Sequence[FileRange]) -> dict[str, Any]:
        try:
            return _answer(await asyncio.to_thread(server.read, [(path, start, stop) for path, start, stop in ranges]))
        except BlockMissingError as error:
            return {"status": "missing", "message": str(error)}

    return give_ranges


def _answer(data: Sequence[bytes]) -> dict[str, Any]:
    return {"status": "OK", "data": [to_serialize(memoryview(part)) for part in data]}


class DaskTransport:
    """Asks other machines for blocks, through a worker's own connections. A `BlockTransport`.

    Called from task threads; the work is done on the worker's event loop.
    """

    def __init__(self, server: Server, app_id: str, machine_id: str) -> None:
        self._server = server
        self._app_id = app_id
        self._machine_id = machine_id
        self._dead: set[str] = set()
        self._asking: dict[str, set[asyncio.Task[Any]]] = {}

    def is_local(self, place: NodePlace) -> bool:
        """Whether files of ``place`` can be opened right here."""
        return place.machine_id == self._machine_id

    def fetch(self, place: NodePlace, ranges: Sequence[FileRange]) -> Future[list[BytesLike]]:
        """Begin to fetch ``ranges``, from the first address of ``place`` that answers.

        The future fails with BlockMissingError or PeerUnreachableError. Cancelling it abandons the request.
        """
        message = {"op": _files_operation(self._app_id), "ranges": list(ranges)}
        return self._begin(self._ask_in_turn(place.servers, message))

    def fetch_cached(self, address: str, node_id: int, partition: int) -> Future[list[BytesLike]]:
        """Begin to fetch the batches of a cached block from the worker at ``address``.

        The future fails with BlockMissingError when it is not there any more, or PeerUnreachableError.
        """
        message = {"op": _cache_operation(self._app_id), "node_id": node_id, "partition": partition}
        return self._begin(self._ask_in_turn((address,), message))

    def mark_dead(self, address: str) -> None:
        """``address`` left the cluster: don't wait for it, and give up what is being asked there."""
        self._dead.add(address)
        self._server.loop.add_callback(self._abandon, address)

    def mark_alive(self, address: str) -> None:
        """``address`` is in the cluster (again)."""
        self._dead.discard(address)

    def _begin(self, asking: Coroutine[Any, Any, T]) -> Future[T]:
        return asyncio.run_coroutine_threadsafe(asking, self._server.loop.asyncio_loop)

    def _abandon(self, address: str) -> None:
        for task in self._asking.get(address, ()):
            task.cancel()

    async def _ask_in_turn(self, addresses: Sequence[str], message: dict[str, Any]) -> list[BytesLike]:
        refusals = []
        for address in addresses:
            if address in self._dead:
                refusals.append(f"{address} left the cluster")
                continue
            try:
                return await self._ask(address, message)
            except (OSError, asyncio.TimeoutError) as error:
                refusals.append(f"{address}: {type(error).__name__} {error}".rstrip())
        raise PeerUnreachableError("nobody answers: " + ("; ".join(refusals) or "it has no address"))

    async def _ask(self, address: str, message: dict[str, Any]) -> list[BytesLike]:
        task = asyncio.ensure_future(self._exchange(address, message))
        tasks = self._asking.setdefault(address, set())
        tasks.add(task)
        try:
            await asyncio.wait([task])
        finally:
            tasks.discard(task)
            if not tasks:
                self._asking.pop(address, None)
            task.cancel()  # Does nothing to a task that is done.
        if task.cancelled():
            raise OSError("left the cluster")
        reply = task.result()
        if reply is None:  # What Dask answers to an operation that it does not know.
            raise OSError("does not serve this application")
        if reply["status"] != "OK":
            raise BlockMissingError(reply["message"])
        return list(reply["data"])

    async def _exchange(self, address: str, message: dict[str, Any]) -> dict[str, Any] | None:
        pool = self._server.rpc
        # Not pool(address).operation(): that waits 30 seconds for a peer that is dead.
        comm = await pool.connect(address, timeout=_CONNECT_SECONDS)
        try:
            reply: dict[str, Any] | None = await asyncio.wait_for(
                send_recv(comm, reply=True, **message), _ANSWER_SECONDS
            )
            return reply
        finally:
            pool.reuse(address, comm)
