"""One open file, read forward in blocks. Called by `lines` and `whole_files`; knows nothing about records.

A block is one request to the storage. On a local disk blocks are small, so that what is made of them stays in the
processor's cache; elsewhere a request costs a round trip, so they grow, and the last one covers what is needed and
little more.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from types import TracebackType
from typing import Any

from spark_kernel.storage.failures import storage_errors
from spark_kernel.storage.filesystems import StorageOptions, caches_blocks, can_seek, is_local, resolve

PIECE_BYTES = 64 * 1024
"""What `read` returns at most. Measured for lines: 24 to 64 KB are alike, 16 and 128 KB are a tenth slower."""
FIRST_BLOCK_BYTES = 1 * 2**20
LARGEST_BLOCK_BYTES = 8 * 2**20
BEYOND_BYTES = 64 * 1024
"""What a request asks for beyond the expected end, where the last record usually ends."""


class ByteSource:
    """The bytes of one file from ``start`` on. A context manager; used by one thread.

    ``expected_end`` is the offset where the caller will probably stop. ``count`` is told the bytes of each request.
    Raises PathNotFoundError and other StorageErrors, on opening and on reading.
    """

    def __init__(
        self,
        url: str,
        options: StorageOptions,
        start: int = 0,
        expected_end: int | None = None,
        count: Callable[[int], None] | None = None,
    ) -> None:
        self.url = url
        self.position = start
        """Offset in the file of the byte that `read` returns next."""
        self._expected_end = expected_end
        self._count = count
        self._block = b""
        self._at = 0
        self._next_block_bytes = FIRST_BLOCK_BYTES
        with storage_errors(url, "read"):
            filesystem, path = resolve(url, options)
            # Held, since an archive closes its file when nobody holds the file system.
            self._filesystem = filesystem
            self._local = is_local(filesystem)
            self._file = _open(filesystem, path)
            if start:
                self._file.seek(start)

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes, at most PIECE_BYTES and at most ``size``; nothing at the end of the file."""
        if self._at == len(self._block):
            self._block = self._fetch()
            self._at = 0
        wanted = PIECE_BYTES if size < 0 else min(size, PIECE_BYTES)
        piece = self._block[self._at : self._at + wanted]
        self._at += len(piece)
        self.position += len(piece)
        return piece

    def step_back(self, size: int) -> None:
        """Return the last ``size`` bytes of the piece read last once more."""
        self._at -= size
        self.position -= size

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> ByteSource:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _fetch(self) -> bytes:
        with storage_errors(self.url, "read"):
            block: bytes = self._file.read(self._block_bytes())
        if self._count is not None:
            self._count(len(block))
        return block

    def _block_bytes(self) -> int:
        """How much to ask the storage for now."""
        if self._local:
            return PIECE_BYTES
        size = self._next_block_bytes
        self._next_block_bytes = min(2 * size, LARGEST_BLOCK_BYTES)
        if self._expected_end is None:
            return size
        if self.position >= self._expected_end + BEYOND_BYTES:
            self._expected_end = None
            self._next_block_bytes = 2 * BEYOND_BYTES
            return BEYOND_BYTES
        return min(size, self._expected_end + BEYOND_BYTES - self.position)


def _open(filesystem: Any, path: str) -> Any:
    if is_local(filesystem):
        return filesystem.open(path, "rb")
    if not can_seek(filesystem):
        # Zero asks fsspec for a stream.
        return filesystem.open(path, "rb", block_size=0)
    # Blocks are cut here, so that read-ahead would only fetch bytes twice.
    options = {} if caches_blocks(filesystem) else {"cache_type": "none"}
    file = filesystem.open(path, "rb", **options)
    if isinstance(file, io.BytesIO):
        # A file in memory is one object with one position, shared by all who open it.
        return io.BytesIO(file.getvalue())
    return file
