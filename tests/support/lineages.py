"""Small lineage graphs and backend reports for tests of the scheduler; nothing here runs."""

from __future__ import annotations

from spark_kernel.common.call_sites import CallSite
from spark_kernel.common.errors import FailedTask
from spark_kernel.common.events import TaskMetrics
from spark_kernel.core.execution import backend
from spark_kernel.core.lineage.node import NarrowDependency, Node, ShuffleDependency
from spark_kernel.core.lineage.partition_maps import OneToOne, Span
from spark_kernel.core.lineage.partitioners import Partitioner
from spark_kernel.core.lineage.recipes import ShuffleRead, Source
from spark_kernel.core.lineage.shuffle_specs import ShuffleSpec
from spark_kernel.core.shuffle.map_outputs import MapOutput, NodePlace


class Identity:
    """A recipe that changes nothing."""

    def compute(self, partition, inputs, scope):
        return next(inputs)


class Graph:
    """Makes nodes with rising ids; node names are operations, so that a test reads like a lineage."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.shuffles = 0

    def source(self, name: str = "source", partitions: int = 2) -> Node:
        return self._add(name, Source(tuple(range(partitions)), read=lambda payload, scope: iter(())), partitions)

    def map(self, parent: Node, name: str = "map") -> Node:
        return self._add(name, Identity(), parent.num_partitions, NarrowDependency(parent, OneToOne()))

    def barrier(self, parent: Node, name: str = "barrier") -> Node:
        return self._add(name, Identity(), parent.num_partitions, NarrowDependency(parent, OneToOne()), is_barrier=True)

    def zip(self, left: Node, right: Node, name: str = "zip") -> Node:
        links = (NarrowDependency(left, OneToOne()), NarrowDependency(right, OneToOne()))
        return self._add(name, Identity(), left.num_partitions, *links)

    def union(self, *parents: Node, name: str = "union") -> Node:
        links, start = [], 0
        for parent in parents:
            links.append(NarrowDependency(parent, Span(start, parent.num_partitions)))
            start += parent.num_partitions
        return self._add(name, Identity(), start, *links)

    def shuffle(self, parent: Node, name: str = "reduceByKey", partitions: int = 2) -> Node:
        spec = ShuffleSpec(Partitioner(partitions, hash))
        link = ShuffleDependency(parent, self.shuffles, spec)
        self.shuffles += 1
        return self._add(name, ShuffleRead(), partitions, link)

    def _add(self, name, recipe, partitions, *links, is_barrier=False) -> Node:
        site = CallSite(name, "lesson.py", len(self.nodes) + 1)
        node = Node(len(self.nodes), name, site, recipe, partitions, links, is_barrier=is_barrier)
        self.nodes.append(node)
        return node


def place(machine: str = "m1") -> NodePlace:
    return NodePlace(host=machine, machine_id=machine, servers=())


def output(partition: int, machine: str = "m1", reducers: int = 2, inline: bytes | None = None) -> MapOutput:
    return MapOutput(partition, "w1", place(machine), f"/x/{partition}", tuple(range(reducers + 1)), 1, inline)


def failed(task_id: int, executor: str = "w1", retry: bool = True, executor_lost: bool = False) -> backend.TaskFailed:
    failure = FailedTask(0, 0, 0, executor, "ZeroDivisionError", "division by zero", "", "")
    return backend.TaskFailed(
        task_id, executor, failure, ZeroDivisionError("division by zero"), executor_lost=executor_lost, retry=retry
    )


def succeeded(task_id: int, value: object = None, executor: str = "w1", **more) -> backend.TaskSucceeded:
    return backend.TaskSucceeded(task_id, executor, value, TaskMetrics(), **more)


def fetch_failed(task_id: int, shuffle_id: int, map_partition: int, machine_lost: bool = False):
    return backend.TaskFetchFailed(task_id, "w2", shuffle_id, map_partition, place(), "file is gone", machine_lost)
