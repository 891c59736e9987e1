"""checkpoint and localCheckpoint: marking a dataset. How its partitions are written is in `checkpoint_files`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn, cast

from pyspark.errors import PySparkRuntimeError
from pyspark.serializers import Serializer

from spark_kernel.common.call_sites import CallSite
from spark_kernel.core.lineage.node import ShuffleDependency
from spark_kernel.core.lineage.recipes import TaskScope
from spark_kernel.core.lineage.storage_levels import StorageLevel
from spark_kernel.core.rdd.operations import current_site, operation
from spark_kernel.core.rdd.persistence import Persistence
from spark_kernel.core.rdd.spark_rdds import SparkRdd

if TYPE_CHECKING:
    from spark_kernel.core.rdd.rdd import RDD


@dataclass
class CheckpointMark:
    """A dataset that is to be checkpointed."""

    is_reliable: bool
    """Written to storage; else kept in the executors' stores only."""
    spark_rdd: SparkRdd
    site: CallSite
    is_done: bool = False
    url: str | None = None
    """The folder it was written to."""


class Checkpointing(Persistence):
    """Cutting the lineage."""

    _mark: CheckpointMark | None = None
    _read_from: str | None = None
    """The checkpoint's folder, for a dataset that was made from one."""

    @operation
    def checkpoint(self) -> None:
        """Write it to the checkpoint folder with the next job that computes it, and forget its lineage then.

        The dataset is computed twice unless it is kept (`persist`). Raises PySparkRuntimeError when no folder is set.
        """
        self._request(CheckpointMark(True, self._spark_rdd(), current_site()))
        self.is_checkpointed = True

    @operation
    def localCheckpoint(self) -> None:
        """Keep it in the executors' stores with the next job that computes it, and forget its lineage then.

        Fast, but what an executor held is lost with it, and the job that needs it fails.
        """
        known = self._session.level_of(self.node.node_id)
        self._session.persist(self.node, _on_disk_too(known) if known else StorageLevel.MEMORY_AND_DISK_DESER)
        self._request(CheckpointMark(False, self._spark_rdd(), current_site()))

    def persist(self, storageLevel: StorageLevel = StorageLevel.MEMORY_ONLY) -> RDD:
        """`Persistence.persist`; after `localCheckpoint`, at any level, to which a disk is added."""
        if isinstance(storageLevel, StorageLevel) and self.isLocallyCheckpointed():
            self.is_cached = True
            self._session.persist(self.node, _on_disk_too(storageLevel))
            return cast("RDD", self)
        return super().persist(storageLevel)

    def cleanShuffleDependencies(self, blocking: bool = False) -> None:
        """Remove the shuffle files behind it, up to datasets that are kept; a later job writes them again.

        With ``blocking`` it returns when they are gone.
        """
        pending, seen, shuffles = list(self.node.dependencies), set[int](), list[int]()
        while pending:
            link = pending.pop()
            if isinstance(link, ShuffleDependency):
                shuffles.append(link.shuffle_id)
            parent = link.parent
            if parent.node_id not in seen and self._session.level_of(parent.node_id) is None:
                seen.add(parent.node_id)
                pending.extend(parent.dependencies)
        self._session.forget_shuffles(shuffles, blocking)

    def isCheckpointed(self) -> bool:
        """Whether it was written, to the checkpoint folder or to the executors' stores."""
        return self._mark is not None and self._mark.is_done

    def isLocallyCheckpointed(self) -> bool:
        """Whether `localCheckpoint` was called."""
        return self._mark is not None and not self._mark.is_reliable

    def getCheckpointFile(self) -> str | None:
        """The folder that it was written to, or read from by another context; else None."""
        if self._read_from is not None:
            return self._read_from
        return self._mark.url if self._mark is not None and self._mark.is_done else None

    @property
    def _jrdd_deserializer(self) -> Serializer:
        """How its records are pickled: what programs hand to ``sc._checkpointFile``."""
        return self.ctx.serializer

    def _request(self, mark: CheckpointMark) -> None:
        if self._mark is None:
            self._session.mark_checkpoint(self.node, mark)
            self._mark = mark


def _on_disk_too(level: StorageLevel) -> StorageLevel:
    """The level with a disk, as ``LocalRDDCheckpointData.transformStorageLevel`` has it: what was evicted is gone."""
    return StorageLevel(True, level.useMemory, False, level.deserialized, level.replication)


@dataclass(frozen=True)
class LostBlock:
    """Stands for a partition that should have been found in an executor's store."""

    rdd_id: int

    def __call__(self, payload: None, scope: TaskScope) -> NoReturn:
        raise PySparkRuntimeError(
            f"Checkpoint block rdd_{self.rdd_id}_{scope.partition} not found! Either the executor that originally "
            "checkpointed this partition is no longer alive, or the original RDD is unpersisted. Its lineage is gone: "
            "make the dataset anew, and consider checkpoint() instead of localCheckpoint()."
        )
