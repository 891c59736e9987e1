"""The records of one split of a sequence file. Called by tasks.

A reader can begin only at a sync marker. A split holds the records from the first marker that begins at or after its
start (or the end of the header) to the first one that begins at or after its end. So each record is in exactly one
split wherever the cuts are. Rules of org.apache.hadoop.io.SequenceFile.Reader and mapred.SequenceFileRecordReader.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from spark_kernel.common.errors import SparkKernelError, StorageError
from spark_kernel.storage.byte_sources import ByteSource
from spark_kernel.storage.filesystems import StorageOptions
from spark_kernel.storage.inputs import InputFile
from spark_kernel.storage.sequence_files.buffered import BufferedBytes
from spark_kernel.storage.sequence_files.header import SYNC_BYTES, Header, read_header
from spark_kernel.storage.sequence_files.vints import read_vint, vint_size
from spark_kernel.storage.sequence_files.writables import reader_of
from spark_kernel.storage.sequence_files.writing import SYNC_ESCAPE, SYNC_INTERVAL
from spark_kernel.storage.splits import FileSplit, plan_splits

_HEADER_BYTES_AT_MOST = 16 << 20
_lengths = struct.Struct(">ii").unpack_from

Count = Callable[[int], None]
RawPairs = Iterator[tuple[bytes, bytes]]


def plan_sequence_splits(files: list[InputFile], min_partitions: int) -> list[FileSplit]:
    """Byte ranges that a task each reads, as Hadoop's SequenceFileInputFormat cuts them: none below 100 KB.

    The end of a file's name says nothing here: compression is inside.
    """
    return plan_splits(files, min_partitions, min_split_bytes=SYNC_INTERVAL, whole_if_compressed=False)


def read_sequence_file(
    split: FileSplit, options: StorageOptions, count: Count | None = None
) -> Iterator[tuple[Any, Any]]:
    """The pairs of ``split``, as Python values. ``count`` is told the bytes of each request to the storage.

    Raises PathNotFoundError, and StorageError for what is no sequence file, is damaged, or holds unknown classes.
    """
    header, after_header = _header_of(split, options, count)
    if split.end is not None and split.end <= after_header:
        return
    read_key, read_value = reader_of(header.key_class, split.url), reader_of(header.value_class, split.url)
    start = max(split.start, after_header)
    with ByteSource(split.url, options, start, split.end, count) as source, _damage_named(split.url):
        buffer = BufferedBytes(source)
        if start > after_header and not _go_to_marker(buffer, header.sync, split):
            return
        records = _blocks(buffer, header, split) if header.in_blocks else _records(buffer, header, split)
        for raw_key, raw_value in records:
            key, end = read_key(raw_key, 0)
            value, end_of_value = read_value(raw_value, 0)
            if end != len(raw_key) or end_of_value != len(raw_value):
                raise StorageError(
                    f"{split.url} is damaged: bytes are left over of a {header.key_class} of {len(raw_key)} bytes, or "
                    f"of the {header.value_class} of {len(raw_value)} bytes beside it"
                )
            yield key, value


def _header_of(split: FileSplit, options: StorageOptions, count: Count | None) -> tuple[Header, int]:
    data = b""
    with ByteSource(split.url, options, 0, 1, count) as source:
        while len(data) < _HEADER_BYTES_AT_MOST and (piece := source.read()):
            data += piece
            try:
                return read_header(data, split.url)
            except IndexError:
                continue
    raise StorageError(f"{split.url} not a SequenceFile, or cut short: its header does not end")


def _go_to_marker(buffer: BufferedBytes, sync: bytes, split: FileSplit) -> bool:
    """Go to where the next marker begins; False when none begins before the end of the split."""
    escape = len(SYNC_ESCAPE)
    while (found := buffer.find(sync, escape)) < 0:
        buffer.skip(max(0, buffer.held - escape - SYNC_BYTES + 1))
        if (split.end is not None and buffer.position >= split.end) or not buffer.more():
            return False
    buffer.skip(found - escape)
    return True


def _ends_at_marker(buffer: BufferedBytes, sync: bytes, position: int, split: FileSplit) -> bool:
    """Pass the marker whose beginning, at ``position``, was taken; whether it is where the next split begins."""
    if buffer.take(SYNC_BYTES) != sync:
        raise StorageError(f"{split.url} is damaged at byte {position:,}: a sync marker that is not this file's")
    return split.end is not None and position >= split.end


def _records(buffer: BufferedBytes, header: Header, split: FileSplit) -> RawPairs:
    codec = header.codec
    while not buffer.is_at_end():
        for key, value in _held_records(buffer):
            yield key, value if codec is None else codec.decompress(value)
        if buffer.is_at_end():
            return
        # A marker, or a record of which only a part is held.
        position = buffer.position
        length = buffer.take(4)
        if length != SYNC_ESCAPE:
            size, key_size = _lengths(length + buffer.take(4))
            if not 0 <= key_size <= size:
                raise StorageError(f"{split.url} is damaged at byte {position:,}: no record begins there")
            key, value = buffer.take(key_size), buffer.take(size - key_size)
            yield key, value if codec is None else codec.decompress(value)
        elif _ends_at_marker(buffer, header.sync, position, split):
            return


def _held_records(buffer: BufferedBytes) -> RawPairs:
    """The records that are held whole, up to the next marker."""
    data, at, last = buffer.data, buffer.at, len(buffer.data) - 8
    while at <= last:
        size, key_size = _lengths(data, at)
        begin = at + 8
        end = begin + size
        if end > len(data) or not 0 <= key_size <= size:
            break
        buffer.at = at = end
        yield data[begin : begin + key_size], data[begin + key_size : end]


def _blocks(buffer: BufferedBytes, header: Header, split: FileSplit) -> RawPairs:
    codec = header.codec
    if codec is None:
        raise StorageError(f"{split.url} is damaged: its header says that it is in blocks and not compressed")
    while not buffer.is_at_end():
        position = buffer.position
        if buffer.take(4) != SYNC_ESCAPE:
            raise StorageError(f"{split.url} is damaged at byte {position:,}: no block begins there")
        if _ends_at_marker(buffer, header.sync, position, split):
            return
        records = _take_vint(buffer)
        key_sizes, keys, value_sizes, values = (codec.decompress(buffer.take(_take_vint(buffer))) for _ in range(4))
        yield from zip(_pieces(keys, key_sizes, records), _pieces(values, value_sizes, records), strict=True)


def _take_vint(buffer: BufferedBytes) -> int:
    first = buffer.take(1)
    return read_vint(first + buffer.take(vint_size(first[0]) - 1), 0)[0]


def _pieces(data: bytes, sizes: bytes, pieces: int) -> Iterator[bytes]:
    """``data`` cut into pieces whose lengths are in ``sizes``."""
    at = begin = 0
    for _ in range(pieces):
        size, at = read_vint(sizes, at)
        end = begin + size
        if not begin <= end <= len(data):
            raise IndexError("a block ends within a record")
        yield data[begin:end]
        begin = end


@contextmanager
def _damage_named(url: str) -> Iterator[None]:
    """What decoding raises for wrong bytes becomes an error that names the file."""
    try:
        yield
    except (SparkKernelError, MemoryError):
        raise
    except Exception as error:
        raise StorageError(
            f"{url} is damaged or cut short ({type(error).__name__}: {error}); write it anew, or leave it out"
        ) from error
