"""What a user holds: a lineage node, the context it belongs to, and how each operation makes the next node.

The themes of the API (`narrow.py`, `keyed.py`, `actions.py`, ...) are layers on top of this class; `rdd.py` is the
last one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import chain
from types import GenericAlias
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, cast

from spark_kernel.core.execution.profiling import Profiled
from spark_kernel.core.lineage.node import Dependency, NarrowDependency, Node, ShuffleDependency
from spark_kernel.core.lineage.partition_maps import OneToOne
from spark_kernel.core.lineage.partitioners import Partitioner
from spark_kernel.core.lineage.recipes import Recipe, ShuffleRead, Source
from spark_kernel.core.lineage.shuffle_specs import ShuffleSpec
from spark_kernel.core.rdd.driver_only import DriverOnlyError
from spark_kernel.core.rdd.operations import current_site
from spark_kernel.core.rdd.session import Context, Session
from spark_kernel.core.rdd.spark_rdds import SparkView

if TYPE_CHECKING:
    from spark_kernel.core.rdd.rdd import RDD


class Handle:
    """A dataset of a context. Immutable except for its name and whether it is kept."""

    # ``RDD[int]`` in users' annotations, as in PySpark.
    __class_getitem__: ClassVar[Callable[..., GenericAlias]] = classmethod(GenericAlias)  # type: ignore[assignment]

    def __init__(self, node: Node, ctx: Context, view: SparkView) -> None:
        self._node = node
        self.ctx = ctx
        self._session: Session = ctx.session
        self.is_cached = False
        self.is_checkpointed = False
        self.has_resource_profile = False
        self._view = view
        self._tells_partitioner = True
        """False below ``SparkContext.union``: it unites what is partitioned alike, but PySpark forgets how that is."""

    @property
    def node(self) -> Node:
        """What it means; after a checkpoint, a source that reads that."""
        # Kept, so that the lineage behind a checkpoint can be forgotten.
        self._node = self._session.current(self._node)
        return self._node

    @property
    def partitioner(self) -> Partitioner | None:
        """How the keys of its pairs are spread over the partitions, if that is known."""
        return self.node.partitioner if self._tells_partitioner else None

    @property
    def context(self) -> Context:
        """The `SparkContext` that it belongs to."""
        return self.ctx

    def getNumPartitions(self) -> int:
        """The number of partitions."""
        return self.node.num_partitions

    def __reduce__(self) -> NoReturn:
        raise DriverOnlyError("RDD_TRANSFORM_ONLY_VALID_ON_DRIVER")

    # Making the next dataset

    def _narrow(
        self, recipe: Recipe, *, keeps: bool = False, view: SparkView | None = None, is_barrier: bool = False
    ) -> RDD:
        """A dataset whose partition i is made of partition i. ``keeps`` says that keys stay where they are."""
        made = self._derive(
            recipe,
            self.node.num_partitions,
            (NarrowDependency(self.node, OneToOne()),),
            partitioner=self.node.partitioner if keeps else None,
            view=view if view is not None else self._python_step(),
            is_barrier=is_barrier,
        )
        made._tells_partitioner = self._tells_partitioner
        return made

    def _shuffle(self, spec: ShuffleSpec, view: SparkView) -> RDD:
        """A dataset that a shuffle brings together."""
        map_side = view.map_side()
        profiler = self._session.profiler_of(map_side) if map_side is not None else None
        if profiler is not None:
            spec = replace(spec, profiler=profiler)
        return self._derive(
            ShuffleRead(),
            spec.partitioner.num_partitions,
            (ShuffleDependency(self.node, self._session.new_shuffle_id(), spec),),
            partitioner=spec.partitioner,
            view=view,
        )

    def _derive(
        self,
        recipe: Recipe | ShuffleRead | Source,
        num_partitions: int,
        dependencies: tuple[Dependency, ...],
        *,
        partitioner: Partitioner | None = None,
        view: SparkView,
        is_barrier: bool = False,
    ) -> RDD:
        site = current_site()
        node = Node(
            node_id=self._session.new_node_id(),
            operation=site.function,
            call_site=site,
            recipe=recipe,
            num_partitions=num_partitions,
            dependencies=dependencies,
            partitioner=partitioner,
            is_barrier=is_barrier,
        )
        return cast("RDD", type(self)(self._session.adopt(node), self.ctx, view))

    # How it would look in Spark

    def _is_pipelinable(self) -> bool:
        return not (self.is_cached or self.is_checkpointed or self.has_resource_profile)

    def _python_step(self) -> SparkView:
        return self._view.python_step(current_site(), self._is_pipelinable())

    # Running a job

    def _run(
        self,
        function: Callable[[Any], Any],
        partitions: Sequence[int] | None = None,
        *,
        is_python_step: bool = True,
        on_result: Callable[[int, Any], None] | None = None,
    ) -> list[Any]:
        """``function`` of each partition's iterator, as one job.

        ``is_python_step`` says that PySpark would make an RDD for it, which takes an id.
        """
        rdd = (self._python_step() if is_python_step else self._view).rdd()
        profiler = self._session.profiler_of(rdd)
        if profiler is not None:
            function = Profiled(profiler, function)
        chosen = range(self.node.num_partitions) if partitions is None else partitions
        return self._session.run_job(self.node, function, chosen, current_site(), on_result)


def concatenated(lists: Iterable[list[Any]]) -> list[Any]:
    """The lists' elements in one list."""
    return list(chain.from_iterable(lists))
