"""What a shuffle does with records: to which partition each goes, how values combine, in which order keys arrive."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from spark_kernel.core.lineage.partitioners import Partitioner


@dataclass(frozen=True)
class Aggregator:
    """How the values of one key become one combiner.

    A mutable combiner may be changed in place; ``create`` is called once per key and map partition.
    """

    create: Callable[[Any], Any]
    """First value -> combiner."""
    merge_value: Callable[[Any, Any], Any]
    """Combiner, value -> combiner."""
    merge_combiners: Callable[[Any, Any], Any]
    """Combiner, combiner -> combiner."""


@dataclass(frozen=True)
class KeyOrdering:
    """Keys arrive sorted in each partition."""

    ascending: bool = True
    key: Callable[[Any], Any] | None = None
    """From a record's key to what is compared; the key itself when None."""


@dataclass(frozen=True)
class ShuffleSpec:
    """Records are pairs ``(key, value)``; the result's records are pairs too.

    With an aggregator, values are combined before they are written when ``map_side_combine`` is set, and in any case
    after they are read: one record per key arrives. Without one, records arrive as they were sent, in the order
    of the map partitions. With an ordering, they arrive sorted by key; the sort is stable.
    """

    partitioner: Partitioner
    aggregator: Aggregator | None = None
    map_side_combine: bool = True
    ordering: KeyOrdering | None = None
    profiler: Any = None
    """Runs the map tasks, where profiles are asked for (`execution/profiling.py`)."""
