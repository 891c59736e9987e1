"""Getting one reducer's blocks from where they are, in the order of the map outputs.

Files of this machine are read directly. Blocks of other machines are fetched ahead in rounds: small blocks of a machine
in one request, all machines of a round at once, at most two rounds in flight, so that memory stays bounded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field

from spark_kernel.core.lineage.recipes import TaskScope
from spark_kernel.core.shuffle.fetch_failures import FetchFailedError
from spark_kernel.core.shuffle.local_transport import local_pieces
from spark_kernel.core.shuffle.map_outputs import MapOutput, NodePlace
from spark_kernel.core.shuffle.transport import (
    BlockMissingError,
    BlockTransport,
    BytesLike,
    FileRange,
    PeerUnreachableError,
)

_ROUND_BYTES = 16 << 20
_ROUND_BLOCKS = 1000
_LOCAL_BYTES = 64 << 20
"""What is read of a file of this machine at once: mostly a whole block, so that no frame spans two pieces."""
_LOOK_SECONDS = 0.2
"""How often a wait looks whether the task was cancelled."""

Piece = tuple[MapOutput, FileRange]


@dataclass
class _Round:
    """Pieces that are asked for together."""

    pieces: list[Piece] = field(default_factory=list)
    size: int = 0
    answers: dict[NodePlace, tuple[Future[list[BytesLike]], Iterator[BytesLike]]] = field(default_factory=dict)


class BlockFetcher:
    """Gets the blocks of one reducer."""

    def __init__(
        self,
        outputs: Sequence[MapOutput],
        reducer: int,
        shuffle_id: int,
        transport: BlockTransport,
        scope: TaskScope,
    ) -> None:
        self._outputs = [output for output in outputs if output.size(reducer)]
        self._reducer = reducer
        self._shuffle_id = shuffle_id
        self._transport = transport
        self._scope = scope
        self._round_bytes = max(1, min(_ROUND_BYTES, scope.memory_share // 8))
        self._local_bytes = max(1, min(_LOCAL_BYTES, scope.memory_share // 4))
        self._coming = self._rounds()
        self._in_flight: deque[_Round] = deque()

    def blocks(self) -> Iterator[tuple[MapOutput, Iterator[BytesLike]]]:
        """Each map output that has something for the reducer, and the bytes in pieces. Consume them in order.

        The pieces raise FetchFailedError when the bytes can't be had.
        """
        try:
            for output in self._outputs:
                self._scope.check_cancelled()
                yield output, self._failing_well(output, self._pieces(output))
        finally:
            for waiting in self._in_flight:
                for future, _ in waiting.answers.values():
                    future.cancel()

    def failure(self, output: MapOutput, message: str, machine_lost: bool = False) -> FetchFailedError:
        """The error that says that the block of ``output`` can't be used."""
        return FetchFailedError(self._shuffle_id, output.map_partition, output.place, message, machine_lost)

    def _failing_well(self, output: MapOutput, pieces: Iterable[BytesLike]) -> Iterator[BytesLike]:
        try:
            yield from pieces
        except (BlockMissingError, PeerUnreachableError) as error:
            raise self.failure(output, str(error), isinstance(error, PeerUnreachableError)) from error

    def _pieces(self, output: MapOutput) -> Iterable[BytesLike]:
        start, stop = output.offsets[self._reducer], output.offsets[self._reducer + 1]
        if output.inline is not None:
            self._scope.counts.shuffle_local_bytes_read += stop - start
            return [memoryview(output.inline)[start:stop]]
        if self._transport.is_local(output.place):
            self._scope.counts.shuffle_local_bytes_read += stop - start
            return local_pieces((output.path, start, stop), self._local_bytes)
        self._scope.counts.shuffle_remote_bytes_read += stop - start
        return self._remote_pieces(stop - start)

    def _remote_pieces(self, size: int) -> Iterator[BytesLike]:
        """The next remote block. Rounds hold the pieces of the remote blocks in the same order."""
        while size:
            self._ask_ahead()
            current = self._in_flight[0]
            output, _ = current.pieces.pop(0)
            piece = next(self._answers(current, output.place))
            size -= len(piece)
            if not current.pieces:
                self._in_flight.popleft()
            yield piece

    def _answers(self, current: _Round, place: NodePlace) -> Iterator[BytesLike]:
        future, answers = current.answers[place]
        while not wait([future], timeout=_LOOK_SECONDS).done:
            self._scope.check_cancelled()
        return answers

    def _ask_ahead(self) -> None:
        while len(self._in_flight) < 2:
            following = next(self._coming, None)
            if following is None:
                return
            wanted: dict[NodePlace, list[FileRange]] = {}
            for output, file_range in following.pieces:
                wanted.setdefault(output.place, []).append(file_range)
            for place, ranges in wanted.items():
                future = self._transport.fetch(place, ranges)
                following.answers[place] = (future, _results(future, ranges))
            self._in_flight.append(following)

    def _rounds(self) -> Iterator[_Round]:
        current = _Round()
        for output, file_range in self._remote_ranges():
            size = file_range[2] - file_range[1]
            if current.pieces and (current.size + size > self._round_bytes or len(current.pieces) >= _ROUND_BLOCKS):
                yield current
                current = _Round()
            current.pieces.append((output, file_range))
            current.size += size
        if current.pieces:
            yield current

    def _remote_ranges(self) -> Iterator[Piece]:
        """Every remote block, the large ones cut so that each part fits into a round."""
        for output in self._outputs:
            if output.inline is None and not self._transport.is_local(output.place):
                start, stop = output.offsets[self._reducer], output.offsets[self._reducer + 1]
                for first in range(start, stop, self._round_bytes):
                    yield output, (output.path, first, min(stop, first + self._round_bytes))


def _results(future: Future[list[BytesLike]], ranges: Sequence[FileRange]) -> Iterator[BytesLike]:
    """What the future, which is done by then, gives for each range."""
    for (path, start, stop), data in zip(ranges, future.result(), strict=True):
        if len(data) != stop - start:
            raise BlockMissingError(f"{len(data)} bytes of {path} arrived, where {stop - start} were asked for")
        yield data
