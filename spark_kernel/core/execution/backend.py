"""The seam between the scheduler, which decides, and whatever runs tasks: Dask workers, or this very process.

The scheduler hands over a `TaskBatch`; the backend answers with reports, in any thread, at least one final report
(`TaskSucceeded`, `TaskFailed`, `TaskFetchFailed`, `TaskCancelled`, `TaskInputGone`) for each task, whatever happens to
the executors. Attempts are counted by the scheduler; a backend never repeats a task on its own account.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from spark_kernel.common.errors import FailedTask
from spark_kernel.common.events import TaskMetrics
from spark_kernel.core.cache.stored_blocks import StoredBlock as StoredBlock
from spark_kernel.core.execution.added_files import AddedFile
from spark_kernel.core.lineage.storage_levels import StorageLevel
from spark_kernel.core.shuffle.map_outputs import MapOutput, NodePlace


@dataclass(frozen=True)
class Executor:
    """A worker that runs tasks."""

    executor_id: str
    host: str
    cores: int
    """Tasks that it runs at once."""
    memory_bytes: int
    """Its limit; 0 when it has none."""
    resources: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """GPUs and the like: the name that it was started with -> addresses."""


@dataclass(frozen=True)
class Demand:
    """What a task takes of its executor while it runs, and what that executor must have."""

    cpus: int = 1
    """Slots."""
    resources: Mapping[str, float] = field(default_factory=dict)
    """Name -> how many of the executor's; less than 1 is a part of one that others may share."""
    executor: Mapping[str, int] = field(default_factory=dict)
    """``cores``, ``memory`` in MiB, and resources by name: no executor with less will do."""

    @property
    def is_one_slot(self) -> bool:
        """Whether any free slot will do."""
        return self.cpus == 1 and not self.resources and not self.executor


@dataclass(frozen=True)
class TaskSpec:
    """One attempt at one partition of a stage."""

    task_id: int
    partition: int
    attempt: int
    payloads: Mapping[int, Any] = field(default_factory=dict)
    """What this task's sources read: (index of the step in the stage's program, partition) -> payload is too much for
    one partition of a chain, so the key is ``(step, partition)`` packed by `payload_key`."""
    preferred: tuple[str, ...] = ()
    """executor_ids that hold what it reads, best first."""
    avoid: tuple[str, ...] = ()
    """executor_ids where it must not run: another attempt at the partition is slow there."""


def payload_key(step: int, partition: int) -> int:
    """One integer for a step of a program and a partition of it (a coalesced task reads several partitions).

    >>> payload_key(1, 2) != payload_key(2, 1)
    True
    """
    return (step << 32) | partition


@dataclass(frozen=True)
class TaskBatch:
    """Tasks of one stage attempt that are ready to run, none of which waits for another."""

    job_id: int
    stage_id: int
    stage_attempt: int
    operation: str
    """What the stage's last dataset is called; part of the task keys."""
    program: bytes
    """The pickled `StageProgram`; travels once per executor."""
    tasks: Sequence[TaskSpec]
    shuffle_inputs: Mapping[int, Sequence[MapOutput]] = field(default_factory=dict)
    """shuffle_id -> the outputs of all its map tasks, for the shuffles that this stage reads."""
    cached_blocks: Mapping[int, Mapping[int, tuple[str, ...]]] = field(default_factory=dict)
    """node_id -> partition -> executor_ids that hold the block, for persisted datasets that this stage reads."""
    sides: tuple[bytes, ...] = ()
    """What was set apart of the program, for its tasks to share."""
    broadcasts: frozenset[int] = frozenset()
    """Broadcast variables that the program refers to."""
    priority: int = 0
    """Lower runs first; the job's place in the queue."""
    properties: Mapping[str, str] = field(default_factory=dict)
    """The submitting thread's local properties; tasks can read them."""
    is_gang: bool = False
    """Its tasks begin all together or not at all, and may wait for each other."""
    demand: Demand = field(default_factory=Demand)
    """What each of its tasks takes of an executor."""
    max_result_bytes: int = 0
    """Results of the batch above this size in all are not fetched; 0 when there is no limit."""


@dataclass(frozen=True)
class TaskStarted:
    """The task began to run."""

    task_id: int
    executor_id: str


@dataclass(frozen=True)
class TaskSucceeded:
    """The task did all its work."""

    task_id: int
    executor_id: str
    value: Any
    """A `MapOutput` for a shuffle-map stage, else what the job's function returned."""
    metrics: TaskMetrics
    accumulator_updates: Mapping[int, Any] = field(default_factory=dict)
    """accumulator id -> what this task added."""
    stored_blocks: tuple[StoredBlock, ...] = ()


@dataclass(frozen=True)
class ResultHeld:
    """The task did all its work; its result is large and still on the executor. `TaskSucceeded` follows with it."""

    task_id: int
    executor_id: str
    result_bytes: int


@dataclass(frozen=True)
class TaskFailed:
    """The task raised, or its executor was lost (then ``executor_lost`` is set)."""

    task_id: int
    executor_id: str
    failure: FailedTask
    exception: BaseException | None = None
    """The user's exception, when it could be pickled."""
    metrics: TaskMetrics = field(default_factory=TaskMetrics)
    executor_lost: bool = False
    """The process died or became unreachable; whether by this task's doing is not known."""
    retry: bool = True
    """False where another attempt can't help: the program can't be unpickled, the result can't be pickled."""


@dataclass(frozen=True)
class TaskFetchFailed:
    """The task could not read a shuffle block: the map task that wrote it has to run again."""

    task_id: int
    executor_id: str
    shuffle_id: int
    map_partition: int
    place: NodePlace
    message: str
    machine_lost: bool = False
    """Nothing of that machine can be read, not only this one block."""


@dataclass(frozen=True)
class TaskCancelled:
    """The task was cancelled before it could end."""

    task_id: int
    executor_id: str


@dataclass(frozen=True)
class StageRefused:
    """The cluster can't run such tasks, now or later. Each of them is answered, too."""

    stage_id: int
    reason: str


@dataclass(frozen=True)
class TaskInputGone:
    """The task needed what had been left out of it, because cached blocks stood for that, and a block was gone."""

    task_id: int
    executor_id: str
    block: tuple[int, int] | None
    """node_id and partition of the block, when it is known."""


@dataclass(frozen=True)
class ExecutorJoined:
    """A worker is ready."""

    executor: Executor


@dataclass(frozen=True)
class ExecutorLost:
    """A worker is gone. Its cached blocks in memory are gone with it; shuffle files are not, unless the machine is."""

    executor_id: str
    reason: str


@dataclass(frozen=True)
class BlockDropped:
    """An executor evicted a block from memory, or moved it to disk, to make room."""

    executor_id: str
    block: StoredBlock


@dataclass(frozen=True)
class BlockCopied:
    """What `Backend.copy_block` came to: the block as the executor keeps it, of no bytes when it could not."""

    executor_id: str
    block: StoredBlock


@dataclass(frozen=True)
class BackendFailed:
    """The cluster as a whole is gone; nothing that was submitted will be answered."""

    reason: str


FinalReport = TaskSucceeded | TaskFailed | TaskFetchFailed | TaskCancelled | TaskInputGone
FINAL_REPORTS = (TaskSucceeded, TaskFailed, TaskFetchFailed, TaskCancelled, TaskInputGone)
"""Exactly one of these ends each task; a further one is ignored."""
TASK_REPORTS = (TaskStarted, ResultHeld, *FINAL_REPORTS)

Report = (
    TaskStarted
    | ResultHeld
    | FinalReport
    | StageRefused
    | ExecutorJoined
    | ExecutorLost
    | BlockDropped
    | BlockCopied
    | BackendFailed
)


class Backend(Protocol):
    """Runs tasks. Every method but `settle` and `stop` returns at once; all may be called from any thread."""

    def start(self, report: Callable[[Report], None]) -> None:
        """Begin; ``report`` is called for everything that happens."""

    def submit(self, batch: TaskBatch) -> None:
        """Run the batch's tasks."""

    def cancel(self, stage_id: int, stage_attempt: int) -> None:
        """Stop the tasks of a stage attempt, the running ones too. Each is answered with a final report."""

    def kill(self, task_ids: Sequence[int]) -> None:
        """Stop single tasks, without touching others of their stage. Each is answered with a final report."""

    def executors(self) -> Sequence[Executor]:
        """Those that are there now."""

    def put_broadcast(self, broadcast_id: int, value: bytes) -> None:
        """Make a serialised value available to every task that refers to it."""

    def drop_broadcast(self, broadcast_id: int) -> None:
        """Forget it everywhere."""

    def put_file(self, file: AddedFile, path: Path) -> None:
        """See that tasks submitted from now on find ``file``, which is at ``path`` on the driver's machine."""

    def drop_blocks(self, node_id: int) -> None:
        """Remove a dataset's cached blocks from every executor."""

    def copy_block(self, node_id: int, partition: int, level: StorageLevel, holder: str, target: str) -> None:
        """Have the executor ``target`` fetch a cached block from ``holder`` and keep it, too."""

    def drop_shuffle(self, shuffle_id: int) -> None:
        """Remove a shuffle's files everywhere; nothing refers to it any more."""

    def settle(self) -> None:
        """Wait until everything that was dropped so far is gone everywhere."""

    def stop(self) -> None:
        """Let go of the cluster; unfinished tasks are cancelled. Idempotent."""
