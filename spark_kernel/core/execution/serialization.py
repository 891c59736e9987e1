"""The door to cloudpickle: a stage's part of the lineage as bytes, and whatever else has to travel as bytes.

`compile_program` is called by the scheduler, in the thread of the user who asked for the job; what it raises, the user
sees. Plain pickle comes first where speed counts and cloudpickle where it can't: functions, and classes that were
defined in a notebook.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cloudpickle
from pyspark import cloudpickle as pyspark_cloudpickle

from spark_kernel.common.errors import ContextError
from spark_kernel.core.execution.backend import payload_key
from spark_kernel.core.execution.program import (
    Deliver,
    ReadShuffle,
    ReadSource,
    StageProgram,
    Step,
    StepInput,
    WriteShuffle,
)
from spark_kernel.core.execution.source_routes import SourceRoutes
from spark_kernel.core.execution.unpicklable import unpicklable_error
from spark_kernel.core.lineage.node import NarrowDependency, Node, ShuffleDependency, walk
from spark_kernel.core.lineage.recipes import Recipe, ShuffleRead, Source
from spark_kernel.core.lineage.storage_levels import StorageLevel, is_persisted
from spark_kernel.core.shared_variables.broadcast import record_broadcasts


@dataclass(frozen=True)
class CompiledProgram:
    """A stage's program, ready to travel, and what the scheduler has to know of it."""

    data: bytes
    """The pickled `StageProgram`."""
    broadcasts: frozenset[int]
    """The broadcast variables that it refers to."""
    shuffle_ids: tuple[int, ...]
    """The shuffles that it reads."""
    persisted: tuple[int, ...]
    """node_ids of its persisted datasets."""
    sources: Mapping[int, Source]
    """Step -> the source that it reads; stays on the driver."""
    routes: SourceRoutes

    def payloads_for(self, partition: int) -> dict[int, Any]:
        """`payload_key` -> payload, for every source partition that the task of ``partition`` may read."""
        return {
            payload_key(step, index): self.sources[step].payloads[index]
            for step, index in self.routes.reads_of(partition)
        }

    def preferred_hosts(self, partition: int) -> tuple[str, ...]:
        """Hosts that hold what the task of ``partition`` reads from storage, the most useful first."""
        votes: dict[str, int] = {}
        for step, index in self.routes.reads_of(partition):
            hosts = self.sources[step].preferred_hosts
            for host in hosts(index) if hosts is not None else ():
                votes[host] = votes.get(host, 0) + 1
        return tuple(sorted(votes, key=lambda host: -votes[host]))


def compile_program(
    final: Node, output: WriteShuffle | Deliver, level_of: Callable[[int], StorageLevel | None]
) -> CompiledProgram:
    """The program of the stage whose last dataset is ``final``.

    ``level_of`` gives the storage level of a dataset by its id, None when it is not persisted.

    Raises SerializationError, naming the user's line and the culprit, when a function or an object that it uses can't
    be pickled; ContextError when it uses a dataset or the context.
    """
    nodes = sorted(walk([final], into_shuffles=False), key=lambda node: node.node_id)
    index = {node.node_id: position for position, node in enumerate(nodes)}
    steps = tuple(_step(node, index, level_of(node.node_id)) for node in nodes)
    with record_broadcasts() as broadcasts:
        data = _pickled_program(StageProgram(steps, output))
    return CompiledProgram(
        data=data,
        broadcasts=frozenset(broadcasts),
        shuffle_ids=tuple(step.action.shuffle_id for step in steps if isinstance(step.action, ReadShuffle)),
        persisted=tuple(step.node_id for step in steps if step.level is not None),
        sources={i: node.recipe for i, node in enumerate(nodes) if isinstance(node.recipe, Source)},
        routes=SourceRoutes(steps),
    )


def dumps(value: Any) -> bytes:
    """``value`` as bytes that `loads` reads in any process of the application.

    Classes and functions that are not importable (they were typed into a notebook) go by value.

    >>> loads(dumps({"a": 1}))
    {'a': 1}
    """
    try:
        data = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    except Exception:
        return dumps_by_value(value)
    # Plain pickle names a class of the user's own program or notebook, which no other process has under that name.
    return dumps_by_value(value) if b"__main__" in data else data


def dumps_by_value(value: Any) -> bytes:
    """The same for what plain pickle is known to refuse."""
    data: bytes = cloudpickle.dumps(value)
    return data


def dumps_for_pyspark(value: Any) -> bytes:
    """The same for files that last: a program with PySpark and without this package reads them too.

    >>> loads(dumps_for_pyspark([1, "a"]))
    [1, 'a']
    """
    try:
        data = pickle.dumps(value, protocol=5)
    except Exception:
        data = b"__main__"
    if b"__main__" in data:
        # What goes by value refers to the module that made it, and PySpark has one of its own.
        data = pyspark_cloudpickle.dumps(value, protocol=5)
    return data


loads = pickle.loads


def _pickled_program(program: StageProgram) -> bytes:
    try:
        data: bytes = cloudpickle.dumps(program)
    except ContextError:
        raise
    except Exception as error:
        raise unpicklable_error(program, error, cloudpickle.dumps) from error
    return data


def _step(node: Node, index: Mapping[int, int], level: StorageLevel | None) -> Step:
    return Step(
        node_id=node.node_id,
        operation=node.operation,
        call_site=node.call_site,
        action=_action(node),
        inputs=_inputs(node, index),
        level=level if level is not None and is_persisted(level) else None,
    )


def _action(node: Node) -> Recipe | ReadSource | ReadShuffle:
    recipe = node.recipe
    if isinstance(recipe, Source):
        return ReadSource(recipe.read)
    if isinstance(recipe, ShuffleRead):
        return _read_shuffle(node.dependencies)
    return recipe


def _read_shuffle(dependencies: Sequence[Any]) -> ReadShuffle:
    (dependency,) = dependencies
    assert isinstance(dependency, ShuffleDependency)
    return ReadShuffle(dependency.shuffle_id, dependency.spec, dependency.parent.num_partitions)


def _inputs(node: Node, index: Mapping[int, int]) -> tuple[StepInput, ...]:
    return tuple(
        StepInput(index[link.parent.node_id], link.partitions)
        for link in node.dependencies
        if isinstance(link, NarrowDependency)
    )
