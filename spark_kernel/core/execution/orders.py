"""What travels from the driver to an executor: what a batch's tasks have in common, and what one task alone needs."""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from spark_kernel.core.execution.backend import TaskBatch, TaskSpec
from spark_kernel.core.execution.demands import ONE_SLOT, Grant
from spark_kernel.core.execution.serialization import dumps
from spark_kernel.core.shuffle.map_outputs import MapOutput


@dataclass(frozen=True)
class BatchHead:
    """What all tasks of a batch have in common; travels once per executor, or once per bundle when it is small."""

    stage_id: int
    stage_attempt: int
    program: bytes
    """The pickled `StageProgram`; each task unpickles it for itself."""
    shuffle_inputs: Mapping[int, Sequence[MapOutput]] = field(default_factory=dict)
    cached_blocks: Mapping[int, Mapping[int, tuple[str, ...]]] = field(default_factory=dict)
    """node_id -> partition -> executors that hold the block."""
    sides: tuple[bytes, ...] = ()
    """What was set apart of the program, for its tasks to share."""
    properties: Mapping[str, str] = field(default_factory=dict)
    is_gang: bool = False
    """The tasks begin when all of them are ready."""
    import_paths: tuple[str, ...] = ()
    """Folders from which the driver imports the user's own modules."""


@dataclass(frozen=True)
class TaskOrder:
    """One task attempt."""

    task_id: int
    partition: int
    attempt: int
    payloads: bytes = b""
    """Pickled mapping from `payload_key` to payload; empty when the task reads no source."""
    grant: Grant = ONE_SLOT
    """What it has of its executor while it runs."""


def head_of(batch: TaskBatch) -> BatchHead:
    """What the tasks of ``batch`` have in common."""
    return BatchHead(
        stage_id=batch.stage_id,
        stage_attempt=batch.stage_attempt,
        program=batch.program,
        sides=batch.sides,
        shuffle_inputs=batch.shuffle_inputs,
        cached_blocks=batch.cached_blocks,
        properties=batch.properties,
        is_gang=batch.is_gang,
        import_paths=users_import_paths(tuple(sys.path)),
    )


def order_of(spec: TaskSpec, grant: Grant | None = None) -> TaskOrder:
    """What the task needs by itself; ``grant`` None means one slot.

    Raises whatever pickling its payloads raises.
    """
    payloads = dumps(dict(spec.payloads)) if spec.payloads else b""
    return TaskOrder(spec.task_id, spec.partition, spec.attempt, payloads, grant or ONE_SLOT)


@lru_cache(maxsize=16)
def users_import_paths(paths: tuple[str, ...]) -> tuple[str, ...]:
    """Those of ``paths`` that hold neither Python's own modules nor installed packages, as absolute paths.

    >>> users_import_paths(("/", sysconfig.get_paths()["stdlib"]))
    ('/',)
    """
    schemes = sysconfig.get_paths()
    installed = {Path(schemes[name]).resolve() for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    absolute = dict.fromkeys(Path(path).resolve() for path in paths)
    return tuple(str(path) for path in absolute if installed.isdisjoint((path, *path.parents)) and path.is_dir())


def use_import_paths(paths: tuple[str, ...]) -> None:
    """Let this process import what the driver imports from ``paths``, where they exist on this machine."""
    for path in paths:
        if path not in sys.path and Path(path).is_dir():
            sys.path.append(path)
