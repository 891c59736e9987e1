"""Pairs whose values all get the same tag: which side of a join they are from.

The recipes make `Tagged` iterators. Whoever writes their pairs may take them untagged, and say the tag once a batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice, repeat
from typing import Any, cast

_CHUNK = 500


class Tagged(chain):  # type: ignore[type-arg]
    """``(key, (tag, value))`` for each pair ``(key, value)``.

    >>> list(Tagged.of(iter([("a", 1), ("b", 2)]), 0))
    [('a', (0, 1)), ('b', (0, 2))]
    """

    pairs: Iterator[Any]
    tag: int

    @classmethod
    def of(cls, pairs: Iterator[Any], tag: int) -> Tagged:
        """Take the tagged pairs from it, or else the untagged ones from ``pairs``, which are tuples of two."""
        tagged = cast(Tagged, cls.from_iterable(_chunks(pairs, tag)))
        tagged.pairs = pairs
        tagged.tag = tag
        return tagged


def _chunks(pairs: Iterator[Any], tag: int) -> Iterator[Iterator[Any]]:
    while chunk := list(islice(pairs, _CHUNK)):
        keys, values = zip(*chunk, strict=True)
        yield zip(keys, zip(repeat(tag), values, strict=False), strict=False)
