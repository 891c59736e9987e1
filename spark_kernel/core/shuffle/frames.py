"""The envelope of what lies in a shuffle file: each reducer's range is a sequence of frames, each with a checksum.

    frame = header (16 bytes: kind, 3 zero bytes, CRC-32 of the payload, length of the payload) + payload

The kind says how the payload is encoded, so that blocks of records and of Arrow data can travel the same way.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from zlib import crc32

_HEADER = struct.Struct("<B3xIQ")
HEADER_BYTES = _HEADER.size


class DamagedFrameError(Exception):
    """Bytes that are not what was written."""


def frame(kind: int, payload: bytes) -> list[bytes]:
    """Header and payload, to be written one after the other.

    >>> [len(part) for part in frame(1, b"abc")]
    [16, 3]
    """
    return [_HEADER.pack(kind, crc32(payload), len(payload)), payload]


def split_frames(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    """(kind, payload) of each frame in ``data``.

    >>> [(kind, bytes(payload)) for kind, payload in split_frames(memoryview(b"".join(frame(1, b"abc"))))]
    [(1, b'abc')]

    Raises DamagedFrameError when ``data`` doesn't end with a frame, or a checksum doesn't fit.
    """
    position = 0
    while position < len(data):
        if len(data) - position < HEADER_BYTES:
            raise DamagedFrameError(f"{len(data) - position} bytes are left over after the last frame")
        kind, checksum, length = _HEADER.unpack_from(data, position)
        position += HEADER_BYTES
        payload = data[position : position + length]
        if len(payload) != length:
            raise DamagedFrameError(f"a frame of {length} bytes has only {len(payload)}")
        if crc32(payload) != checksum:
            raise DamagedFrameError("the checksum of a frame doesn't fit its bytes")
        position += length
        yield kind, payload


def joined_bytes(parts: Iterable[bytes]) -> int:
    """Total length of ``parts``."""
    return sum(map(len, parts))
