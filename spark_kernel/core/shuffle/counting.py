"""Records that are all paired with one value, ``(word, 1)``: made without a call, and combined without a loop.

Counting and finding distinct records look like this. The recipes make `Paired` iterators; whoever combines their pairs
may take the keys alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice, repeat
from typing import Any, cast

_CHUNK = 2000


class Paired(zip):  # type: ignore[type-arg]
    """``(key, value)`` for each key, the value always the same.

    >>> list(Paired(iter("ab"), 1))
    [('a', 1), ('b', 1)]
    """

    keys: Iterator[Any]
    value: Any

    def __new__(cls, keys: Iterator[Any], value: Any) -> Paired:
        """Take the pairs from it, or else the keys from ``keys``."""
        paired = cast("Paired", super().__new__(cls, keys, repeat(value), strict=False))
        paired.keys = keys
        paired.value = value
        return paired


def count_keys(combined: dict[Any, Any], keys: Iterable[Any]) -> None:
    """Add the number of times that each key comes to what ``combined`` has for it.

    >>> counts = {"a": 2}
    >>> count_keys(counts, "aba")
    >>> counts
    {'a': 4, 'b': 1}

    Raises TypeError for a key that can't be hashed.
    """
    # Counter's own loop runs in C, and it does for any dictionary what it does for a Counter.
    count = cast(Any, Counter.update)
    iterator = iter(keys)
    while chunk := list(islice(iterator, _CHUNK)):
        try:
            count(combined, chunk)
        except TypeError:
            _hash_each(chunk)
            raise


def keep_keys(combined: dict[Any, Any], keys: Iterable[Any], value: Any) -> None:
    """Put in the keys that are not yet there, with ``value``, which is what the others have.

    >>> kept = {1: None}
    >>> keep_keys(kept, [True, 2, 2.0], None)
    >>> kept
    {1: None, 2: None}

    Raises TypeError for a key that can't be hashed.
    """
    iterator = iter(keys)
    while chunk := list(islice(iterator, _CHUNK)):
        try:
            combined.update(dict.fromkeys(chunk, value))
        except TypeError:
            _hash_each(chunk)
            raise


def _hash_each(keys: Iterable[Any]) -> None:
    """Fail in a frame in which the culprit is found under the name ``key``."""
    for key in keys:
        hash(key)
