"""Pairs into the bytes of a sequence file, as one stream of chunks. Called by tasks.

Without a codec records stand one after the other, with a sync marker about every 100 KB. With one they are compressed
in blocks of about 1 MB, each after a sync marker: the layout that Spark chooses.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from typing import Any

from spark_kernel.common.errors import StorageError
from spark_kernel.storage.codecs import Codec
from spark_kernel.storage.sequence_files.header import SYNC_BYTES, Header
from spark_kernel.storage.sequence_files.python_values import class_of, encoder_of
from spark_kernel.storage.sequence_files.vints import write_vint

SYNC_ESCAPE = b"\xff\xff\xff\xff"
"""Stands where the length of a record would stand, before a sync marker."""
SYNC_INTERVAL = 5 * 1024 * (len(SYNC_ESCAPE) + SYNC_BYTES)
"""Bytes between two sync markers, at least; also the smallest split of Hadoop's reader."""
BLOCK_BYTES = 1_000_000
"""``io.seqfile.compress.blocksize``: how much is compressed together."""

Pairs = Iterable[tuple[Any, Any]]
RawPairs = Iterator[tuple[bytes, bytes]]


def encode_pairs(pairs: Pairs, key_class: str, value_class: str, codec: Codec | None = None) -> Iterator[bytes]:
    """A whole sequence file. All keys are of one Writable, and all values.

    Raises StorageError in Hadoop's words for a pair whose Writables are others, and the errors of `class_of`.
    """
    header = Header(key_class, value_class, secrets.token_bytes(SYNC_BYTES), codec, in_blocks=codec is not None)
    raw = _raw_pairs(pairs, key_class, value_class)
    start = header.encode()
    yield start
    yield from _records(raw, header.sync, len(start)) if codec is None else _blocks(raw, header.sync, codec)


def _raw_pairs(pairs: Pairs, key_class: str, value_class: str) -> RawPairs:
    encode_key, encode_value = encoder_of(key_class), encoder_of(value_class)
    for key, value in pairs:
        if (found := class_of(key)) != key_class:
            raise _wrong_class("key", found, key_class)
        if (found := class_of(value)) != value_class:
            raise _wrong_class("value", found, value_class)
        yield encode_key(key), encode_value(value)


def _wrong_class(what: str, found: str, expected: str) -> StorageError:
    return StorageError(
        f"wrong {what} class: {found} is not class {expected}. A SequenceFile has one class for all its {what}s, that "
        "of the dataset's first record: convert them with map, or write the records with saveAsPickleFile"
    )


def _records(pairs: RawPairs, sync: bytes, position: int) -> Iterator[bytes]:
    # Hadoop counts from the beginning of the file to the first marker.
    chunk: list[bytes] = []
    held, limit = 0, SYNC_INTERVAL - position
    for key, value in pairs:
        if held >= limit:
            yield b"".join(chunk)
            chunk = [SYNC_ESCAPE, sync]
            held, limit = 0, SYNC_INTERVAL
        size = len(key) + len(value)
        chunk += (size.to_bytes(4, "big"), len(key).to_bytes(4, "big"), key, value)
        held += 8 + size
    yield b"".join(chunk)


def _blocks(pairs: RawPairs, sync: bytes, codec: Codec) -> Iterator[bytes]:
    keys: list[bytes] = []
    values: list[bytes] = []
    held = 0
    for key, value in pairs:
        keys.append(key)
        values.append(value)
        held += len(key) + len(value)
        if held >= BLOCK_BYTES:
            yield _block(keys, values, sync, codec)
            keys, values, held = [], [], 0
    if keys:
        yield _block(keys, values, sync, codec)


def _block(keys: list[bytes], values: list[bytes], sync: bytes, codec: Codec) -> bytes:
    parts = [SYNC_ESCAPE, sync, write_vint(len(keys))]
    for buffer in (_sizes(keys), b"".join(keys), _sizes(values), b"".join(values)):
        compressed = b"".join(codec.compress([buffer]))
        parts += [write_vint(len(compressed)), compressed]
    return b"".join(parts)


def _sizes(items: list[bytes]) -> bytes:
    return b"".join([write_vint(len(item)) for item in items])
