"""What a dataset says about itself. Runs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from spark_kernel.core.lineage.storage_levels import StorageLevel
from spark_kernel.core.rdd.debug_string import debug_string
from spark_kernel.core.rdd.handle import Handle
from spark_kernel.core.rdd.spark_rdds import SparkRdd

if TYPE_CHECKING:
    from spark_kernel.core.rdd.rdd import RDD


class Introspection(Handle):
    """Ids, names and the lineage as text."""

    def id(self) -> int:
        """The number that Spark would give it; unique in the context."""
        return self._spark_rdd().rdd_id

    def name(self) -> str | None:
        """The name that `setName` gave, or None."""
        return self._spark_rdd().name

    def setName(self, name: str) -> RDD:
        """Give it a name; returns itself."""
        self._spark_rdd().name = name
        self._session.set_name(self.node, name)
        return cast("RDD", self)

    def getStorageLevel(self) -> StorageLevel:
        """Where its partitions are kept; ``StorageLevel(False, False, False, False, 1)`` when they are not."""
        return self._session.level_of(self.node.node_id) or StorageLevel.NONE

    def toDebugString(self) -> bytes:
        """Its lineage, indented by stages, as UTF-8 text."""
        return debug_string(self._spark_rdd(), self.getStorageLevel(), self._session.cached).encode()

    def __repr__(self) -> str:
        return str(self._spark_rdd())

    def _spark_rdd(self) -> SparkRdd:
        rdd = self._view.rdd()
        rdd.node_id = self.node.node_id
        return rdd
