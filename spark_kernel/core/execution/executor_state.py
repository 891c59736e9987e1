"""What an executor keeps between tasks: its cache, its broadcasts, its way to other machines, its running tasks.

One object per executor process and application, held by the worker plug-in (or by the inline backend) and handed to
each task; there is nothing global.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from spark_kernel.core.cache.block_store import BlockStore
from spark_kernel.core.execution.cpu_slots import CpuSlots
from spark_kernel.core.execution.gang_member import GangMembers
from spark_kernel.core.execution.running_tasks import RunningTasks
from spark_kernel.core.shared_variables.broadcast import BroadcastCache
from spark_kernel.core.shuffle.map_outputs import NodePlace
from spark_kernel.core.shuffle.transport import BlockTransport, BytesLike
from spark_kernel.resource_managers.notation import size_setting

FetchCached = Callable[[str, int, int], "Future[list[BytesLike]]"]
"""(executor_id, node_id, partition) -> the batches, which `records_of` reads."""


def task_memory(settings: Mapping[str, str], share: int) -> int:
    """Bytes in which a task may combine and sort: ``spark.python.worker.memory``, but not more than its ``share``.

    >>> task_memory({}, 1000), task_memory({"spark.python.worker.memory": "1m"}, 1 << 30)
    (1000, 1048576)
    """
    return min(share, size_setting(settings, "spark.python.worker.memory") or share)


@dataclass
class ExecutorState:
    """One executor of one application."""

    executor_id: str
    place: NodePlace
    """This machine, as readers of its shuffle files know it."""
    folder: Path
    """The application's folder on this machine, with the shuffle files."""
    own_folder: Path
    """The executor's folder in it: cached blocks, and scratch folders of tasks with what they spill."""
    memory_share: int
    """Bytes that each task may use for combining and sorting before it spills."""
    blocks: BlockStore
    broadcasts: BroadcastCache
    transport: BlockTransport
    gangs: GangMembers
    cpus: CpuSlots
    """Its threads' worth of tasks."""
    fetch_cached: FetchCached | None = None
    """Begins to get the batches of a cached block from another executor; None where there is no other."""
    running: RunningTasks = field(default_factory=RunningTasks)

    @property
    def address(self) -> str:
        """``host:port``, as tasks of a gang see each other; port 0 where nobody listens."""
        scheme, _, address = self.executor_id.rpartition("://")
        return address if scheme else f"{self.place.host}:0"
