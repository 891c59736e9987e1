"""Whose function raised: recognising the user's functions in a traceback by their code, and our recipes by themselves.

A recipe that calls functions without a Python frame (``int``) runs a generator of its own; its frame has the recipe as
``self`` and the record in a variable named ``record``.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from types import CellType, CodeType, FrameType
from typing import Any

from spark_kernel.common.call_sites import CallSite, is_ours
from spark_kernel.core.execution.packed_steps import PackedSteps
from spark_kernel.core.execution.program import ReadShuffle, StageProgram, Step
from spark_kernel.core.execution.record_text import record_text
from spark_kernel.core.execution.tracebacks import frames_of
from spark_kernel.core.shuffle.writer import write_shuffle


@dataclass(frozen=True)
class Culprit:
    """What is known of the step that raised."""

    step: CallSite | None = None
    """The operation, and the user's line that made it."""
    record: str | None = None
    """What its function was given, in one short line."""
    codes: Mapping[CodeType, CallSite | None] = field(default_factory=dict)
    """The code of all functions that the user gave to the program's steps, with the operation."""


def find_culprit(error: BaseException, program: StageProgram | None) -> Culprit:
    """The step whose function raised ``error``, as far as the traceback tells."""
    if program is None:
        return Culprit()
    codes = _functions(program)
    recipes = {id(step.action): step.call_site for step in _steps_in_use(program)}
    frames = [frame for frame, _ in frames_of(error.__traceback__)]
    called = innermost_call([frame.f_code for frame in frames], codes)
    by_recipe = [i for i, frame in enumerate(frames) if _self_of(frame) in recipes]
    if called is not None and not any(i > called for i in by_recipe):
        # The recipe that called it may know more: the pair, where the function gets the value only.
        caller = frames[called - 1] if called else None
        step = recipes.get(_self_of(caller), codes[frames[called].f_code])
        return Culprit(step, _recipes_record(caller, recipes) or _arguments(frames[called]), codes)
    if by_recipe:
        frame = frames[by_recipe[-1]]
        return Culprit(recipes[_self_of(frame)], _recipes_record(frame, recipes), codes)
    return Culprit(_shuffling_step(program, frames), None, codes)


def innermost_call(frames: Sequence[CodeType], codes: Container[CodeType]) -> int | None:
    """Where in a traceback, outermost first, the innermost of the functions ``codes`` was called.

    Of a function that calls itself the outermost call counts: it was given the record.
    """
    known = [i for i, code in enumerate(frames) if code in codes]
    if not known:
        return None
    start = known[-1]
    for i in reversed(range(start)):
        if is_ours(frames[i].co_filename):
            break
        if frames[i] is frames[known[-1]]:
            start = i
    return start


def _self_of(frame: FrameType | None) -> int:
    """Identity of what one of our methods runs on; 0 for other frames."""
    if frame is None or not is_ours(frame.f_code.co_filename) or "self" not in frame.f_locals:
        return 0
    return id(frame.f_locals["self"])


def _recipes_record(frame: FrameType | None, recipes: Mapping[int, CallSite]) -> str | None:
    if frame is None or _self_of(frame) not in recipes or "record" not in frame.f_locals:
        return None
    return record_text(frame.f_locals["record"])


def _arguments(frame: FrameType) -> str | None:
    """What a function was given, as it is at its failure; None for a function of a whole partition."""
    code = frame.f_code
    names = code.co_varnames[: code.co_argcount]
    values = frame.f_locals
    if names and _is_method_of(code, values.get(names[0])):
        names = names[1:]
    given = [(name, values[name]) for name in names if name in values]
    if not given or any(isinstance(value, Iterator) for _, value in given):
        return None
    if len(given) == 1:
        return record_text(given[0][1])
    return ", ".join(f"{name} = {record_text(value)}" for name, value in given)


def _is_method_of(code: CodeType, value: object) -> bool:
    # Looked up in the classes: the object's own attributes may be computed by code of the user's.
    methods = (vars(each).get(code.co_name) for each in type(value).__mro__)
    return any(getattr(method, "__code__", None) is code for method in methods)


def _shuffling_step(program: StageProgram, frames: list[FrameType]) -> CallSite | None:
    """The shuffle that was at work when something raised that is not a function of the user's (``+``, a key)."""
    if any(frame.f_code is write_shuffle.__code__ for frame in frames):
        return program.output.call_site
    reads = [step.call_site for step in _steps_in_use(program) if isinstance(step.action, ReadShuffle)]
    in_shuffle = any(frame.f_globals.get("__name__", "").startswith(_SHUFFLE) for frame in frames)
    return reads[0] if in_shuffle and len(reads) == 1 else None


def _steps_in_use(program: StageProgram) -> Sequence[Step]:
    # What the task has not even unpickled has not raised.
    return program.steps.in_use() if isinstance(program.steps, PackedSteps) else program.steps


_SHUFFLE = write_shuffle.__module__.rpartition(".")[0]


def _functions(program: StageProgram) -> dict[CodeType, CallSite | None]:
    """The code of every function that the user gave, and the operation it was given to."""
    owners: list[tuple[Any, CallSite | None]] = [(step.action, step.call_site) for step in _steps_in_use(program)]
    owners.append((program.output, program.output.call_site))
    found: dict[CodeType, CallSite | None] = {}
    for owner, call_site in owners:
        for code in _codes(owner):
            found.setdefault(code, call_site)
    return found


def _codes(owner: Any) -> Iterator[CodeType]:
    """The code of the user's functions inside a recipe or an output, wherever our own functions have wrapped them.

    With the code that is defined inside them: a generator expression may raise after its function has returned.
    """
    pending, seen = [owner], set[int]()
    while pending:
        value = pending.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        code = _code_of(value)
        if code is not None and not is_ours(code.co_filename):
            yield from _with_inner(code)
        else:
            pending.extend(_inside(value))


def _code_of(value: Any) -> CodeType | None:
    if inspect.ismethod(value):
        value = value.__func__
    if not inspect.isfunction(value) and callable(value) and not isinstance(value, type):
        value = getattr(type(value), "__call__", None)  # noqa: B004  (its code is wanted, not whether it is callable)
    return value.__code__ if inspect.isfunction(value) else None


def _with_inner(code: CodeType) -> Iterator[CodeType]:
    pending = [code]
    while pending:
        current = pending.pop()
        yield current
        pending.extend(constant for constant in current.co_consts if isinstance(constant, CodeType))


def _inside(value: Any) -> Iterator[Any]:
    if isinstance(value, functools.partial):
        yield from (value.func, *value.args, *value.keywords.values())
    elif isinstance(value, tuple):
        yield from value
    elif inspect.isfunction(value):
        yield from filter(None, map(_contents, value.__closure__ or ()))
        yield getattr(value, "__wrapped__", None)
    elif is_dataclass(value) and not isinstance(value, type):
        yield from (getattr(value, each.name) for each in fields(value))


def _contents(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        # Not assigned yet.
        return None
