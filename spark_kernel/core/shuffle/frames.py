"""The envelope of what lies in a shuffle file: each reducer's range is a sequence of frames, each with a checksum.

    frame = header (16 bytes: kind, checksum of kind and payload, length of the payload) + payload

The kind says how the payload is encoded, so that blocks of records and of Arrow data can travel the same way.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Any
from zlib import crc32

import numpy as np

from spark_kernel.core.shuffle.transport import BytesLike

_HEADER = struct.Struct("<IIQ")
HEADER_BYTES = _HEADER.size
_LARGE = 1 << 16


class DamagedFrameError(Exception):
    """Bytes that are not what was written."""


def frame(kind: int, payload: Any) -> tuple[bytes, Any]:
    """Header and payload, to be written one after the other; the payload is anything that is bytes in one piece.

    >>> [len(part) for part in frame(1, b"abc")]
    [16, 3]
    """
    return _HEADER.pack(kind, _checksum(kind, payload), len(payload)), payload


def split_frames(pieces: Iterable[BytesLike]) -> Iterator[tuple[int, memoryview]]:
    """(kind, payload) of each frame in the bytes that ``pieces`` are when joined; a frame may span several of them.

    >>> data = b"".join(frame(1, b"abc") + frame(1, b"de"))
    >>> [(kind, bytes(payload)) for kind, payload in split_frames([data[:20], data[20:]])]
    [(1, b'abc'), (1, b'de')]

    Raises DamagedFrameError when the bytes don't end with a frame, or a checksum doesn't fit.
    """
    left = b""
    wanted = HEADER_BYTES
    waiting: list[BytesLike] = []
    held = 0
    for piece in pieces:
        waiting.append(piece)
        held += len(piece)
        if held < wanted:
            continue
        data = memoryview(piece) if len(waiting) == 1 else memoryview(b"".join(waiting))
        position = 0
        while (wanted := _frame_bytes(data, position)) <= len(data) - position:
            yield _checked(data, position)
            position += wanted
        left = bytes(data[position:])
        waiting, held = ([left], len(left)) if left else ([], 0)
    if held:
        raise DamagedFrameError(f"the last frame is cut off: {held} bytes of it are there, {wanted} were expected")


def _frame_bytes(data: memoryview, position: int) -> int:
    """Size of the frame that begins at ``position``; of its header where not even that is whole."""
    if len(data) - position < HEADER_BYTES:
        return HEADER_BYTES
    length: int = _HEADER.unpack_from(data, position)[2]
    return HEADER_BYTES + length


def _checksum(kind: int, payload: Any) -> int:
    """CRC-32; for large payloads of the sum of their 64-bit words, which is seven times as fast and as good a guard
    against bytes that are missing or were never written."""
    if len(payload) < _LARGE:
        return crc32(payload, kind)
    words = len(payload) // 8
    total = int(np.frombuffer(payload, np.uint64, words).sum(dtype=np.uint64))
    return crc32(memoryview(payload)[words * 8 :], crc32(total.to_bytes(8, "little"), kind))


def _checked(data: memoryview, position: int) -> tuple[int, memoryview]:
    kind, checksum, length = _HEADER.unpack_from(data, position)
    payload = data[position + HEADER_BYTES : position + HEADER_BYTES + length]
    if _checksum(kind, payload) != checksum:
        raise DamagedFrameError("the checksum of a frame doesn't fit its bytes")
    return kind, payload
