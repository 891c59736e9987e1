"""Bytes on their way through Dask, which otherwise looks into them more than it should.

Dask names a graph after a hash of the text of all that is in it: 100 MB of bytes cost the driver four seconds. And it
takes an object of a class that it does not know to be small. A parcel has no text, and says how large it is.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from typing import Any


class Parcel:
    """Carries ``data``; pickled without being copied where the receiver takes buffers.

    >>> bytes(pickle.loads(pickle.dumps(Parcel(b"abc"), 5)).data)
    b'abc'
    """

    __slots__ = ("data",)

    def __init__(self, data: bytes | bytearray | memoryview | pickle.PickleBuffer) -> None:
        self.data = data if isinstance(data, bytes) else memoryview(data)

    def __dask_tokenize__(self) -> tuple[str, int]:
        # What a task is, is said by its key, and no two of ours have the same.
        return "spark-kernel-parcel", id(self)

    def __sizeof__(self) -> int:
        return sys.getsizeof(b"") + len(self.data)

    def __reduce_ex__(self, protocol: Any) -> tuple[Callable[..., Parcel], tuple[Any]]:
        return Parcel, (pickle.PickleBuffer(self.data) if protocol >= 5 else bytes(self.data),)
