"""How much memory Python objects take, estimated from samples: what decides when a combine or a sort spills.

The resident size of the process can't decide it: tasks that share a process would see each other's memory, and what
Python frees it rarely gives back. Called by whatever collects records: `combining.py`, `sorting.py`, `pair_buckets.py`.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

_SAMPLED_ITEMS = 8
_MAX_DEPTH = 8
_LEAST_ENTRIES, _MOST_ENTRIES = 16, 256
_SLOT_BYTES = 16
_MIN_STRIDE = 256
_MAX_STRIDE = 1 << 20
_FULL = 0.75
"""The share of the limit at which it counts as reached; the rest is for what comes before the next look."""

_CACHED_INTEGERS = range(-5, 257)


def object_bytes(value: Any) -> int:
    """Roughly the bytes that ``value`` and all it refers to occupy; large containers are judged by a few items.

    >>> object_bytes("x" * 1000) > 1000, object_bytes(1), object_bytes([1.5] * 1000) > 8000
    (True, 0, True)
    """
    return _bytes(value, 0, set())


def _bytes(value: Any, depth: int, seen: set[int]) -> int:
    if value is None or value is True or value is False or id(value) in seen:
        return 0
    kind = type(value)
    if kind is int:
        return 0 if value in _CACHED_INTEGERS else sys.getsizeof(value)
    size: int = sys.getsizeof(value)
    if kind is float:
        return size
    seen.add(id(value))
    if depth >= _MAX_DEPTH or kind in (str, bytes, bytearray, complex):
        return size
    return size + _inside(value, kind, depth + 1, seen)


def _inside(value: Any, kind: type, depth: int, seen: set[int]) -> int:
    if issubclass(kind, (tuple, list, set, frozenset, deque)):
        return _items(value, len(value), depth, seen)
    if issubclass(kind, Mapping):
        return _items(value, len(value), depth, seen) + _items(value.values(), len(value), depth, seen)
    attributes = getattr(value, "__dict__", None)
    if isinstance(attributes, dict):
        # The names of attributes are shared by all objects of the class.
        return _SLOT_BYTES * len(attributes) + _items(attributes.values(), len(attributes), depth, seen)
    return 0


def _items(items: Iterable[Any], count: int, depth: int, seen: set[int]) -> int:
    sample = list(islice(items, _SAMPLED_ITEMS))
    return sum(_bytes(item, depth, seen) for item in sample) * count // len(sample) if sample else 0


def mapping_bytes(mapping: Mapping[Any, Any]) -> int:
    """Roughly the bytes that a large dictionary and all it refers to occupy, from entries spread evenly over it.

    >>> mapping_bytes({i: str(i) for i in range(1000)}) > 80_000
    True
    """
    if not mapping:
        return sys.getsizeof(mapping)
    # Odd, so that it meets all of what repeats in steps of two, ten or a thousand.
    step = (len(mapping) // min(_MOST_ENTRIES, max(_LEAST_ENTRIES, len(mapping) // 16))) | 1
    sizes = [object_bytes(key) + object_bytes(value) for key, value in islice(mapping.items(), 0, None, step)]
    return sys.getsizeof(mapping) + sum(sizes) * len(mapping) // len(sizes)


class Gauge:
    """Decides how many records may come before the next look, and whether a dictionary of combiners is full.

    A look costs time in proportion to the dictionary, so looks are spaced by what it may grow by in the meantime: at
    least as much as it did, and at least the size of the records that arrive.
    """

    def __init__(self, limit: int) -> None:
        self._limit = max(limit, 1)
        self.reset()

    def reset(self) -> None:
        """The dictionary is empty again."""
        self.stride = _MIN_STRIDE
        self._size = 0
        self._records = 0

    def is_full(self, combined: Mapping[Any, Any], record_bytes: int) -> bool:
        """Whether it has reached the limit, after ``stride`` more records, each of about ``record_bytes``."""
        size = mapping_bytes(combined)
        if size >= self._limit * _FULL:
            return True
        growth = max((size - self._size) / self.stride, record_bytes, 16)
        self._size = size
        room = int((self._limit - size) / growth)
        self._records += self.stride
        # Where keys repeat there are many more records than keys, and each adds to a combiner.
        self.stride = max(1, min(room, max(_MIN_STRIDE, 4 * len(combined), self._records), _MAX_STRIDE))
        return False
