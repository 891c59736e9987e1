"""Reading shuffle files of this machine, and the transport for where there is no other machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future

from spark_kernel.core.shuffle.map_outputs import NodePlace
from spark_kernel.core.shuffle.spill_files import file_pieces
from spark_kernel.core.shuffle.transport import BlockMissingError, BytesLike, FileRange, PeerUnreachableError

_MOST_PIECE = 1 << 30


def local_pieces(file_range: FileRange, piece: int = _MOST_PIECE) -> Iterator[bytes]:
    """The bytes of a range of a file, in pieces of at most ``piece`` bytes.

    Read, not mapped: a file that somebody truncates while it is mapped kills the process with SIGBUS, and records are
    copied anyway when they are unpickled.

    Raises BlockMissingError when the file is not there or too short.
    """
    path, start, stop = file_range
    try:
        with open(path, "rb", buffering=0) as file:
            yield from file_pieces(file.fileno(), start, stop, piece)
    except OSError as error:
        raise BlockMissingError(f"can't read {path}: {error.strerror or error}") from error


def read_range(file_range: FileRange) -> bytes:
    """The bytes of a range of a file, at once.

    Raises BlockMissingError when the file is not there or too short.
    """
    pieces = list(local_pieces(file_range))
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class LocalTransport:
    """For one machine: the inline backend, tests, and executors that have no peers elsewhere."""

    def __init__(self, machine_id: str) -> None:
        self._machine_id = machine_id

    def is_local(self, place: NodePlace) -> bool:
        """Whether ``place`` is this machine."""
        return place.machine_id == self._machine_id

    def fetch(self, place: NodePlace, ranges: Sequence[FileRange]) -> Future[list[BytesLike]]:
        """Fails: there is nobody to ask."""
        future: Future[list[BytesLike]] = Future()
        future.set_exception(PeerUnreachableError(f"{place.host} is another machine, and nothing connects to it"))
        return future
