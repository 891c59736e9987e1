"""What dataset handles ask of the context that made them. `core/context` implements it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

from pyspark.resource import ResourceProfile
from pyspark.serializers import Serializer

from spark_kernel.common.call_sites import CallSite
from spark_kernel.core.lineage.node import Node
from spark_kernel.core.lineage.storage_levels import StorageLevel
from spark_kernel.storage.options import StorageOptions

if TYPE_CHECKING:
    from spark_kernel.core.execution.profiling import Profiler
    from spark_kernel.core.rdd.checkpointing import CheckpointMark
    from spark_kernel.core.rdd.spark_rdds import SparkRdd


class Context(Protocol):
    """What users hold as ``rdd.ctx``."""

    serializer: Serializer
    """How records are pickled."""

    @property
    def session(self) -> Session:
        """Its working parts."""


class Session(Protocol):
    """A context, as seen from its datasets."""

    @property
    def defaultParallelism(self) -> int:
        """Partitions of a dataset when nobody says how many."""

    @property
    def storage_options(self) -> StorageOptions:
        """How to reach the storages that this context's settings speak of."""

    def profiler_of(self, rdd: SparkRdd) -> Profiler | None:
        """What profiles the stage that ends with ``rdd``; None where no profiles are asked for."""

    def setting(self, key: str) -> str | None:
        """A configuration value, or None when it is not set."""

    def new_node_id(self) -> int:
        """An id that no other node of the application has."""

    def new_shuffle_id(self) -> int:
        """An id that no other shuffle of the application has."""

    def new_rdd_id(self) -> int:
        """What Spark would number its next RDD."""

    def adopt(self, node: Node) -> Node:
        """Take note of a node that was made: what it leaves behind is cleaned up once nothing refers to it."""

    def run_job(
        self,
        node: Node,
        function: Callable[[Any], Any],
        partitions: Sequence[int],
        site: CallSite,
        on_result: Callable[[int, Any], None] | None = None,
    ) -> list[Any]:
        """``function`` of each of the partitions' iterators, in the order of ``partitions``, as one job."""

    def forget_shuffles(self, shuffle_ids: Iterable[int], blocking: bool) -> None:
        """Remove the files of shuffles; a job that reads one writes them again. ``blocking``: wait for it."""

    def current(self, node: Node) -> Node:
        """The node itself, or what stands for it since it was checkpointed."""

    def mark_checkpoint(self, node: Node, mark: CheckpointMark) -> None:
        """Checkpoint the dataset with the next job that computes it."""

    def set_job_group(self, group: str, description: str, interrupt_on_cancel: bool) -> None:
        """Jobs that this thread starts from now on belong to the group."""

    def carry_over(self) -> Callable[[], AbstractContextManager[None]]:
        """A way for another thread to start jobs as if this one did."""

    def level_of(self, node_id: int) -> StorageLevel | None:
        """The storage level of a persisted dataset, else None."""

    def persist(self, node: Node, level: StorageLevel) -> None:
        """Keep the dataset's partitions once they are computed."""

    def unpersist(self, node_id: int, blocking: bool) -> None:
        """Forget the dataset's partitions."""

    def cached(self, node_id: int) -> tuple[int, int, int]:
        """Cached partitions of a dataset, its bytes in memory and its bytes on disk."""

    def name_of(self, node_id: int) -> str | None:
        """The name that ``setName`` gave, else None."""

    def resource_profile_of(self, node_id: int) -> ResourceProfile | None:
        """What the dataset's tasks take, where ``withResources`` has said that."""

    def set_resource_profile(self, node: Node, profile: ResourceProfile) -> None:
        """Say what the dataset's tasks take."""

    def set_name(self, node: Node, name: str | None) -> None:
        """Name a dataset."""
