"""Bytes of a file that can be taken in any amount, looked at in advance, and searched. Called by `reading`."""

from __future__ import annotations

from spark_kernel.storage.byte_sources import ByteSource


class BufferedBytes:
    """What a `ByteSource` gives, with some of it held."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self.data = b""
        """What is held; the bytes before `at` are used up."""
        self.at = 0

    @property
    def position(self) -> int:
        """Offset in the file of the next byte."""
        return self._source.position - self.held

    @property
    def held(self) -> int:
        """How many bytes can be taken without reading."""
        return len(self.data) - self.at

    def is_at_end(self) -> bool:
        """Whether the file has no more bytes."""
        return self.at == len(self.data) and not self.more()

    def more(self) -> bool:
        """Read one piece; False at the end of the file."""
        piece = self._source.read()
        self.data = self.data[self.at :] + piece
        self.at = 0
        return bool(piece)

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes. Raises EOFError when the file has fewer."""
        if self.held < size:
            self._read_to(size)
        self.at += size
        return self.data[self.at - size : self.at]

    def find(self, sought: bytes, start: int) -> int:
        """How far from here ``sought`` is in what is held, ``start`` at least; -1 when it is not."""
        found = self.data.find(sought, self.at + start)
        return found - self.at if found >= 0 else -1

    def skip(self, size: int) -> None:
        """Pass over bytes that are held."""
        self.at += size

    def _read_to(self, size: int) -> None:
        # Collected in a list: a record may be of hundreds of megabytes.
        pieces, have = [self.data[self.at :]], self.held
        while have < size:
            piece = self._source.read()
            if not piece:
                raise EOFError("the file is cut short")
            pieces.append(piece)
            have += len(piece)
        self.data, self.at = b"".join(pieces), 0
