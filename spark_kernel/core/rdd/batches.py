"""The batches in which Spark pickles records, where users can see them.

``repartition`` deals out batches, not records, and ``cartesian`` pairs batch with batch. So a layout, and the order in
which pairs come, depend on how the records were batched before: in slices of a list by ``parallelize``, in tens by
``repartition``, in growing batches by a Python step. Unions and coalesced partitions keep the batches of what they are
made of; `batched_node` finds these again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from operator import itemgetter
from typing import Any

from spark_kernel.core.execution.serialization import dumps
from spark_kernel.core.lineage.node import Dependency, NarrowDependency, Node
from spark_kernel.core.lineage.partition_maps import OneToOne
from spark_kernel.core.lineage.recipes import Concatenate, Records, TaskScope

_BEST_BYTES = 1 << 16
"""``bestSize`` of PySpark's ``AutoBatchedSerializer``."""


@dataclass(frozen=True)
class Batches:
    """The records of a partition in lists of ``size``; the whole partition in one list with None.

    >>> list(Batches(2)(iter("abc"))), list(Batches(None)(iter("abc")))
    ([['a', 'b'], ['c']], [['a', 'b', 'c']])
    """

    size: int | None

    def __call__(self, records: Records) -> Iterator[list[Any]]:
        while batch := list(islice(records, self.size)):
            yield batch


@dataclass(frozen=True)
class GrowingBatches:
    """The records of a partition in lists of 1, 2, 4, ... while their pickles are small: ``AutoBatchedSerializer``.

    >>> [len(batch) for batch in GrowingBatches()(iter(range(10)))]
    [1, 2, 4, 3]
    """

    def __call__(self, records: Records) -> Iterator[list[Any]]:
        size = 1
        while batch := list(islice(records, size)):
            yield batch
            written = len(dumps(batch))
            if written < _BEST_BYTES:
                size *= 2
            elif written > 10 * _BEST_BYTES and size > 1:
                size //= 2


@dataclass(frozen=True)
class AsTheyAre:
    """Records that are batches already."""

    def __call__(self, records: Records) -> Iterator[list[Any]]:
        return records


Batching = Batches | GrowingBatches | AsTheyAre


def batching_of(serializer: Sequence[object]) -> Batching:
    """How Spark batches the records of an RDD with this serializer (see `spark_rdds`).

    >>> batching_of(("batched", 0)), batching_of(("batched", 10)), batching_of(("utf8",))
    (GrowingBatches(), Batches(size=10), Batches(size=1))
    """
    kind, *rest = serializer
    if kind == "batched":
        (size,) = rest
        assert isinstance(size, int)
        # What a shuffle by key wrote has one batch for each map task and flush; they count as one here.
        return GrowingBatches() if size == 0 else Batches(size if size > 0 else None)
    if kind == "pair":
        left = rest[0]
        assert isinstance(left, tuple)
        return batching_of(left)
    return Batches(None if kind == "cartesian" else 1)


@dataclass(frozen=True)
class InBatches:
    """The partition's records in batches."""

    batching: Batching

    def compute(self, partition: int, inputs: Iterator[Records], scope: TaskScope) -> Records:
        """One list for each batch."""
        return self.batching(next(inputs))


@dataclass(frozen=True)
class DealtBatches:
    """The batches of pairs of a number and a batch."""

    def compute(self, partition: int, inputs: Iterator[Records], scope: TaskScope) -> Records:
        """One list for each pair."""
        return map(itemgetter(1), next(inputs))


@dataclass(frozen=True)
class OpenBatches:
    """The records of the batches that ``repartition`` dealt out."""

    def compute(self, partition: int, inputs: Iterator[Records], scope: TaskScope) -> Records:
        """All records, one by one."""
        return chain.from_iterable(map(itemgetter(1), next(inputs)))


MakeNode = Callable[[Any, int, tuple[Dependency, ...]], Node]
"""From a recipe, a number of partitions and dependencies to a node."""


def batched_node(
    node: Node, batching: Batching, is_kept: Callable[[Node], bool], make: MakeNode
) -> tuple[Node, Batching]:
    """A dataset with the records of ``node``, and how to read Spark's batches off it.

    That is ``node`` itself, unless it puts others together: then what Spark batched are those. Datasets that are kept
    (persisted, checkpointed) are not looked behind: their records are there, their batches are not.
    """
    if is_kept(node) or not isinstance(node.recipe, (Concatenate, OpenBatches)):
        return node, batching
    built: dict[int, Node] = {}
    pending = [node]
    while pending:
        current = pending[-1]
        if current.node_id in built:
            pending.pop()
            continue
        if isinstance(current.recipe, Concatenate) and not is_kept(current):
            missing = [link.parent for link in current.dependencies if link.parent.node_id not in built]
            if missing:
                pending.extend(missing)
                continue
        built[current.node_id] = _in_batches(current, batching, is_kept, make, built)
        pending.pop()
    return built[node.node_id], AsTheyAre()


def _in_batches(
    node: Node, batching: Batching, is_kept: Callable[[Node], bool], make: MakeNode, built: dict[int, Node]
) -> Node:
    if not is_kept(node):
        if isinstance(node.recipe, Concatenate):
            links = [link for link in node.dependencies if isinstance(link, NarrowDependency)]
            parents = tuple(NarrowDependency(built[link.parent.node_id], link.partitions) for link in links)
            return make(Concatenate(), node.num_partitions, parents)
        if isinstance(node.recipe, OpenBatches) and isinstance(batching, Batches):
            return make(DealtBatches(), node.num_partitions, node.dependencies)
    return make(InBatches(batching), node.num_partitions, (NarrowDependency(node, OneToOne()),))
