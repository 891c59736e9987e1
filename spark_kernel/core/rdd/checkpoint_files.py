"""The files of checkpoints: a partition as a stream of pickled lists, compressed as the settings say.

    <checkpoint folder>/<random>/rdd-<id>/part-00000

Only this package reads them: Spark's own hold Java objects. Whether a file is compressed is seen in its first bytes, so
that a checkpoint can be read under other settings than it was written with.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from pyspark.errors import IllegalArgumentException

from spark_kernel.common.errors import PathNotFoundError, StorageError
from spark_kernel.core.execution.serialization import dumps
from spark_kernel.core.lineage.recipes import Records, Source, TaskScope
from spark_kernel.core.rdd.sources import bytes_counter, total_bytes
from spark_kernel.storage.byte_sources import ByteSource
from spark_kernel.storage.codecs import codec_named, read_decompressed
from spark_kernel.storage.inputs import list_inputs
from spark_kernel.storage.options import StorageOptions
from spark_kernel.storage.outputs import DirectoryOutput

_BATCH_BYTES = 1 << 20
_MAX_BATCH = 1000
_CODEC = codec_named("zstd")
_ZSTD, _PICKLE = b"\x28\xb5\x2f\xfd", b"\x80"
"""What compressed and plain files begin with."""


@dataclass(frozen=True)
class WriteBatches:
    """The partition as one file of pickled lists; one record that says where it is."""

    output: DirectoryOutput
    compresses: bool

    def compute(self, partition: int, inputs: Iterator[Records], scope: TaskScope) -> Records:
        """A `WrittenFile`."""
        chunks = _pickled(next(inputs), scope)
        if self.compresses:
            chunks = _CODEC.compress(chunks)
        written = self.output.write_partition(partition, scope.task_id, chunks)
        scope.counts.bytes_written += written.bytes
        return iter((written,))


@dataclass(frozen=True)
class ReadBatches:
    """Reads what `WriteBatches` wrote; the payload is the file's URL."""

    options: StorageOptions

    def __call__(self, url: str, scope: TaskScope) -> Records:
        with ByteSource(url, self.options, count=bytes_counter(scope)) as source:
            stream = io.BufferedReader(_Pieces(_content(source)))
            while stream.peek(1):
                batch: list[Any] = pickle.load(stream)
                scope.counts.records_read += len(batch)
                yield from batch


def checkpoint_source(folder: str, options: StorageOptions) -> Source:
    """What a checkpoint holds that this context or another one wrote to ``folder``.

    Raises IllegalArgumentException when nothing is there, StorageError when it is not whole.
    """
    try:
        files = list_inputs(folder, options)
    except PathNotFoundError as error:
        raise IllegalArgumentException(f"requirement failed: Checkpoint directory does not exist: {folder}") from error
    names = [file.url.rpartition("/")[2] for file in files]
    if names != [f"part-{partition:05d}" for partition in range(len(names))]:
        raise StorageError(f"Invalid checkpoint directory: {folder} holds {names}, expected part-00000 and so on")
    return Source(tuple(file.url for file in files), ReadBatches(options), total_bytes(files))


class _Pieces(io.RawIOBase):
    """Pieces of bytes as a file, for the unpickler."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._left:
            self._left = memoryview(next(self._pieces, b""))
        size = min(len(buffer), len(self._left))
        buffer[:size] = self._left[:size]
        self._left = self._left[size:]
        return size


def _content(source: ByteSource) -> Iterator[bytes]:
    first = source.read(len(_ZSTD))
    source.step_back(len(first))
    if first == _ZSTD:
        return read_decompressed(source, _CODEC, source.url)
    if first and not first.startswith(_PICKLE):
        raise StorageError(
            f"{source.url} is no part of a checkpoint of this package: it begins with {first!r}. What Spark "
            "checkpointed holds Java objects: read it there, and save it with saveAsPickleFile"
        )
    return iter(source.read, b"")


def _pickled(records: Records, scope: TaskScope) -> Iterator[bytes]:
    # Records may be of any size, so the first batch is one; the next are twice as long while they stay small.
    size = 1
    while batch := list(islice(records, size)):
        data = dumps(batch)
        scope.counts.records_written += len(batch)
        yield data
        size = min(2 * size, _MAX_BATCH) if len(data) < _BATCH_BYTES // 2 else max(1, size // 2)
