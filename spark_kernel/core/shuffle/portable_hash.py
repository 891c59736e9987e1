"""A hash of keys that is the same in every process, on every machine, under every Python: it chooses partitions.

``hash()`` can't: Python salts the hashes of strings per process, and their algorithm changes between versions. Numbers,
None and tuples hash as in PySpark, so that their partition layout is the one that users know; strings and bytes hash
by CRC-32 of their UTF-8 form, which runs at C speed and depends on nothing.
"""

from __future__ import annotations

import datetime
import decimal
import enum
import fractions
import sys
import uuid
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from typing import Any
from zlib import crc32

__all__ = ["portable_hash", "portable_hashes"]

_TUPLE_START = 0x345678
_TUPLE_FACTOR = 1000003


def portable_hash(key: Any) -> int:
    """The hash of ``key``, equal for equal keys, whichever process asks.

    Numbers by Python's own rule, None is 0, tuples by the algorithm of PySpark (that of CPython 2.7), strings and bytes
    by CRC-32; dates, times, UUIDs, enumeration members, dataclasses and frozen sets by what they are made of.

    >>> portable_hash(None), portable_hash(7), portable_hash(7.0), portable_hash("seven")
    (0, 7, 7, 2522131820)
    >>> portable_hash((None, 1)) & 0xffffffff
    219750521

    Raises TypeError for a key that can't be hashed, or whose hash differs between processes.
    """
    return _hasher(type(key))(key)


def portable_hashes(keys: Sequence[Any]) -> list[int]:
    """`portable_hash` of each key, fast where the keys are alike.

    >>> portable_hashes([1, 2]) == [portable_hash(1), portable_hash(2)]
    True
    """
    kinds = set(map(type, keys))
    if kinds == {int}:
        return list(map(hash, keys))
    if kinds == {str}:
        try:
            return list(map(crc32, map(str.encode, keys)))
        except UnicodeEncodeError:
            return list(map(_of_text, keys))
    if kinds == {float}:
        return [hash(key) if key == key else 0 for key in keys]
    if kinds == {tuple} and len(set(map(len, keys))) == 1:
        return _of_tuples(keys, len(keys[0]))
    return list(map(portable_hash, keys))


def _of_tuples(keys: Sequence[tuple[Any, ...]], width: int) -> list[int]:
    """The algorithm of `_of_tuple`, column by column."""
    values = [_TUPLE_START] * len(keys)
    for i in range(width):
        column = portable_hashes([key[i] for key in keys])
        values = [((value ^ item) * _TUPLE_FACTOR) & sys.maxsize for value, item in zip(values, column, strict=True)]
    return [-2 if (value := each ^ width) == -1 else value for each in values]


def _of_text(text: str) -> int:
    return crc32(text.encode("utf-8", "surrogatepass"))


def _of_number(number: Any) -> int:
    # Python hashes a NaN by where it lies in memory; a recomputed task has to put it where the first one did.
    return hash(number) if number == number else 0


def _of_tuple(items: tuple[Any, ...]) -> int:
    value = _TUPLE_START
    for item in items:
        value = ((value ^ portable_hash(item)) * _TUPLE_FACTOR) & sys.maxsize
    value ^= len(items)
    return -2 if value == -1 else value


def _of_set(items: frozenset[Any]) -> int:
    return _of_tuple(tuple(sorted(map(portable_hash, items))))


def _of_date(day: datetime.date) -> int:
    return day.toordinal()


def _of_datetime(moment: datetime.datetime) -> int:
    offset = moment.utcoffset()
    plain = moment.replace(tzinfo=None, fold=0)
    return _of_text((plain if offset is None else plain - offset).isoformat())


def _of_time(time: datetime.time) -> int:
    offset = time.utcoffset() or datetime.timedelta()
    seconds = datetime.timedelta(hours=time.hour, minutes=time.minute, seconds=time.second) - offset
    return _of_tuple((seconds.days, seconds.seconds, time.microsecond))


def _of_duration(duration: datetime.timedelta) -> int:
    return _of_tuple((duration.days, duration.seconds, duration.microseconds))


def _of_member(member: enum.Enum) -> int:
    return _of_text(f"{type(member).__qualname__}.{member.name}")


def _of_dataclass(record: Any) -> int:
    return _of_tuple(tuple(getattr(record, field.name) for field in fields(record) if _is_compared(field)))


def _is_compared(field: Any) -> bool:
    return bool(field.compare if field.hash is None else field.hash)


def _of_class(cls: type) -> int:
    return _of_text(f"{cls.__module__}.{cls.__qualname__}")


def _of_range(numbers: range) -> int:
    size = len(numbers)
    return _of_tuple((size, numbers[0] if size else None, numbers.step if size > 1 else None))


def _of_salted(key: Any) -> int:
    if sys.flags.hash_randomization:
        raise TypeError(
            f"a key of class {type(key).__qualname__} defines __hash__, and what that gives differs between Python "
            "processes, so it can't choose a partition. Use a tuple, a dataclass or a string as the key, pass a "
            "partition function of your own, or start Python with PYTHONHASHSEED=0."
        )
    return hash(key)


# How to hash a key is decided by which ``__hash__`` its class has, so that subclasses that did not change it
# (named tuples, ``Row``, ``IntEnum``, ``numpy.str_``) hash like what they are equal to.
_BY_METHOD: dict[Any, Callable[[Any], int]] = {
    int.__hash__: hash,
    float.__hash__: _of_number,
    complex.__hash__: _of_number,
    decimal.Decimal.__hash__: _of_number,
    fractions.Fraction.__hash__: hash,
    str.__hash__: _of_text,
    bytes.__hash__: crc32,
    tuple.__hash__: _of_tuple,
    frozenset.__hash__: _of_set,
    range.__hash__: _of_range,
    datetime.datetime.__hash__: _of_datetime,
    datetime.date.__hash__: _of_date,
    datetime.time.__hash__: _of_time,
    datetime.timedelta.__hash__: _of_duration,
    uuid.UUID.__hash__: hash,
    enum.Enum.__hash__: _of_member,
}
_BY_CLASS: dict[type, Callable[[Any], int]] = {type(None): lambda _: 0}


def _hasher(cls: type) -> Callable[[Any], int]:
    known = _BY_CLASS.get(cls)
    if known is None:
        known = _BY_CLASS[cls] = _choose_hasher(cls)
    return known


def _choose_hasher(cls: type) -> Callable[[Any], int]:
    method: Any = cls.__hash__
    if method is None:
        raise TypeError(
            f"a key can't be of type {cls.__name__}, which can change and so has no hash. "
            "Use a tuple instead of a list, a frozenset instead of a set, tuple(sorted(d.items())) instead of a dict."
        )
    if method in _BY_METHOD:
        return _BY_METHOD[method]
    if issubclass(cls, type):
        return _of_class
    if is_dataclass(cls) and _is_generated(cls.__hash__) and _is_generated(cls.__eq__):
        return _of_dataclass
    if method == object.__hash__:
        raise TypeError(
            f"a key of class {cls.__qualname__} is equal to nothing but itself, so it can't choose a partition. Make "
            "the class a frozen dataclass, give it __eq__ and __hash__, or use a tuple or a string as the key."
        )
    if hasattr(cls, "dtype") and hasattr(cls, "item"):
        return _of_numpy_scalar
    return _of_salted


def _of_numpy_scalar(scalar: Any) -> int:
    return portable_hash(scalar.item())


def _is_generated(method: Any) -> bool:
    """Whether ``dataclasses`` wrote the method; only then is a dataclass what its fields are."""
    code = getattr(method, "__code__", None) or getattr(getattr(method, "__wrapped__", None), "__code__", None)
    return code is not None and code.co_filename == "<string>"
