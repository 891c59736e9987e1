"""Transformations of several datasets without a shuffle: union, zip, cartesian."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from spark_kernel.core.lineage.node import NarrowDependency, Node
from spark_kernel.core.lineage.partition_maps import GridColumn, GridRow, OneToOne, PartitionMap, Span
from spark_kernel.core.lineage.recipes import Concatenate
from spark_kernel.core.rdd.batches import Batching, batched_node, batching_of
from spark_kernel.core.rdd.handle import Handle
from spark_kernel.core.rdd.narrow import NarrowTransformations
from spark_kernel.core.rdd.operations import current_site, operation
from spark_kernel.core.rdd.partitionwise import Cartesian, Zip
from spark_kernel.core.rdd.spark_rdds import AUTO_BATCHED, Serializer, SparkView, batched

if TYPE_CHECKING:
    from spark_kernel.core.rdd.rdd import RDD

_ZIP_BATCH = 100


class SideBySide(NarrowTransformations):
    """Datasets next to each other."""

    @operation
    def union(self, other: RDD) -> RDD:
        """The records of both, duplicates kept. Partitioned alike, they are united partition by partition."""
        return self._union([self, other], tells_partitioner=self.partitioner == other.partitioner)

    @operation
    def __add__(self, other: RDD) -> RDD:
        if not isinstance(other, Handle):
            raise TypeError(f"an RDD can be added to another RDD only, not to {type(other).__name__}")
        return self.union(other)

    @operation
    def zip(self, other: RDD) -> RDD:
        """Pairs of the records at the same place in both, which must be partitioned and filled alike."""
        if self.getNumPartitions() != other.getNumPartitions():
            raise ValueError("Can only zip with RDD which has the same number of partitions")
        left, right = _zip_views(self, other)
        serializer = ("pair", left.serializer, right.serializer)
        view = left.derived("ZippedPartitionsRDD2", current_site(), self.getNumPartitions(), serializer, right)
        sides = (NarrowDependency(self.node, OneToOne()), NarrowDependency(other.node, OneToOne()))
        return self._derive(Zip(), self.getNumPartitions(), sides, view=view)

    @operation
    def cartesian(self, other: RDD) -> RDD:
        """Every pair of a record of this dataset with one of ``other``, in n x m partitions."""
        rows, columns = self.getNumPartitions(), other.getNumPartitions()
        serializer = ("cartesian", self._view.serializer, other._view.serializer)
        view = self._view.derived("CartesianRDD", current_site(), rows * columns, serializer, other._view)
        (left, left_batching), (right, right_batching) = self._in_batches(), other._in_batches()
        sides = (NarrowDependency(left, GridRow(columns)), NarrowDependency(right, GridColumn(columns)))
        return self._derive(Cartesian(left_batching, right_batching), rows * columns, sides, view=view)

    def _in_batches(self) -> tuple[Node, Batching]:
        """A node with this dataset's records, and how to find the batches in it that Spark pickles them in."""
        return batched_node(
            self.node,
            batching_of(self._view.serializer),
            lambda node: self._session.level_of(node.node_id) is not None or self._session.current(node) is not node,
            lambda recipe, width, links: self._derive(recipe, width, links, view=self._view).node,
        )

    def _union(self, rdds: Sequence[Handle], tells_partitioner: bool) -> RDD:
        """The records of all, without those datasets that have no partitions.

        When all are partitioned alike, partition i of each makes partition i.
        """
        full = [rdd for rdd in rdds if rdd.getNumPartitions()]
        is_aligned = _are_aligned(full)
        maps: list[PartitionMap] = []
        width = 0
        for rdd in full:
            maps.append(OneToOne() if is_aligned else Span(width, rdd.getNumPartitions()))
            width = rdd.getNumPartitions() if is_aligned else width + rdd.getNumPartitions()
        united = self._derive(
            Concatenate(),
            width,
            tuple(NarrowDependency(rdd.node, map_) for rdd, map_ in zip(full, maps, strict=True)),
            partitioner=full[0].node.partitioner if is_aligned else None,
            view=_union_view(rdds, "PartitionerAwareUnionRDD" if is_aligned else "UnionRDD", width),
        )
        united._tells_partitioner = tells_partitioner and rdds[0]._tells_partitioner
        return united


def _are_aligned(rdds: Sequence[Handle]) -> bool:
    """Whether there are any, and the same keys are in the same partition of each."""
    first = rdds[0].node.partitioner if rdds else None
    return first is not None and all(rdd.node.partitioner == first for rdd in rdds)


def _union_view(rdds: Sequence[Handle], class_name: str, width: int) -> SparkView:
    site = current_site()
    views = [rdd._view for rdd in rdds]
    serializer: Serializer = views[0].serializer
    if any(view.serializer != serializer for view in views):
        serializer = AUTO_BATCHED
        views = [rdd._view.reserialized(site, serializer, rdd._is_pipelinable()) for rdd in rdds]
    for view in views:
        view.rdd()
    full = [view for view in views if view.num_partitions]
    return rdds[0]._view.beside(class_name, site, width, serializer, full)


def _zip_views(left: Handle, right: Handle) -> tuple[SparkView, SparkView]:
    """The two views, pickled in batches of the same size."""
    sizes = [_batch_size(rdd._view.serializer) for rdd in (left, right)]
    if sizes[0] == sizes[1] != 0:
        return left._view, right._view
    serializer = batched(min(sizes) if min(sizes) > 0 else _ZIP_BATCH)
    site = current_site()
    return (
        left._view.reserialized(site, serializer, left._is_pipelinable()),
        right._view.reserialized(site, serializer, right._is_pipelinable()),
    )


def _batch_size(serializer: Serializer) -> int:
    size = serializer[1] if serializer[0] == "batched" else 1
    assert isinstance(size, int)
    return size
