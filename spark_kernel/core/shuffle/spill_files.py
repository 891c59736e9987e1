"""Temporary files for what does not fit into a task's share of memory.

A file has no name from the moment it is made, so that nothing is left behind however the process ends.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from spark_kernel.core.shuffle.transport import BlockMissingError
from spark_kernel.resource_managers.full_disks import room_in

_PIECE = 1 << 18


class SpillFile:
    """A file that grows at its end and is read anywhere.

    >>> spill = SpillFile(Path(tempfile.gettempdir()))
    >>> spill.append([b"abc", b"def"])
    (0, 6)
    >>> spill.append([b"ghi"]), b"".join(spill.pieces(3, 9))
    ((6, 9), b'defghi')
    >>> spill.close()
    """

    def __init__(self, folder: Path) -> None:
        with room_in(folder):
            descriptor, name = tempfile.mkstemp(dir=folder, prefix="spill-")
        os.unlink(name)
        self._folder = folder
        self._file = os.fdopen(descriptor, "wb", _PIECE)
        self._size = 0

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._size

    def append(self, parts: Iterable[bytes]) -> tuple[int, int]:
        """Write ``parts`` one after the other; returns the range that they occupy. Raises DiskFullError."""
        start = self._size
        with room_in(self._folder):
            for part in parts:
                self._file.write(part)
                self._size += len(part)
            self._file.flush()
        return start, self._size

    def pieces(self, start: int, stop: int, piece: int = _PIECE) -> Iterator[bytes]:
        """The bytes ``[start, stop)``, in pieces of at most ``piece`` bytes."""
        return file_pieces(self._file.fileno(), start, stop, piece)

    def close(self) -> None:
        """Remove it. Idempotent."""
        # Where the disk is full there may be bytes that were never written. Nobody needs them.
        with contextlib.suppress(OSError):
            self._file.close()

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            self.close()


def file_pieces(descriptor: int, start: int, stop: int, piece: int) -> Iterator[bytes]:
    """The bytes ``[start, stop)`` of an open file, in pieces of at most ``piece`` bytes.

    Raises BlockMissingError when the file is too short.
    """
    while start < stop:
        data = os.pread(descriptor, min(piece, stop - start), start)
        if not data:
            raise BlockMissingError(f"the file ends at byte {start}, where {stop} were expected: it was truncated")
        yield data
        start += len(data)
