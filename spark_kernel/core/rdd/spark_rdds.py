"""The RDDs that Spark itself would have made: their ids, their classes, and which Python steps it runs as one.

Nothing is computed from this. It exists because users see it: ``rdd.id()``, ``repr(rdd)`` and ``toDebugString()`` count
and name Spark's RDDs, which are fewer than our datasets (consecutive Python steps are one PythonRDD) or more (a
``reduceByKey`` is five). An id is taken when Spark would take it: late, when a Python RDD is first used as a whole.

What is emulated here: ``PipelinedRDD._jrdd``, ``RDD._reserialize`` and the deserializer of each RDD in
``pyspark/core/rdd.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from spark_kernel.common.call_sites import CallSite

Serializer = tuple[object, ...]
"""How Spark would have pickled an RDD's records; two RDDs are combined as they are only when these are equal."""

AUTO_BATCHED: Serializer = ("batched", 0)
UNBATCHED: Serializer = ("unbatched",)
UTF8: Serializer = ("utf8",)


def batched(size: int) -> Serializer:
    """Records pickled in lists of ``size``."""
    return ("batched", size)


@dataclass(eq=False)
class SparkRdd:
    """One RDD of Spark's graph."""

    rdd_id: int
    class_name: str
    site: CallSite
    num_partitions: int
    parents: tuple[SparkRdd, ...] = ()
    is_shuffled: bool = False
    """Its one dependency is a shuffle."""
    name: str | None = None
    node_id: int | None = None
    """The dataset of ours that it stands for; its storage level and cached partitions are shown."""

    def __str__(self) -> str:
        name = f"{self.name} " if self.name else ""
        return f"{name}{self.class_name}[{self.rdd_id}] at {self.site}"


class SparkView:
    """How one dataset handle would look in Spark: an RDD, or Python steps on top of one that no RDD stands for yet."""

    __slots__ = ("_base", "_made", "_new_id", "num_partitions", "serializer", "site")

    def __init__(
        self,
        new_id: Callable[[], int],
        site: CallSite,
        num_partitions: int,
        serializer: Serializer = AUTO_BATCHED,
        *,
        base: SparkRdd | None = None,
        made: SparkRdd | None = None,
    ) -> None:
        self._new_id = new_id
        self.site = site
        self.num_partitions = num_partitions
        self.serializer = serializer
        self._base = base
        self._made = made

    @classmethod
    def of(
        cls,
        new_id: Callable[[], int],
        class_name: str,
        site: CallSite,
        num_partitions: int,
        serializer: Serializer,
        parents: Sequence[SparkView] = (),
        name: str | None = None,
    ) -> SparkView:
        """An RDD that is made at once, after those of its parents."""
        above = tuple(parent.rdd() for parent in parents)
        made = SparkRdd(new_id(), class_name, site, num_partitions, above, name=name)
        return cls(new_id, site, num_partitions, serializer, made=made)

    def rdd(self) -> SparkRdd:
        """The RDD, made now if nothing needed it so far."""
        if self._made is None:
            assert self._base is not None
            self._made = SparkRdd(self._new_id(), "PythonRDD", self.site, self.num_partitions, (self._base,))
        return self._made

    def map_side(self) -> SparkRdd | None:
        """The RDD whose records the last shuffle below takes; None when there is none. Makes none."""
        rdd = self._made or self._base
        while rdd is not None and not rdd.is_shuffled:
            rdd = rdd.parents[0] if rdd.parents else None
        # Between the two stands the RDD, of Spark's own, that gives each record its partition.
        return rdd.parents[0].parents[0] if rdd is not None else None

    def python_step(self, site: CallSite, pipelinable: bool = True) -> SparkView:
        """A Python step on top; one RDD together with the steps below it, unless they are cached or the like."""
        base = self._base if self._base is not None and pipelinable else self.rdd()
        return SparkView(self._new_id, site, self.num_partitions, base=base)

    def reserialized(self, site: CallSite, serializer: Serializer, pipelinable: bool = True) -> SparkView:
        """Itself, or with one more Python step that pickles records differently."""
        if self.serializer == serializer:
            return self
        step = self.python_step(site, pipelinable)
        step.serializer = serializer
        return step

    def derived(
        self, class_name: str, site: CallSite, num_partitions: int, serializer: Serializer, *others: SparkView
    ) -> SparkView:
        """An RDD of Spark's own on top of this one, and of ``others``."""
        return SparkView.of(self._new_id, class_name, site, num_partitions, serializer, (self, *others))

    def named(self, class_name: str, site: CallSite, serializer: Serializer, name: str) -> SparkView:
        """An RDD of Spark's own on top of this one, with a name."""
        return SparkView.of(self._new_id, class_name, site, self.num_partitions, serializer, (self,), name)

    def beside(
        self, class_name: str, site: CallSite, num_partitions: int, serializer: Serializer, parents: Sequence[SparkView]
    ) -> SparkView:
        """An RDD of Spark's own on top of ``parents``, which this one need not be among."""
        return SparkView.of(self._new_id, class_name, site, num_partitions, serializer, parents)

    def shuffled_by_key(
        self, site: CallSite, num_partitions: int, pipelinable: bool = True, in_place: bool = False
    ) -> SparkView:
        """What ``partitionBy`` makes: four RDDs, or three where all records are ``in_place`` already."""
        keyed = self.python_step(site, pipelinable)
        pairs = keyed.derived("PairwiseRDD", site, self.num_partitions, UNBATCHED)
        if not in_place:
            pairs = pairs.derived("ShuffledRDD", site, num_partitions, UNBATCHED)
            pairs.rdd().is_shuffled = True
        return pairs.derived("MapPartitionsRDD", site, num_partitions, batched(-1))

    def redistributed(self, site: CallSite, num_partitions: int, batch_size: int, pipelinable: bool) -> SparkView:
        """What ``coalesce(n, shuffle=True)`` makes: four RDDs, and a Python step where records are batched anew."""
        serializer = batched(batch_size)
        rebatched = self.reserialized(site, serializer, pipelinable)
        spread = rebatched.derived("MapPartitionsRDD", site, self.num_partitions, serializer)
        shuffled = spread.derived("ShuffledRDD", site, num_partitions, serializer)
        shuffled.rdd().is_shuffled = True
        coalesced = shuffled.derived("CoalescedRDD", site, num_partitions, serializer)
        return coalesced.derived("MapPartitionsRDD", site, num_partitions, serializer)
