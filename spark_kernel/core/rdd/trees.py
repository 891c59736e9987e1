"""Aggregations in several rounds, so that the driver is not sent one result for each partition."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import Any

from spark_kernel.core.rdd.combining import PairSide
from spark_kernel.core.rdd.folds import Fold, PutTogether
from spark_kernel.core.rdd.operations import operation
from spark_kernel.core.rdd.partitionwise import FoldPartition, WithPartitionKey
from spark_kernel.core.rdd.statistics import Statistics


class Trees(Statistics):
    """treeAggregate and treeReduce."""

    @operation
    def treeAggregate(
        self, zeroValue: Any, seqOp: Callable[[Any, Any], Any], combOp: Callable[[Any, Any], Any], depth: int = 2
    ) -> Any:
        """`aggregate` in about ``depth`` rounds."""
        if depth < 1:
            raise ValueError(f"Depth cannot be smaller than 1 but got {depth}.")
        if self.getNumPartitions() == 0:
            return zeroValue
        partial = self._narrow(FoldPartition(Fold(zeroValue, seqOp)))
        width: float = self.getNumPartitions()
        scale = max(ceil(width ** (1.0 / depth)), 2)
        while width > scale + width / scale:
            width /= scale
            keyed = partial._narrow(WithPartitionKey(int(width)))
            partial = keyed.reduceByKey(combOp, int(width))._narrow(PairSide(1))
        return partial.reduce(combOp)

    @operation
    def treeReduce(self, f: Callable[[Any, Any], Any], depth: int = 2) -> Any:
        """`reduce` in about ``depth`` rounds. Raises ValueError when there are no records."""
        if depth < 1:
            raise ValueError(f"Depth cannot be smaller than 1 but got {depth}.")
        put_together = PutTogether(f)
        value, is_empty = self.treeAggregate((None, True), put_together.with_value, put_together, depth)
        if is_empty:
            raise ValueError("Cannot reduce empty RDD.")
        return value
