"""Small files, many to a task, each read whole. Called for wholeTextFiles, on the driver and by tasks.

The grouping is that of org.apache.hadoop.mapreduce.lib.input.CombineFileInputFormat on one node, compared with
Spark 4.2. Empty files belong to it, unlike in `splits`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, overload

from spark_kernel.storage.byte_sources import ByteSource
from spark_kernel.storage.codecs import codec_of, read_decompressed
from spark_kernel.storage.failures import decode_error
from spark_kernel.storage.filesystems import StorageOptions
from spark_kernel.storage.inputs import InputFile


def plan_whole_files(
    files: Iterable[InputFile], min_partitions: int, share_bytes: int | None = None
) -> list[tuple[InputFile, ...]]:
    """Group ``files``, in their order, so that a group is full once it has its share of all bytes.

    The share is that of ``min_partitions`` groups, or ``share_bytes``. What fills no group, and the empty files, form
    the last one.

    >>> files = [InputFile(f"file:/{size}", size) for size in (1, 20, 0, 30, 3, 10, 2)]
    >>> [[file.size for file in group] for group in plan_whole_files(files, 5)]
    [[1, 20], [30], [3, 10, 2], [0]]
    """
    files = list(files)
    share = share_bytes or -(-sum(file.size or 0 for file in files) // max(min_partitions, 1))
    groups: list[tuple[InputFile, ...]] = []
    group: list[int] = []
    filled = 0
    # By position, since a file may be there twice.
    remaining = set(range(len(files)))
    for position, file in enumerate(files):
        if not file.size:
            continue
        group.append(position)
        filled += file.size
        if filled >= share:
            groups.append(tuple(files[member] for member in group))
            remaining.difference_update(group)
            group, filled = [], 0
    last = tuple(files[position] for position in sorted(remaining))
    return [*groups, last] if last else groups


@overload
def read_whole_file(
    url: str, options: StorageOptions, use_unicode: Literal[True] = True, count: Callable[[int], None] | None = None
) -> str: ...


@overload
def read_whole_file(
    url: str, options: StorageOptions, use_unicode: bool, count: Callable[[int], None] | None = None
) -> str | bytes: ...


def read_whole_file(
    url: str, options: StorageOptions, use_unicode: bool = True, count: Callable[[int], None] | None = None
) -> str | bytes:
    """The content of one file, decompressed as its name says: text, or bytes when ``use_unicode`` is false.

    A byte order mark stays, as in Spark. ``count`` is told the bytes of each request to the storage.
    Raises PathNotFoundError, StorageError, and DecodeError for text that is not UTF-8.
    """
    codec = codec_of(url)
    with ByteSource(url, options, count=count) as source:
        pieces = iter(source.read, b"") if codec is None else read_decompressed(source, codec, source.url)
        content = b"".join(pieces)
    if not use_unicode:
        return content
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise decode_error(error, url, compressed=codec is not None) from error
