"""Small lineages and programs for tests of execution, made without the RDD API."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spark_kernel.common.call_sites import CallSite
from spark_kernel.core.cache.block_store import BlockStore
from spark_kernel.core.execution.backend import (
    Report,
    ResultHeld,
    TaskBatch,
    TaskFailed,
    TaskSpec,
    TaskStarted,
    TaskSucceeded,
)
from spark_kernel.core.execution.cpu_slots import CpuSlots
from spark_kernel.core.execution.executor_state import ExecutorState
from spark_kernel.core.execution.gang_member import GangMembers
from spark_kernel.core.execution.orders import head_of, order_of
from spark_kernel.core.execution.outcomes import report_of
from spark_kernel.core.execution.program import Deliver, WriteShuffle
from spark_kernel.core.execution.serialization import compile_program
from spark_kernel.core.execution.task import run_task
from spark_kernel.core.lineage.node import NarrowDependency, Node, ShuffleDependency
from spark_kernel.core.lineage.partition_maps import OneToOne, PartitionMap, Span
from spark_kernel.core.lineage.partitioners import Partitioner
from spark_kernel.core.lineage.recipes import Concatenate, Recipe, Records, ShuffleRead, Source, TaskScope
from spark_kernel.core.lineage.shuffle_specs import ShuffleSpec
from spark_kernel.core.shared_variables.broadcast import BroadcastCache
from spark_kernel.core.shuffle.local_transport import LocalTransport
from spark_kernel.core.shuffle.map_outputs import MapOutput, NodePlace

_ids = itertools.count()


@dataclass(frozen=True)
class Each:
    """``map``."""

    function: Callable[[Any], Any]

    def compute(self, partition: int, inputs: Iterator[Records], scope: TaskScope) -> Records:
        return map(self.function, next(inputs))


@dataclass(frozen=True)
class EachPartition:
    """``mapPartitions``."""

    function: Callable[[Records], Any]

    def compute(self, partition: int, inputs: Iterator[Records], scope: TaskScope) -> Records:
        return iter(self.function(next(inputs)))


@dataclass(frozen=True)
class Scoped:
    """A step that is given its task."""

    function: Callable[[TaskScope, Records], Any]

    def compute(self, partition: int, inputs: Iterator[Records], scope: TaskScope) -> Records:
        return iter(self.function(scope, next(inputs)))


def read_list(payload: Any, scope: TaskScope) -> Records:
    scope.counts.records_read += len(payload)
    return iter(payload)


def source(*partitions: Any) -> Node:
    """A dataset with the given partitions."""
    return Node(
        next(_ids),
        "parallelize",
        CallSite("parallelize", "lesson.py", 1),
        Source(partitions, read_list),
        len(partitions),
    )


def narrow(
    parent: Node,
    recipe: Recipe,
    operation: str = "map",
    line: int = 2,
    partitions: PartitionMap | None = None,
    width: int | None = None,
) -> Node:
    """A dataset that reads ``parent`` through ``recipe``."""
    link = NarrowDependency(parent, partitions if partitions is not None else OneToOne())
    site = CallSite(operation, "lesson.py", line)
    return Node(next(_ids), operation, site, recipe, width if width is not None else parent.num_partitions, (link,))


def mapped(parent: Node, function: Callable[[Any], Any], line: int = 2) -> Node:
    return narrow(parent, Each(function), "map", line)


def map_partitions(parent: Node, function: Callable[[Records], Any], line: int = 2) -> Node:
    return narrow(parent, EachPartition(function), "mapPartitions", line)


def union(*sides: Node) -> Node:
    """The partitions of all ``sides``."""
    links, width = [], 0
    for side in sides:
        links.append(NarrowDependency(side, Span(width, side.num_partitions)))
        width += side.num_partitions
    return Node(next(_ids), "union", CallSite("union", "lesson.py", 5), Concatenate(), width, tuple(links))


def shuffled(parent: Node, spec: ShuffleSpec | int = 2) -> Node:
    """The pairs of ``parent`` after a shuffle."""
    if isinstance(spec, int):
        spec = ShuffleSpec(Partitioner(spec, hash))
    node_id = next(_ids)
    dependency = ShuffleDependency(parent, node_id, spec)
    site = CallSite("partitionBy", "lesson.py", 3)
    return Node(node_id, "partitionBy", site, ShuffleRead(), spec.partitioner.num_partitions, (dependency,))


def map_side(node: Node) -> tuple[Node, WriteShuffle]:
    """The parent of a shuffled dataset, and what its stage ends with."""
    (dependency,) = node.dependencies
    assert isinstance(dependency, ShuffleDependency)
    return dependency.parent, WriteShuffle(dependency.shuffle_id, dependency.spec, node.call_site)


task_ids = itertools.count()


def batch_of(
    final: Node,
    output: WriteShuffle | Deliver | Callable[[Records], Any] = list,
    partitions: Sequence[int] | None = None,
    stage_id: int = 0,
    **fields: Any,
) -> TaskBatch:
    """All tasks of the stage of ``final``, or those of ``partitions``; ``cached`` are datasets to stop at, by id."""
    if not isinstance(output, (WriteShuffle, Deliver)):
        output = Deliver(output)
    levels, preferred = fields.pop("levels", {}), fields.pop("preferred", {})
    cached = fields.pop("cached", ())
    program = compile_program(final, output, levels.get, lambda node: node.node_id in cached)
    chosen = range(final.num_partitions) if partitions is None else partitions
    tasks = tuple(TaskSpec(next(task_ids), p, 0, program.payloads_for(p), preferred.get(p, ())) for p in chosen)
    return TaskBatch(
        job_id=0,
        stage_id=stage_id,
        stage_attempt=fields.pop("stage_attempt", 0),
        operation=final.operation,
        program=program.data,
        sides=program.sides,
        tasks=tasks,
        broadcasts=program.broadcasts,
        **fields,
    )


def executor_state(folder: Path, broadcasts: dict[int, bytes] | None = None) -> ExecutorState:
    """An executor without a process of its own."""
    place = NodePlace("here", "this-machine", ())
    return ExecutorState(
        executor_id="executor-1",
        place=place,
        folder=folder,
        own_folder=folder,
        memory_share=1 << 26,
        blocks=BlockStore(folder / "blocks", 1 << 26),
        broadcasts=BroadcastCache((broadcasts or {}).__getitem__),
        transport=LocalTransport(place.machine_id),
        gangs=GangMembers(lambda message: None),
        cpus=CpuSlots(1),
    )


def run_batch(batch: TaskBatch, state: ExecutorState) -> list[Report]:
    """The final reports of the batch's tasks, run one after the other in this thread."""
    head = head_of(batch)
    return [report_of(run_task(head, order_of(spec), state), spec, batch, state.executor_id) for spec in batch.tasks]


def values(reports: Sequence[Report]) -> list[Any]:
    """What the tasks delivered, by task. Fails on any report that is not a success."""
    finals = [report for report in reports if not isinstance(report, (TaskStarted, ResultHeld))]
    failures = [
        report.failure.full_traceback or report.failure if isinstance(report, TaskFailed) else report
        for report in finals
        if not isinstance(report, TaskSucceeded)
    ]
    assert not failures, failures
    return [report.value for report in sorted(finals, key=lambda report: report.task_id)]


def map_outputs(reports: Sequence[Report]) -> list[MapOutput]:
    """The map outputs that shuffle-map tasks delivered."""
    return values(reports)


class ReportLog:
    """Collects a backend's reports and waits for them."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.reports: list[Report] = []

    def __call__(self, report: Report) -> None:
        with self._changed:
            self.reports.append(report)
            self._changed.notify_all()

    def wait_for(self, condition: Callable[[list[Report]], Any], seconds: float = 60) -> Any:
        """What ``condition`` says of the reports, as soon as it is true."""
        with self._changed:
            result = self._changed.wait_for(lambda: condition(self.reports), seconds)
        assert result, f"not within {seconds} s; {self.summary()}"
        return result

    def finals(self, batch: TaskBatch, seconds: float = 60) -> list[Report]:
        """The final report of each task of ``batch``, in the order of its tasks."""
        wanted = {spec.task_id for spec in batch.tasks}

        def ended(reports: list[Report]) -> dict[int, Report] | None:
            found = {
                report.task_id: report
                for report in reports
                if getattr(report, "task_id", None) in wanted and not isinstance(report, (TaskStarted, ResultHeld))
            }
            return found if len(found) == len(wanted) else None

        found = self.wait_for(ended, seconds)
        return [found[spec.task_id] for spec in batch.tasks]

    def summary(self) -> str:
        """How many reports of each kind there are, and those that tell of trouble."""
        kinds = Counter(type(report).__name__ for report in self.reports)
        trouble = [r for r in self.reports if not isinstance(r, (TaskStarted, TaskSucceeded))]
        return f"{dict(kinds)}, {str(trouble)[:2000]}"
