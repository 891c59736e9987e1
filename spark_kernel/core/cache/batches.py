"""Records as pickled batches, in memory and in files: what a cached block is made of."""

from __future__ import annotations

import os
import pickle
import struct
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

from spark_kernel.common.errors import SerializationError
from spark_kernel.resource_managers.full_disks import room_in

_LEAST_RECORDS = 16
_MOST_RECORDS = 1000
"""Batches of this length are pickled and unpickled fastest: they stay in the processor's cache."""
_TARGET_BYTES = 1 << 18
_LENGTH = struct.Struct("<Q")

Dumps = Callable[[Any], bytes]


def plain_dumps(value: Any) -> bytes:
    """Pickles ``value``."""
    return pickle.dumps(value, 5)


def pickled_batches(records: Iterator[Any], dumps: Dumps) -> Iterator[bytes]:
    """``records`` as pickled lists of at most 1000, fewer where they are large.

    Raises SerializationError when a record can't be pickled.
    """
    length = _LEAST_RECORDS
    while batch := list(islice(records, length)):
        try:
            data = dumps(batch)
        except Exception as error:
            raise SerializationError(
                f"A dataset of these records can't be persisted, since one can't be pickled: {type(error).__name__}: "
                f"{error}. Persist the dataset before the step that makes such objects, or make plain values of them."
            ) from error
        yield data
        most = max(1, len(batch) * _TARGET_BYTES // max(len(data), 1))
        length = min(length * 4, _MOST_RECORDS, most)


def records_of(batches: Iterable[bytes | bytearray | memoryview]) -> Iterator[Any]:
    """The records in ``batches``, unpickled as they are asked for; each call gives records of its own.

    >>> list(records_of(pickled_batches(iter(range(3)), plain_dumps)))
    [0, 1, 2]
    """
    return chain.from_iterable(map(pickle.loads, batches))


class BatchFile:
    """Batches in a file; ``size`` is what they occupy there, in bytes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0

    def write(self, batches: Iterable[bytes]) -> None:
        """Write all of them. What was written is removed when that fails. Raises DiskFullError."""
        with room_in(self.path.parent):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with room_in(self.path.parent), open(self.path, "wb", buffering=1 << 20) as file:
                for batch in batches:
                    file.write(_LENGTH.pack(len(batch)))
                    file.write(batch)
                self.size = file.tell()
        except BaseException:
            self.remove()
            raise

    def is_whole(self) -> bool:
        """Whether the file still has what was written."""
        try:
            return os.stat(self.path).st_size == self.size
        except OSError:
            return False

    def batches(self) -> Iterator[bytes]:
        """The batches, read one by one. The file is opened at once, so that it may be removed meanwhile.

        Raises OSError when it can't be opened.
        """
        # Closed by the generator, which outlives this function.
        file = open(self.path, "rb", buffering=1 << 18)  # noqa: SIM115

        def read() -> Iterator[bytes]:
            with file:
                while header := file.read(_LENGTH.size):
                    yield file.read(*_LENGTH.unpack(header))

        return read()

    def remove(self) -> None:
        """Remove the file, if it is there."""
        self.path.unlink(missing_ok=True)
