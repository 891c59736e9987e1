"""``toDebugString``: the lineage as text, laid out as by ``RDD.toDebugString`` in Spark's ``RDD.scala``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from spark_kernel.core.lineage.storage_levels import StorageLevel, is_persisted
from spark_kernel.core.rdd.spark_rdds import SparkRdd

_LAST_COLUMN = re.compile(r"\|\s+$")
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")

CachedSizes = Callable[[int], tuple[int, int, int]]
"""node_id -> cached partitions, bytes in memory, bytes on disk."""


def debug_string(rdd: SparkRdd, level: StorageLevel, cached: CachedSizes) -> str:
    """The text for ``rdd`` and all that it stands on. ``level`` is its own; Spark shows it on every line.

    >>> from spark_kernel.common.call_sites import CallSite
    >>> source = SparkRdd(0, "ParallelCollectionRDD", CallSite("parallelize", "etl.py", 1), 4)
    >>> mapped = SparkRdd(1, "PythonRDD", CallSite("map", "etl.py", 2), 4, (source,))
    >>> print(debug_string(mapped, StorageLevel.NONE, lambda node_id: (0, 0, 0)))
    (4) PythonRDD[1] at map at etl.py:2 []
     |  ParallelCollectionRDD[0] at parallelize at etl.py:1 []
    """
    shown_level = str(level) if is_persisted(level) else ""
    return "\n".join(_lines(rdd, shown_level, cached))


def _lines(first: SparkRdd, shown_level: str, cached: CachedSizes) -> Iterator[str]:
    # Depth first with a stack of our own: a lineage may be thousands of RDDs deep.
    pending: list[tuple[SparkRdd, str, bool, bool]] = []
    heading, column = _stage_head(first)
    descriptions = _describe(first, shown_level, cached)
    yield f"{heading} {next(descriptions)}"
    yield from (f"{column} {line}" for line in descriptions)
    _push_parents(pending, first, column)
    while pending:
        rdd, prefix, is_shuffle, is_last = pending.pop()
        descriptions = _describe(rdd, shown_level, cached)
        if not is_shuffle:
            yield from (f"{prefix}{line}" for line in descriptions)
            _push_parents(pending, rdd, prefix)
            continue
        outside = _LAST_COLUMN.sub("", prefix)
        heading, column = _stage_head(rdd)
        inside = outside + ("  " if is_last else "| ") + column
        yield f"{outside}+-{heading} {next(descriptions)}"
        yield from (f"{inside}{line}" for line in descriptions)
        _push_parents(pending, rdd, inside)


def _stage_head(rdd: SparkRdd) -> tuple[str, str]:
    """``(4)`` and the bar that stands below it."""
    heading = f"({rdd.num_partitions})"
    offset = (len(heading) - 1) // 2
    return heading, " " * offset + "|" + " " * (len(heading) - offset)


def _push_parents(pending: list[tuple[SparkRdd, str, bool, bool]], rdd: SparkRdd, prefix: str) -> None:
    last = len(rdd.parents) - 1
    for index in range(last, -1, -1):
        pending.append((rdd.parents[index], prefix, rdd.is_shuffled, index == last))


def _describe(rdd: SparkRdd, shown_level: str, cached: CachedSizes) -> Iterator[str]:
    yield f"{rdd} [{shown_level}]"
    if rdd.node_id is not None:
        partitions, memory, disk = cached(rdd.node_id)
        if partitions and memory + disk:
            yield f"    CachedPartitions: {partitions}; MemorySize: {_size(memory)}; DiskSize: {_size(disk)}"


def _size(count: int) -> str:
    """``count`` bytes as Spark's ``Utils.bytesToString`` prints them.

    >>> _size(296), _size(5 * 1024 * 1024)
    ('296.0 B', '5.0 MiB')
    """
    power = 0
    while power < len(_UNITS) - 1 and count >= 2 << (10 * (power + 1)):
        power += 1
    return f"{count / (1 << (10 * power)):.1f} {_UNITS[power]}"
