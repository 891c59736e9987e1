"""What a stage's tasks do: the part of the lineage graph between shuffles, flattened to a list of steps.

A program is built on the driver, pickled once per stage, and holds nothing that only one task needs: a source's
payloads travel with the tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from spark_kernel.common.call_sites import CallSite
from spark_kernel.core.execution.step_inputs import Inputs, Links
from spark_kernel.core.lineage.recipes import Recipe, Records, TaskScope
from spark_kernel.core.lineage.shuffle_specs import ShuffleSpec
from spark_kernel.core.lineage.storage_levels import StorageLevel


@dataclass(frozen=True)
class ReadSource:
    """The step reads its task's payload."""

    read: Callable[[Any, TaskScope], Records]


@dataclass(frozen=True)
class ReadShuffle:
    """The step reads what a shuffle brought together."""

    shuffle_id: int
    spec: ShuffleSpec
    map_partitions: int = 0
    """How many map outputs there have to be."""


@dataclass(frozen=True)
class ReadCache:
    """The step's blocks are all in the cache; how they were computed stayed on the driver."""


@dataclass(frozen=True)
class Step:
    """One dataset of the stage."""

    node_id: int
    operation: str
    call_site: CallSite
    action: Recipe | ReadSource | ReadShuffle | ReadCache
    inputs: Inputs = field(default_factory=Links)
    level: StorageLevel | None = None
    """Set when the dataset is persisted: the step looks into the cache first and fills it."""


@dataclass(frozen=True)
class WriteShuffle:
    """The task writes the last step's records, which are pairs, to one indexed shuffle file."""

    shuffle_id: int
    spec: ShuffleSpec
    call_site: CallSite | None = None
    """The operation that asked for the shuffle; blamed when its combiner or its partition function raises."""


@dataclass(frozen=True)
class Deliver:
    """The task's result is what ``function`` makes of the last step's records."""

    function: Callable[[Records], Any]
    call_site: CallSite | None = None
    """The action; blamed when its function raises."""


@dataclass(frozen=True)
class StageProgram:
    """The steps of a stage, parents before children; the last one feeds ``output``."""

    steps: Sequence[Step]
    output: WriteShuffle | Deliver
