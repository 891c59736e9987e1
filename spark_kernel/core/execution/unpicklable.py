"""Explaining why a program can't be pickled: whose function it is, and what inside it is to blame."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from typing import Any

from spark_kernel.common.call_sites import CallSite
from spark_kernel.common.errors import SerializationError, SparkKernelError
from spark_kernel.core.execution.program import StageProgram

_MAX_DEPTH = 8
_MAX_ITEMS = 100
_ADVICE = (
    "Open such things (connections, files, locks, clients) inside the function, once per partition with "
    "mapPartitions, or send plain values instead."
)


def unpicklable_error(program: StageProgram, error: Exception, dumps: Callable[[Any], bytes]) -> SparkKernelError:
    """The error to raise when pickling ``program`` raised ``error``.

    An error of our own that was raised on the way down (a dataset inside a function) is returned as it is: its
    message says already what to do.
    """
    for name, call_site, action in _parts(program):
        failure = _failure(action, dumps)
        if failure is None:
            continue
        if isinstance(failure, SparkKernelError):
            return failure
        where = f"{name} at {call_site.place}" if call_site is not None else name
        if isinstance(failure, RecursionError) or isinstance(failure.__cause__, RecursionError):
            return SerializationError(
                f"{where}: what its function refers to is nested too deeply to be pickled. Send flat values instead."
            )
        path, reason = blame(action, failure, dumps)
        return SerializationError(
            f"{where} can't be sent to the workers: {path} can't be pickled ({_first_line(reason)}). {_ADVICE}"
        )
    return SerializationError(
        f"The functions of this job can't be sent to the workers: {_first_line(error)}. {_ADVICE}"
    )


def blame(value: Any, failure: Exception, dumps: Callable[[Any], bytes]) -> tuple[str, Exception]:
    """The innermost part of ``value`` that can't be pickled, in words, and the error that it gives."""
    words = [_describe(value)]
    seen = {id(value)}
    for _ in range(_MAX_DEPTH):
        for label, part in _inner(value):
            if id(part) in seen:
                continue
            seen.add(id(part))
            reason = _failure(part, dumps)
            if reason is not None:
                words.append(f"{label}, {_describe(part)}")
                value, failure = part, reason
                break
        else:
            break
    # The recipe itself is ours; the user's words begin inside it.
    inside = words[1:] or words
    return " -> ".join(inside), failure


def _parts(program: StageProgram) -> Iterator[tuple[str, CallSite | None, Any]]:
    for step in program.steps:
        yield step.operation, step.call_site, step.action
    site = program.output.call_site
    yield (site.function if site is not None else "the action"), site, program.output


def _failure(value: Any, dumps: Callable[[Any], bytes]) -> Exception | None:
    try:
        dumps(value)
    except Exception as error:
        return error
    return None


def _inner(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, types.FunctionType):
        yield from _inside_function(value)
    elif isinstance(value, types.MethodType):
        yield "the object of the method", value.__self__
    elif isinstance(value, dict):
        for key, item in list(value.items())[:_MAX_ITEMS]:
            yield f"the value of {_short(key)}", item
    elif isinstance(value, (list, tuple, set, frozenset)):
        for position, item in enumerate(list(value)[:_MAX_ITEMS]):
            yield f"item {position}", item
    else:
        yield from _attributes(value)


def _inside_function(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    code = function.__code__
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=False):
        try:
            yield f"its variable {name!r}", cell.cell_contents
        except ValueError:
            continue
    for name in _global_names(code):
        if name in function.__globals__:
            yield f"the global {name!r}", function.__globals__[name]
    for position, default in enumerate(function.__defaults__ or ()):
        yield f"default value {position}", default
    for name, default in (function.__kwdefaults__ or {}).items():
        yield f"the default of {name!r}", default


def _global_names(code: types.CodeType) -> Iterator[str]:
    pending = [code]
    while pending:
        current = pending.pop()
        yield from current.co_names
        pending.extend(constant for constant in current.co_consts if isinstance(constant, types.CodeType))


def _attributes(value: Any) -> Iterator[tuple[str, Any]]:
    for holder in ("func", "args", "keywords"):
        if type(value).__name__ == "partial" and hasattr(value, holder):
            yield f"its {holder}", getattr(value, holder)
    state = getattr(value, "__dict__", None)
    if isinstance(state, dict) and not isinstance(value, (type, types.ModuleType)):
        for name, item in list(state.items())[:_MAX_ITEMS]:
            yield f"its attribute {name!r}", item


def _describe(value: Any) -> str:
    if isinstance(value, types.FunctionType):
        return "a lambda" if value.__name__ == "<lambda>" else f"the function {value.__qualname__}"
    kind = type(value)
    name = (
        kind.__qualname__ if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}.{kind.__qualname__}"
    )
    return f"an object of type {name}"


def _short(key: object) -> str:
    text = repr(key)
    return text if len(text) <= 40 else text[:37] + "..."


def _first_line(error: BaseException) -> str:
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
