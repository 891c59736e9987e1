"""One dataset of the lineage graph, and what it depends on.

A node is what an RDD handle or a query fragment means. It is frozen: persistence, names and cached blocks are kept
elsewhere, by node id. Walk the graph with `walk`, never by recursion: users chain thousands of steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NoReturn

from spark_kernel.common.call_sites import CallSite
from spark_kernel.common.errors import ContextError
from spark_kernel.core.lineage.partition_maps import PartitionMap
from spark_kernel.core.lineage.partitioners import Partitioner
from spark_kernel.core.lineage.recipes import Recipe, ShuffleRead, Source
from spark_kernel.core.lineage.shuffle_specs import ShuffleSpec


@dataclass(frozen=True, eq=False)
class NarrowDependency:
    """Each partition of the child reads a few known partitions of the parent: no stage boundary."""

    parent: Node
    partitions: PartitionMap


@dataclass(frozen=True, eq=False)
class ShuffleDependency:
    """Each partition of the child may read from every partition of the parent: a stage boundary."""

    parent: Node
    shuffle_id: int
    """Unique in the application; map outputs are registered under it and found again by later jobs."""
    spec: ShuffleSpec


Dependency = NarrowDependency | ShuffleDependency


@dataclass(frozen=True, eq=False)
class Node:
    """One immutable dataset.

    Raises ValueError when what it is made of does not fit together.
    """

    node_id: int
    """Unique in the application; a parent's is lower than its children's."""
    operation: str
    """The API method that made it, as the user wrote it."""
    call_site: CallSite
    recipe: Recipe | Source | ShuffleRead
    num_partitions: int
    dependencies: tuple[Dependency, ...] = ()
    partitioner: Partitioner | None = None
    """How its records, being pairs, are spread over the partitions; None when nobody knows."""
    rdd_class: str = "PythonRDD"
    """The class name that Spark shows for such a dataset in ``toDebugString``."""
    is_barrier: bool = False
    """All tasks that compute it run at the same time: `RDD.barrier`."""
    runs_in_barrier: bool = field(init=False, default=False)
    """It is computed by a barrier stage: it is a barrier dataset, or reads one through narrow dependencies."""

    def __post_init__(self) -> None:
        narrow = (link.parent for link in self.dependencies if isinstance(link, NarrowDependency))
        object.__setattr__(self, "runs_in_barrier", self.is_barrier or any(each.runs_in_barrier for each in narrow))
        if self.num_partitions < 0:
            raise ValueError(f"{self.operation}: a dataset can't have {self.num_partitions} partitions")
        if isinstance(self.recipe, Source) and (self.dependencies or len(self.recipe.payloads) != self.num_partitions):
            raise ValueError(f"{self.operation}: a source has one payload a partition and no parents")
        if isinstance(self.recipe, ShuffleRead) and not self._is_shuffled():
            raise ValueError(f"{self.operation}: a shuffle read has exactly one shuffle dependency, as wide as itself")
        if self.partitioner is not None and self.partitioner.num_partitions != self.num_partitions:
            raise ValueError(f"{self.operation}: the partitioner is for {self.partitioner.num_partitions} partitions")

    def _is_shuffled(self) -> bool:
        if len(self.dependencies) != 1 or not isinstance(self.dependencies[0], ShuffleDependency):
            return False
        return self.dependencies[0].spec.partitioner.num_partitions == self.num_partitions

    def __reduce__(self) -> NoReturn:
        raise ContextError(
            f"The dataset made by {self.call_site} can't be sent to a task: datasets and the context live on the "
            "driver only. Collect what you need first, join the two datasets, or broadcast a plain value."
        )


def walk(roots: Iterable[Node], into_shuffles: bool = True) -> Iterator[Node]:
    """Every node that ``roots`` stand on, themselves included, each once, children before parents.

    With ``into_shuffles=False`` the walk stops at shuffle dependencies, that is, at the border of a stage.
    """
    seen: set[int] = set()
    pending = list(roots)
    while pending:
        node = pending.pop()
        if node.node_id in seen:
            continue
        seen.add(node.node_id)
        yield node
        for dependency in reversed(node.dependencies):
            if into_shuffles or isinstance(dependency, NarrowDependency):
                pending.append(dependency.parent)
