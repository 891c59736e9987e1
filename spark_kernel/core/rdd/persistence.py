"""Keeping a dataset's partitions."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from pyspark.errors import UnsupportedOperationException

from spark_kernel.core.lineage.storage_levels import StorageLevel
from spark_kernel.core.rdd.introspection import Introspection

if TYPE_CHECKING:
    from spark_kernel.core.rdd.rdd import RDD


class Persistence(Introspection):
    """cache, persist, unpersist."""

    def cache(self) -> RDD:
        """Keep the partitions in memory once they are computed; returns itself."""
        return self.persist(StorageLevel.MEMORY_ONLY)

    def persist(self, storageLevel: StorageLevel = StorageLevel.MEMORY_ONLY) -> RDD:
        """Keep the partitions as ``storageLevel`` says, once they are computed; returns itself.

        Raises UnsupportedOperationException when it is kept at another level already.
        """
        if not isinstance(storageLevel, StorageLevel):
            raise TypeError("storageLevel must be of type pyspark.StorageLevel")
        known = self._session.level_of(self.node.node_id)
        if known is not None and known != storageLevel:
            raise UnsupportedOperationException(
                "Cannot change storage level of an RDD after it was already assigned a level. Call unpersist() first."
            )
        self.is_cached = True
        self._spark_rdd()
        self._session.persist(self.node, storageLevel)
        return cast("RDD", self)

    def unpersist(self, blocking: bool = False) -> RDD:
        """Forget the kept partitions; returns itself, with ``blocking`` when they are gone from all executors."""
        self.is_cached = False
        self._session.unpersist(self.node.node_id, blocking)
        return cast("RDD", self)
