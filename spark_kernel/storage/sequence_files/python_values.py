"""Which Writable stands for a value of Python, and its bytes. Pure.

The choice is PySpark's (its pickler's, and JavaToWritableConverter's): None is NullWritable, bool BooleanWritable, int
IntWritable or, from 32 bits on, LongWritable, float DoubleWritable, str Text, bytes and bytearray BytesWritable, dict
MapWritable, tuple ArrayWritable. Everything else is refused, in dicts and tuples too.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pyspark.errors import PySparkTypeError, PySparkValueError

from spark_kernel.storage.sequence_files.vints import write_text
from spark_kernel.storage.sequence_files.writables import ARRAY, BYTES, MAP, MAP_CLASSES, NULL, PACKAGE, TEXT

Encoder = Callable[[Any], bytes]

BOOLEAN = PACKAGE + "BooleanWritable"
INT = PACKAGE + "IntWritable"
LONG = PACKAGE + "LongWritable"
DOUBLE = PACKAGE + "DoubleWritable"

_pack_int, _pack_long, _pack_double = struct.Struct(">i").pack, struct.Struct(">q").pack, struct.Struct(">d").pack


def class_of(value: object) -> str:
    """The Writable that stands for ``value``.

    >>> class_of(2**31 - 1).rpartition(".")[2], class_of(2**31).rpartition(".")[2], class_of(b"").rpartition(".")[2]
    ('IntWritable', 'LongWritable', 'BytesWritable')

    Raises PySparkTypeError when there is none, PySparkValueError for an integer of more than 64 bits.
    """
    if type(value) is int:
        if -(1 << 31) <= value < 1 << 31:
            return INT
        if -(1 << 63) <= value < 1 << 63:
            return LONG
        raise PySparkValueError(
            f"the number {value} cannot be used in a SequenceFile: the largest Writable has 64 bits. Write it as text, "
            "or the records with saveAsPickleFile"
        )
    found = _CLASSES.get(type(value))
    if found is None:
        raise PySparkTypeError(
            f"Data of type {type(value).__name__} cannot be used in a SequenceFile: keys and values are None, bool, "
            "int, float, str, bytes, dict or tuple of these. Convert it with map, or use saveAsPickleFile"
        )
    return found


def encoder_of(class_name: str) -> Encoder:
    """How values are written whose Writable is ``class_name``, as `class_of` says.

    >>> encoder_of(class_of("é"))("é")
    b'\\x02\\xc3\\xa9'
    """
    return _ENCODERS[class_name]


def _nothing(value: None) -> bytes:
    return b""


def _boolean(value: bool) -> bytes:
    return b"\x01" if value else b"\x00"


def _bytes(value: bytes | bytearray) -> bytes:
    return _pack_int(len(value)) + value


def _array(values: tuple[Any, ...]) -> bytes:
    return _pack_int(len(values)) + b"".join(encoder_of(class_of(each))(each) for each in values)


def _map(values: Mapping[Any, Any]) -> bytes:
    numbers = _numbers_of_classes(class_of(each) for pair in values.items() for each in pair)
    named = {name: number for name, number in numbers.items() if name not in MAP_CLASSES}
    parts = [bytes([len(named)])]
    parts += [_pack_byte(number) + _java_text(name) for name, number in named.items()]
    parts.append(_pack_int(len(values)))
    for pair in values.items():
        for each in pair:
            name = class_of(each)
            parts += [_pack_byte(numbers[name]), encoder_of(name)(each)]
    return b"".join(parts)


def _numbers_of_classes(names: Iterable[str]) -> dict[str, int]:
    """A number for each class, those of `MAP_CLASSES` and further ones from 1."""
    numbers = {name: MAP_CLASSES.get(name, 0) for name in names}
    others = [name for name, number in numbers.items() if not number]
    return numbers | {name: number for number, name in enumerate(others, 1)}


def _pack_byte(number: int) -> bytes:
    return number.to_bytes(1, "big", signed=True)


def _java_text(text: str) -> bytes:
    """As ``DataOutput.writeUTF`` writes ASCII."""
    return len(text).to_bytes(2, "big") + text.encode("ascii")


_CLASSES: dict[type, str] = {
    type(None): NULL,
    bool: BOOLEAN,
    float: DOUBLE,
    str: TEXT,
    bytes: BYTES,
    bytearray: BYTES,
    dict: MAP,
    tuple: ARRAY,
}
_ENCODERS: dict[str, Encoder] = {
    NULL: _nothing,
    BOOLEAN: _boolean,
    INT: _pack_int,
    LONG: _pack_long,
    DOUBLE: _pack_double,
    TEXT: write_text,
    BYTES: _bytes,
    MAP: _map,
    ARRAY: _array,
}
