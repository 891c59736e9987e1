"""What a parity program is, and how its answer becomes text. Imported by Spark's Python and by ours."""

from __future__ import annotations

import re
from collections.abc import Callable
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
    """The lines of ``toDebugString`` without call sites: Spark's are lines of Scala, ours are the user's."""
    return [re.sub(r" at .* \[(.*?)\]$", r" [\1]", line) for line in rdd.toDebugString().decode().split("\n")]


def refusal(call: Callable[[], Any]) -> str:
    """The class and the first words of the error that ``call`` raises on the driver."""
    try:
        return f"no error but {call()!r}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
