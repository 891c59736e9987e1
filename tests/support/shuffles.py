"""Whole shuffles inside one process, for tests of what goes in and what comes out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from spark_kernel.core.lineage.partitioners import Partitioner
from spark_kernel.core.lineage.shuffle_specs import ShuffleSpec
from spark_kernel.core.shuffle.block_server import BlockServer
from spark_kernel.core.shuffle.local_transport import LocalTransport
from spark_kernel.core.shuffle.map_outputs import MapOutput, NodePlace
from spark_kernel.core.shuffle.portable_hash import portable_hash
from spark_kernel.core.shuffle.reader import read_shuffle
from spark_kernel.core.shuffle.transport import BytesLike, FileRange
from spark_kernel.core.shuffle.writer import ShuffleTarget, write_shuffle
from tests.support.task_scopes import ScopeForTests

Pair = tuple[Any, Any]
PLACE = NodePlace("here", "this-machine", ("tcp://here:1",))
SHUFFLE = 5


def partitioner(width: int, function: Callable[[Any], int] = portable_hash) -> Partitioner:
    return Partitioner(width, function)


def target(folder: Path, map_partition: int = 0, attempt: int = 0, place: NodePlace = PLACE) -> ShuffleTarget:
    return ShuffleTarget(folder, place, "w1", SHUFFLE, map_partition, attempt)


def written(
    folder: Path, partitions: Sequence[Sequence[Pair]], spec: ShuffleSpec, scope: ScopeForTests | None = None
) -> list[MapOutput]:
    scope = scope or ScopeForTests(folder)
    return [write_shuffle(iter(pairs), spec, target(folder, i), scope) for i, pairs in enumerate(partitions)]


def read(
    outputs: Sequence[MapOutput], reducer: int, spec: ShuffleSpec, scope: ScopeForTests, transport: Any = None
) -> Iterator[Pair]:
    transport = transport or LocalTransport(PLACE.machine_id)
    return read_shuffle(outputs, reducer, spec, scope, transport, SHUFFLE)


def shuffled(
    folder: Path, partitions: Sequence[Sequence[Pair]], spec: ShuffleSpec, memory_share: int = 1 << 30
) -> list[list[Pair]]:
    """What each reducer gets."""
    scope = ScopeForTests(folder, memory_share=memory_share)
    outputs = written(folder, partitions, spec, scope)
    return [list(read(outputs, reducer, spec, scope)) for reducer in range(spec.partitioner.num_partitions)]


class RemoteForTests:
    """A transport to machines that are all elsewhere, served from this one's disk by threads of nobody."""

    def __init__(self, folder: Path) -> None:
        self._server = BlockServer(folder)
        self.requests: list[tuple[NodePlace, list[FileRange]]] = []
        self.error: Exception | None = None
        self.answers = True

    def is_local(self, place: NodePlace) -> bool:
        return False

    def fetch(self, place: NodePlace, ranges: Sequence[FileRange]) -> Future[list[BytesLike]]:
        self.requests.append((place, list(ranges)))
        future: Future[list[BytesLike]] = Future()
        if not self.answers:
            return future
        try:
            if self.error is not None:
                raise self.error
            future.set_result([memoryview(data) for data in self._server.read(ranges)])
        except Exception as error:
            future.set_exception(error)
        return future
