"""Reading shuffle files of this machine, and the transport for where there is no other machine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Future

from spark_kernel.core.shuffle.map_outputs import NodePlace
from spark_kernel.core.shuffle.transport import BlockMissingError, BytesLike, FileRange, PeerUnreachableError


def read_range(path: str, start: int, stop: int) -> bytes:
    """The bytes ``[start, stop)`` of a file.

    Read, not mapped: a file that somebody truncates while it is mapped kills the process with SIGBUS.

    Raises BlockMissingError when the file is not there or too short.
    """
    try:
        with open(path, "rb", buffering=0) as file:
            data = os.pread(file.fileno(), stop - start, start)
            while len(data) < stop - start:
                more = os.pread(file.fileno(), stop - start - len(data), start + len(data))
                if not more:
                    raise BlockMissingError(
                        f"{path} ends at byte {start + len(data)}, where {stop} were expected: it was truncated"
                    )
                data += more
            return data
    except OSError as error:
        raise BlockMissingError(f"can't read {path}: {error.strerror or error}") from error


class LocalTransport:
    """For one machine: the inline backend, tests, and executors that have no peers elsewhere."""

    def __init__(self, machine_id: str) -> None:
        self._machine_id = machine_id

    def is_local(self, place: NodePlace) -> bool:
        """Whether ``place`` is this machine."""
        return place.machine_id == self._machine_id

    def request(self, place: NodePlace, ranges: Sequence[FileRange]) -> Future[list[BytesLike]]:
        """Read at once; files of other machines are unreachable."""
        future: Future[list[BytesLike]] = Future()
        if not self.is_local(place):
            future.set_exception(PeerUnreachableError(f"{place.host} is another machine, and nothing connects to it"))
            return future
        try:
            future.set_result([read_range(path, start, stop) for path, start, stop in ranges])
        except BlockMissingError as error:
            future.set_exception(error)
        return future
