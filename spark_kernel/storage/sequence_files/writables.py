"""Hadoop's Writables: how a value of each class stands in a file, and what it becomes in Python. Pure.

What they become is what PySpark makes of them (WritableToJavaConverter and its pickler). A reader takes bytes and a
place in them and returns the value and the place after it; IndexError means that the bytes end too soon.

ArrayWritable does not say what it is an array of (in Java a subclass does), so it can be written and not be read.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any

from spark_kernel.common.errors import StorageError
from spark_kernel.storage.sequence_files.vints import read_text, read_vint

Reader = Callable[[bytes, int], tuple[Any, int]]

PACKAGE = "org.apache.hadoop.io."
NULL = PACKAGE + "NullWritable"
BYTES = PACKAGE + "BytesWritable"
TEXT = PACKAGE + "Text"
ARRAY = PACKAGE + "ArrayWritable"
MAP = PACKAGE + "MapWritable"

# org.apache.hadoop.io.AbstractMapWritable: the classes that a map refers to by a number without naming them.
MAP_CLASSES: Mapping[str, int] = {
    ARRAY: -127,
    PACKAGE + "BooleanWritable": -126,
    BYTES: -125,
    PACKAGE + "FloatWritable": -124,
    PACKAGE + "IntWritable": -123,
    PACKAGE + "LongWritable": -122,
    MAP: -121,
    PACKAGE + "MD5Hash": -120,
    NULL: -119,
    PACKAGE + "ObjectWritable": -118,
    PACKAGE + "SortedMapWritable": -117,
    TEXT: -116,
    PACKAGE + "TwoDArrayWritable": -115,
    PACKAGE + "VIntWritable": -114,
    PACKAGE + "VLongWritable": -113,
}
_NAMES_OF_MAP_CLASSES = {number: name for name, number in MAP_CLASSES.items()}


def reader_of(class_name: str, url: str) -> Reader:
    """How values of a class are read.

    >>> reader_of("org.apache.hadoop.io.Text", "file:/a")(b"\\x01a", 0)
    ('a', 2)

    Raises StorageError, naming ``url``, for a class that is not known here.
    """
    reader = READERS.get(class_name)
    if reader is not None:
        return reader
    if class_name == ARRAY:
        raise StorageError(
            f"{url} holds {ARRAY}, which does not say what it is an array of, so Spark can't read it either: write "
            "lists as text (json.dumps) or as bytes, or write the records with saveAsPickleFile"
        )
    known = ", ".join(sorted(name.removeprefix(PACKAGE) for name in READERS))
    raise StorageError(
        f"{url} holds {class_name}, a Java class that can't be read without a JVM; known are {known} of {PACKAGE[:-1]}."
        " Write the records anew as one of these, with the program that made the file"
    )


def _fixed(layout: str) -> Reader:
    unpack_from, size = struct.Struct(layout).unpack_from, struct.calcsize(layout)

    def read(data: bytes, at: int) -> tuple[Any, int]:
        if at + size > len(data):
            raise IndexError("the data ends within a value")
        return unpack_from(data, at)[0], at + size

    return read


def _read_null(data: bytes, at: int) -> tuple[None, int]:
    return None, at


def _read_boolean(data: bytes, at: int) -> tuple[bool, int]:
    return data[at] != 0, at + 1


def _read_bytes(data: bytes, at: int) -> tuple[bytearray, int]:
    start = at + 4
    end = start + int.from_bytes(data[at:start], "big")
    if end > len(data):
        raise IndexError("the data ends within a value")
    return bytearray(data[start:end]), end


def _read_map(data: bytes, at: int) -> tuple[dict[Any, Any], int]:
    names = dict(_NAMES_OF_MAP_CLASSES)
    named, at = data[at], at + 1
    for _ in range(named):
        number, at = _signed_byte(data, at)
        names[number], at = _read_java_text(data, at)
    size, at = _read_int(data, at)
    found = {}
    for _ in range(size):
        key, at = _read_named(data, at, names)
        found[key], at = _read_named(data, at, names)
    return found, at


def _read_named(data: bytes, at: int, names: Mapping[int, str]) -> tuple[Any, int]:
    number, at = _signed_byte(data, at)
    if number not in names:
        raise StorageError(f"a {MAP} refers to a class number {number} that it does not name")
    return reader_of(names[number], f"a {MAP}")(data, at)


def _read_java_text(data: bytes, at: int) -> tuple[str, int]:
    """What ``DataOutput.writeUTF`` wrote; names of classes are ASCII."""
    start = at + 2
    end = start + int.from_bytes(data[at:start], "big")
    return str(data[start:end], "utf-8", "replace"), end


_signed_byte = _fixed(">b")
_read_int = _fixed(">i")

READERS: dict[str, Reader] = {
    NULL: _read_null,
    TEXT: read_text,
    BYTES: _read_bytes,
    MAP: _read_map,
    PACKAGE + "SortedMapWritable": _read_map,
    PACKAGE + "BooleanWritable": _read_boolean,
    PACKAGE + "ByteWritable": _signed_byte,
    PACKAGE + "ShortWritable": _fixed(">h"),
    PACKAGE + "IntWritable": _read_int,
    PACKAGE + "LongWritable": _fixed(">q"),
    PACKAGE + "FloatWritable": _fixed(">f"),
    PACKAGE + "DoubleWritable": _fixed(">d"),
    PACKAGE + "VIntWritable": read_vint,
    PACKAGE + "VLongWritable": read_vint,
}
