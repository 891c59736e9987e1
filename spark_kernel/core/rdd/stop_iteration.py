"""A user's StopIteration must fail the task, not end its data early, and checking that must cost nothing per record.

An iterator such as ``map(f, records)`` just ends when ``f`` raises StopIteration. So the records are followed by a
mark, set when they are really used up, and the result by a check of that mark. Both are `itertools.chain`, so no
frame of ours runs per record; steps that follow each other share one pair.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

from pyspark.errors import PySparkRuntimeError

from spark_kernel.core.lineage.recipes import Records


def stop_iteration_error(stopped: StopIteration | None = None) -> PySparkRuntimeError:
    """The error that a user's StopIteration becomes.

    >>> str(stop_iteration_error(StopIteration("enough")))
    "[STOP_ITERATION_OCCURRED] Caught StopIteration thrown from user's code; failing the task: enough"
    """
    return PySparkRuntimeError(
        errorClass="STOP_ITERATION_OCCURRED", messageParameters={"exc": str(stopped) if stopped is not None else ""}
    )


class _Guarded(chain):  # type: ignore[type-arg]
    """Records followed by the check of ``used_up``."""

    unchecked: Records
    used_up: list[bool]


def guarded(step: Callable[[Records], Records], records: Records) -> Records:
    """``step(records)``, checked to end only when ``records`` do.

    >>> def stop(x):
    ...     if x == 2:
    ...         raise StopIteration
    ...     return x
    >>> from functools import partial
    >>> list(guarded(partial(map, stop), iter([0, 1]))), list(map(stop, [0, 1, 2, 3]))
    ([0, 1], [0, 1])
    >>> list(guarded(partial(map, stop), iter([0, 1, 2, 3])))
    Traceback (most recent call last):
    pyspark.errors.exceptions.base.PySparkRuntimeError: [STOP_ITERATION_OCCURRED] Caught StopIteration ...
    """
    if isinstance(records, _Guarded):
        unchecked, used_up = step(records.unchecked), records.used_up
    else:
        used_up = []
        unchecked = step(chain(records, _mark(used_up)))
    result = _Guarded(unchecked, _check(used_up))
    result.unchecked = unchecked
    result.used_up = used_up
    return result


def _mark(used_up: list[bool]) -> Iterator[Any]:
    used_up.append(True)
    yield from ()


def _check(used_up: list[bool]) -> Iterator[Any]:
    if not used_up:
        raise stop_iteration_error()
    yield from ()
