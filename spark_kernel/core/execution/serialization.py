"""The door to cloudpickle: a stage's part of the lineage as bytes, and whatever else has to travel as bytes.

`compile_program` is called by the scheduler, in the thread of the user who asked for the job; what it raises, the user
sees. Plain pickle comes first where speed counts and cloudpickle where it can't: functions, and classes that were
defined in a notebook.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import cloudpickle
from pyspark import cloudpickle as pyspark_cloudpickle

from spark_kernel.common.errors import ContextError
from spark_kernel.core.execution.backend import payload_key
from spark_kernel.core.execution.packed_steps import PackedSteps, packed
from spark_kernel.core.execution.program import Deliver, ReadShuffle, StageProgram, WriteShuffle
from spark_kernel.core.execution.program_building import IsCached, LevelOf, Steps
from spark_kernel.core.execution.routes import CachedBlocks, Routes
from spark_kernel.core.execution.unpicklable import unpicklable_error
from spark_kernel.core.lineage.node import Node
from spark_kernel.core.lineage.recipes import Source
from spark_kernel.core.shared_variables.broadcast import record_broadcasts


@dataclass(frozen=True)
class CompiledProgram:
    """A stage's program, ready to travel, and what the scheduler has to know of it."""

    data: bytes
    """The pickled `StageProgram`."""
    sides: tuple[bytes, ...]
    """What was set apart of it, to be shared by its tasks: the sides of unions."""
    broadcasts: frozenset[int]
    """The broadcast variables that it refers to."""
    shuffle_ids: tuple[int, ...]
    """The shuffles that it reads."""
    persisted: tuple[int, ...]
    """node_ids of its persisted datasets."""
    stops_at: tuple[Node, ...]
    """The cached datasets that it reads without knowing how they were computed."""
    sources: Mapping[int, Source]
    """Step -> the source that it reads; stays on the driver."""
    routes: Routes

    def payloads_for(self, partition: int, cached_blocks: CachedBlocks | None = None) -> dict[int, Any]:
        """`payload_key` -> payload, for every source partition that the task of ``partition`` may read.

        What is behind ``cached_blocks`` is left out: should a block be gone, the task says so.
        """
        return {
            payload_key(step, index): self.sources[step].payloads[index]
            for step, index in self.routes.source_reads(partition, cached_blocks or {})
        }

    def holders(self, partition: int, cached_blocks: CachedBlocks) -> tuple[str, ...]:
        """The executors that hold the first cached block which the task of ``partition`` reads."""
        return self.routes.holders(partition, cached_blocks)

    def preferred_hosts(self, partition: int) -> tuple[str, ...]:
        """Hosts that hold what the task of ``partition`` reads from storage, the most useful first."""
        votes: dict[str, int] = {}
        for step, index in self.routes.source_reads(partition, {}):
            hosts = self.sources[step].preferred_hosts
            for host in hosts(index) if hosts is not None else ():
                votes[host] = votes.get(host, 0) + 1
        return tuple(sorted(votes, key=lambda host: -votes[host]))


def compile_program(
    final: Node, output: WriteShuffle | Deliver, level_of: LevelOf, is_cached: IsCached = lambda node: False
) -> CompiledProgram:
    """The program of the stage whose last dataset is ``final``.

    Raises SerializationError, naming the user's line and the culprit, when a function or an object that it uses can't
    be pickled; ContextError when it uses a dataset or the context.
    """
    built = Steps(final, level_of, is_cached)
    steps = built.steps
    with record_broadcasts() as broadcasts:
        data, sides = _pickled_program(StageProgram(steps, output))
    return CompiledProgram(
        data=data,
        sides=sides,
        broadcasts=frozenset(broadcasts),
        shuffle_ids=tuple(step.action.shuffle_id for step in steps if isinstance(step.action, ReadShuffle)),
        persisted=tuple(step.node_id for step in steps if step.level is not None),
        stops_at=built.stops_at,
        sources={i: node.recipe for i, node in enumerate(built.nodes) if isinstance(node.recipe, Source)},
        routes=Routes(steps),
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


def _pickled_program(program: StageProgram) -> tuple[bytes, tuple[bytes, ...]]:
    shared: tuple[pickle.PickleBuffer, ...] = ()

    def is_not_shared(buffer: pickle.PickleBuffer) -> bool:
        # Of buffers inside the user's own objects each task has a copy.
        return not any(buffer is each for each in shared)

    try:
        steps = packed(program.steps, cloudpickle.dumps)
        if isinstance(steps, PackedSteps):
            shared = steps.shared
        data: bytes = cloudpickle.dumps(replace(program, steps=steps), protocol=5, buffer_callback=is_not_shared)
    except ContextError:
        raise
    except Exception as error:
        raise unpicklable_error(program, error, cloudpickle.dumps) from error
    return data, tuple(map(bytes, shared))
