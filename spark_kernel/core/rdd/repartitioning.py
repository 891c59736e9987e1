"""Choosing the number of partitions, and which records share one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from spark_kernel.core.lineage.node import NarrowDependency
from spark_kernel.core.lineage.partition_maps import Groups, OneToOne
from spark_kernel.core.lineage.partitioners import Partitioner
from spark_kernel.core.lineage.recipes import Concatenate, Recipe
from spark_kernel.core.lineage.shuffle_specs import ShuffleSpec
from spark_kernel.core.rdd.batches import Batches, Batching, OpenBatches
from spark_kernel.core.rdd.operations import current_site, operation
from spark_kernel.core.rdd.redistribution import ByNumber, DealOut, contiguous_groups
from spark_kernel.core.rdd.side_by_side import SideBySide
from spark_kernel.core.rdd.spark_rdds import SparkView, batched
from spark_kernel.core.shuffle.portable_hash import portable_hash

if TYPE_CHECKING:
    from spark_kernel.core.rdd.rdd import RDD

_BATCH = 10
"""Records that travel together in ``repartition``; part of the layout that users see."""


class Repartitioning(SideBySide):
    """Other partitions, same records."""

    @operation
    def coalesce(self, numPartitions: int, shuffle: bool = False) -> RDD:
        """At most ``numPartitions`` partitions, neighbours joined; with ``shuffle`` exactly so many, dealt out anew."""
        if not numPartitions > 0:
            raise ValueError("Number of partitions must be positive.")
        if shuffle:
            return self._redistribute(numPartitions)
        groups = contiguous_groups(self.getNumPartitions(), numPartitions)
        view = self._view.derived("CoalescedRDD", current_site(), len(groups), self._view.serializer)
        return self._derive(Concatenate(), len(groups), (NarrowDependency(self.node, Groups(groups)),), view=view)

    @operation
    def repartition(self, numPartitions: int) -> RDD:
        """Exactly ``numPartitions`` partitions of about the same size, by a shuffle."""
        return self.coalesce(numPartitions, shuffle=True)

    @operation
    def partitionBy(self, numPartitions: int | None, partitionFunc: Callable[[Any], int] = portable_hash) -> RDD:
        """The pairs, each in partition ``partitionFunc(key) % numPartitions``. Itself when that is so already."""
        partitioner = self._partitioner(numPartitions, partitionFunc)
        if self.partitioner == partitioner:
            return cast("RDD", self)
        in_place = self.node.partitioner == partitioner
        view = self._view.shuffled_by_key(current_site(), partitioner.num_partitions, self._is_pipelinable(), in_place)
        return self._stay(Concatenate(), view) if in_place else self._shuffle(ShuffleSpec(partitioner), view)

    def _stay(self, recipe: Recipe, view: SparkView) -> RDD:
        """A shuffle of records that are in place already: nothing moves, and the partitioner is told from now on."""
        here = self._narrow(recipe, keeps=True, view=view)
        here._tells_partitioner = True
        return here

    def _partitioner(self, num_partitions: int | None, function: Callable[[Any], int]) -> Partitioner:
        return Partitioner(self._defaultReducePartitions() if num_partitions is None else num_partitions, function)

    def _defaultReducePartitions(self) -> int:
        """Partitions of a shuffle's result when nobody says how many."""
        if self._session.setting("spark.default.parallelism") is not None:
            return self._session.defaultParallelism
        return self.getNumPartitions()

    def _redistribute(self, num_partitions: int) -> RDD:
        batching: Batching = Batches(_BATCH)
        node = self.node
        if self._view.serializer == batched(_BATCH):
            node, batching = self._in_batches()
        view = self._view.redistributed(current_site(), num_partitions, _BATCH, self._is_pipelinable())
        links = (NarrowDependency(node, OneToOne()),)
        dealt = self._derive(DealOut(num_partitions, batching), node.num_partitions, links, view=view)
        moved = dealt._shuffle(ShuffleSpec(Partitioner(num_partitions, ByNumber())), view)
        return moved._narrow(OpenBatches(), view=view)
