"""Barrier stages as users see them: `RDD.barrier`, and the context of the tasks that run together.

That the tasks do run together is the scheduler's and the backend's business (`core/scheduler/barrier_rules.py`,
`core/execution/gang_dispatch.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import pyspark.taskcontext
from pyspark.taskcontext import BarrierTaskInfo

from spark_kernel.core.execution.gang_member import GangMember
from spark_kernel.core.rdd.operations import operation
from spark_kernel.core.rdd.partitionwise import MapPartitions, MapPartitionsWithIndex

if TYPE_CHECKING:
    from spark_kernel.core.rdd.rdd import RDD


class RDDBarrier:
    """A dataset whose next step runs in a barrier stage: all of its tasks at the same time.

    When one of them fails, all run again. They can wait for each other: see `BarrierTaskContext`.
    """

    def __init__(self, rdd: RDD) -> None:
        self.rdd = rdd

    @operation
    def mapPartitions(self, f: Callable[[Any], Iterable[Any]], preservesPartitioning: bool = False) -> RDD:
        """What ``f`` makes of each partition's iterator."""
        return self.rdd._narrow(MapPartitions(f), keeps=preservesPartitioning, is_barrier=True)

    @operation
    def mapPartitionsWithIndex(
        self, f: Callable[[int, Any], Iterable[Any]], preservesPartitioning: bool = False
    ) -> RDD:
        """What ``f`` makes of each partition's index and iterator."""
        return self.rdd._narrow(MapPartitionsWithIndex(f), keeps=preservesPartitioning, is_barrier=True)

    def __repr__(self) -> str:
        # Under the name that programs know it by.
        return f"<pyspark.core.rdd.RDDBarrier object at {id(self):#x}>"


class BarrierTaskContext(pyspark.taskcontext.BarrierTaskContext):
    """What ``pyspark.BarrierTaskContext.get()`` gives in a task of a barrier stage; made by `task_context` only."""

    _gang: GangMember

    def barrier(self) -> None:
        """Wait until all tasks of the stage have made this call.

        Raises PySparkRuntimeError when that can't be: one of them has ended, or calls `allGather` meanwhile, or
        ``spark.barrier.sync.timeout`` is over.
        """
        self._gang.meet("barrier", "")

    def allGather(self, message: str = "") -> list[str]:
        """Wait until all tasks of the stage have made this call; their messages, by partition.

        Raises TypeError for a message that is no string, and as `barrier`.
        """
        if not isinstance(message, str):
            raise TypeError("Argument `message` must be of type `str`")
        return list(self._gang.meet("allGather", message))

    def getTaskInfos(self) -> list[BarrierTaskInfo]:
        """Where the tasks of the stage run, by partition."""
        return [BarrierTaskInfo(address) for address in self._gang.addresses]
