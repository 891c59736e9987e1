"""Transformations of several datasets without a shuffle: union, zip, cartesian."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from spark_kernel.core.lineage.node import NarrowDependency
from spark_kernel.core.lineage.partition_maps import GridColumn, GridRow, OneToOne, PartitionMap, Span
from spark_kernel.core.lineage.partitioners import Partitioner
from spark_kernel.core.lineage.recipes import Concatenate
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
        alike = self.partitioner is not None and self.partitioner == other.partitioner
        return self._union([self, other], keeps=self.partitioner if alike else None)

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
        sides = (NarrowDependency(self.node, GridRow(columns)), NarrowDependency(other.node, GridColumn(columns)))
        return self._derive(Cartesian(), rows * columns, sides, view=view)

    def _union(self, rdds: Sequence[Handle], keeps: Partitioner | None = None) -> RDD:
        """The records of all, without those datasets that have no partitions.

        When all are partitioned alike, partition i of each makes partition i. ``keeps`` is the partitioner that the
        union is known by, if it has as many partitions.
        """
        full = [rdd for rdd in rdds if rdd.getNumPartitions()]
        is_aligned = _are_aligned(full)
        maps: list[PartitionMap] = []
        width = 0
        for rdd in full:
            maps.append(OneToOne() if is_aligned else Span(width, rdd.getNumPartitions()))
            width = rdd.getNumPartitions() if is_aligned else width + rdd.getNumPartitions()
        return self._derive(
            Concatenate(),
            width,
            tuple(NarrowDependency(rdd.node, map_) for rdd, map_ in zip(full, maps, strict=True)),
            partitioner=keeps if keeps is not None and keeps.num_partitions == width else None,
            view=_union_view(rdds, "PartitionerAwareUnionRDD" if is_aligned else "UnionRDD", width),
        )


def _are_aligned(rdds: Sequence[Handle]) -> bool:
    """Whether there are any, and the same keys are in the same partition of each."""
    first = rdds[0].partitioner if rdds else None
    return first is not None and all(rdd.partitioner == first for rdd in rdds)


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
