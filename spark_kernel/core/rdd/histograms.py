"""Buckets and how records are counted into them; the arithmetic of ``RDD.histogram`` in PySpark."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isinf, isnan
from typing import Any


@dataclass(frozen=True)
class Buckets:
    """Counts the records of a partition.

    >>> Buckets([0, 10, 20], width=10)([5, 10, 20, 25, None])
    [1, 2]
    """

    bounds: Sequence[Any]
    """Low ends of the buckets, and the high end of the last."""
    width: Any = None
    """Of every bucket, when they are equally wide."""

    def __call__(self, records: Iterable[Any]) -> list[int]:
        bounds, width = self.bounds, self.width
        low, high = bounds[0], bounds[-1]
        counts = [0] * len(bounds)
        for record in records:
            if not is_comparable(record) or record > high or record < low:
                continue
            place = int((record - low) / width) if width is not None else bisect.bisect_right(bounds, record) - 1
            counts[place] += 1
        # The last bucket is closed: what equals its high end was counted beyond it.
        last = counts.pop()
        counts[-1] += last
        return counts


def is_comparable(record: Any) -> bool:
    """Neither None nor NaN."""
    return record is not None and not (isinstance(record, float) and isnan(record))


def minimum_and_maximum(records: Iterable[Any]) -> tuple[Any, Any] | None:
    """The smallest and the largest, or None when there are no records."""
    iterator = iter(records)
    for first in iterator:
        low = high = first
        for record in iterator:
            low, high = min(low, record), max(high, record)
        return low, high
    return None


def even_buckets(low: Any, high: Any, number: int) -> Buckets:
    """So many buckets of equal width.

    >>> even_buckets(0, 50, 2).bounds, even_buckets(0, 5, 2).bounds
    ([0, 25, 50], [0.0, 2.5, 5])
    """
    try:
        width = (high - low) / number
    except TypeError:
        raise TypeError("Can not generate buckets with non-number in RDD") from None
    if isinf(width):
        raise ValueError("Can not generate buckets with infinite value")
    # Whole numbers where the bounds are whole.
    width = int(width)
    if width * number != high - low:
        width = (high - low) * 1.0 / number
    return Buckets([*(i * width + low for i in range(number)), high], width)


def given_buckets(bounds: Sequence[Any]) -> Buckets:
    """The buckets between ``bounds``.

    Raises ValueError when these make none.
    """
    if len(bounds) < 2:
        raise ValueError("buckets should have more than one value")
    if not all(map(is_comparable, bounds)):
        raise ValueError("can not have None or NaN in buckets")
    if sorted(bounds) != list(bounds):
        raise ValueError("buckets should be sorted")
    if len(set(bounds)) != len(bounds):
        raise ValueError("buckets should not contain duplicated values")
    try:
        steps = [after - before for before, after in pairwise(bounds)]
    except TypeError:
        return Buckets(bounds)
    if max(steps) - min(steps) < 1e-10:
        return Buckets(bounds, (bounds[-1] - bounds[0]) / (len(bounds) - 1))
    return Buckets(bounds)
