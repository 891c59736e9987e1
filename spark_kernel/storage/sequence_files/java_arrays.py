"""Arrays of byte strings in Java's serialisation, the content of the files that saveAsPickleFile writes. Pure.

Spark's ``saveAsObjectFile`` puts ten batches of pickled records at a time into a ``byte[][]`` and writes that with
``ObjectOutputStream``. All of that protocol that can stand there is read: arrays of byte arrays, or of objects that are
byte arrays, with references back to what was written before. Grammar: Java Object Serialization Specification, ch. 6.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from spark_kernel.common.errors import StorageError

_STREAM = bytes.fromhex("aced0005")
_NULL, _REFERENCE, _CLASS, _STRING, _ARRAY = 0x70, 0x71, 0x72, 0x74, 0x75
_FIRST_HANDLE = 0x7E0000
_NO_FIELDS_NO_SUPERCLASS = bytes.fromhex("02 0000 78 70")
_ARRAY_OF_ARRAYS = b"\x00\x03[[B" + bytes.fromhex("4bfd19156767db37") + _NO_FIELDS_NO_SUPERCLASS
_ARRAY_OF_BYTES = b"\x00\x02[B" + bytes.fromhex("acf317f8060854e0") + _NO_FIELDS_NO_SUPERCLASS
_ARRAYS_OF_ARRAYS = ("[[B", "[Ljava.lang.Object;")
# The stream's objects in order: class of the outer array, the outer array, class of the inner ones.
_HANDLE_OF_ARRAY_OF_BYTES = _FIRST_HANDLE + 2


def dump_arrays(arrays: Sequence[bytes]) -> bytes:
    """``arrays`` as a serialised ``byte[][]``.

    >>> load_arrays(dump_arrays([b"a", b"", b"ccc"]))
    [b'a', b'', b'ccc']
    """
    parts = [_STREAM, bytes([_ARRAY, _CLASS]), _ARRAY_OF_ARRAYS, len(arrays).to_bytes(4, "big")]
    described = bytes([_ARRAY, _CLASS]) + _ARRAY_OF_BYTES
    for array in arrays:
        parts += [described, len(array).to_bytes(4, "big"), array]
        described = bytes([_ARRAY, _REFERENCE]) + _HANDLE_OF_ARRAY_OF_BYTES.to_bytes(4, "big")
    return b"".join(parts)


def load_arrays(data: bytes) -> list[bytes]:
    """The elements of a serialised array of byte arrays.

    Raises StorageError when it is something else, or ends too soon.
    """
    try:
        found = _Stream(data).array()
    except IndexError:
        raise StorageError("a serialised Java object ends too soon") from None
    if not isinstance(found, list) or not all(isinstance(each, bytes) for each in found):
        raise _unexpected("an array that holds something else than byte arrays")
    return found


def _unexpected(what: str) -> StorageError:
    return StorageError(
        f"expected a serialised Java array of byte arrays, as saveAsPickleFile writes it, found {what}. Objects that "
        "a Scala or Java program wrote with saveAsObjectFile can be read by such a program only"
    )


class _Stream:
    """One serialised object, and where the reading has come to."""

    def __init__(self, data: bytes) -> None:
        if data[:4] != _STREAM:
            raise _unexpected(f"bytes that begin with {bytes(data[:4])!r}")
        self._data = data
        self._at = 4
        self._known: list[Any] = []
        """What a reference may refer to, by its handle: names of classes, and arrays."""

    def array(self) -> Any:
        """The next object: a list of objects, bytes, or None."""
        tag = self._byte()
        if tag == _NULL:
            return None
        if tag == _REFERENCE:
            return self._referred()
        if tag != _ARRAY:
            raise _unexpected("a text" if tag == _STRING else f"an object of kind 0x{tag:02x}")
        name = self._class()
        handle = len(self._known)
        self._known.append(None)
        size = int.from_bytes(self._take(4), "big")
        found: Any
        if name == "[B":
            found = bytes(self._take(size))
        elif name in _ARRAYS_OF_ARRAYS and handle == 1:
            found = [self.array() for _ in range(size)]
        else:
            raise _unexpected(f"an array of class {name}")
        self._known[handle] = found
        return found

    def _class(self) -> str:
        tag = self._byte()
        if tag == _REFERENCE:
            return str(self._referred())
        if tag != _CLASS:
            raise _unexpected("a class that is described in another way")
        name = str(self._take(int.from_bytes(self._take(2), "big")), "utf-8", "replace")
        self._take(8)
        if self._take(len(_NO_FIELDS_NO_SUPERCLASS)) != _NO_FIELDS_NO_SUPERCLASS:
            raise _unexpected(f"an array of class {name}")
        self._known.append(name)
        return name

    def _referred(self) -> Any:
        handle = int.from_bytes(self._take(4), "big") - _FIRST_HANDLE
        if not 0 <= handle < len(self._known):
            raise _unexpected("a reference to nothing")
        return self._known[handle]

    def _byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def _take(self, size: int) -> bytes:
        self._at += size
        if self._at > len(self._data):
            raise IndexError("the data ends within an object")
        return self._data[self._at - size : self._at]
