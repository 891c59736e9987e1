"""What a parity program is, and how its answer becomes text. Imported by Spark's Python and by ours."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from typing import Any

PROGRAMS: dict[str, Callable[[Any], Any]] = {}


def program(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Register a function from a fresh context to an answer."""
    PROGRAMS[function.__name__] = function
    return function


def plain(value: Any) -> Any:
    """The value with PySpark's iterables of values as lists."""
    if type(value).__name__ == "ResultIterable":
        return [plain(item) for item in value]
    if isinstance(value, (list, tuple)):
        return type(value)(plain(item) for item in value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def lineage(rdd: Any) -> list[str]:
    """The lines of ``toDebugString`` without call sites (Spark's are lines of Scala, ours are the user's) and sizes."""
    lines = rdd.toDebugString().decode().split("\n")
    return [re.sub(r" at .* \[(.*?)\]$", r" [\1]", re.sub(r"Size: [^;]*", "Size", line)) for line in lines]


def refusal(call: Callable[[], Any]) -> str:
    """The class and the first words of the error that ``call`` raises on the driver."""
    try:
        return f"no error but {call()!r}"
    except Exception as error:
        return f"{known_class(error)}: {error}"


def known_class(error: BaseException) -> str:
    """The error's class, or the one that Spark's users know it by: ours derive from those of PySpark."""
    return next(cls.__name__ for cls in type(error).__mro__ if not cls.__module__.startswith("spark_kernel"))


def told(rdd: Any) -> dict[str, Any]:
    """All that can be seen of a dataset: lineage, partitions with their records, partitioner, id, storage level."""
    return {
        "lineage": lineage(rdd),
        "id": rdd.id(),
        "partitioner": partitioner_of(rdd),
        "kept": str(rdd.getStorageLevel()),
        "layout": plain(rdd.glom().collect()),
    }


def partitioner_of(rdd: Any) -> int | None:
    """The number of partitions that the dataset's partitioner speaks of."""
    partitioner = rdd.partitioner
    if partitioner is None:
        return None
    return getattr(partitioner, "numPartitions", None) or partitioner.num_partitions


def jobs_since(sc: Any, known: Iterable[int] = ()) -> list[list[tuple[int, int]]]:
    """(tasks of a stage, tasks that ran) of each stage of each job that is not ``known``, once all of them are over.

    The result stage comes last. The others are sorted, since Spark numbers stages that don't depend on each other in
    the order of a hash set.
    """
    tracker = sc.statusTracker()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        ids = sorted(set(tracker.getJobIdsForGroup()) - set(known))
        infos = [tracker.getJobInfo(job_id) for job_id in ids]
        if all(info is not None and info.status != "RUNNING" for info in infos):
            break
        time.sleep(0.05)
    shapes = []
    for info in infos:
        stages = [tracker.getStageInfo(stage_id) for stage_id in sorted(info.stageIds)]
        shape = [(stage.numTasks, stage.numCompletedTasks) for stage in stages]
        shapes.append([*sorted(shape[:-1]), *shape[-1:]])
    return shapes
