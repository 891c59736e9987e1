"""From an exception in a task to what the user needs to know: which operation, which record, which of their lines.

Nothing is recorded while records flow; everything is found afterwards, from the traceback. The function that a step
was given is recognised in it by its code, a step's own iterator by its recipe.
"""

from __future__ import annotations

import functools
import inspect
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from types import CodeType, FrameType
from typing import Any

from spark_kernel.common.call_sites import CallSite, is_ours, is_users_file
from spark_kernel.common.errors import FailedTask
from spark_kernel.core.execution.program import StageProgram
from spark_kernel.core.execution.record_text import record_text
from spark_kernel.core.execution.tracebacks import (
    MAX_MESSAGE,
    TracebackPart,
    causes,
    format_parts,
    frame_line,
    frames_of,
    headline,
    message_of,
    type_name,
)

_MAX_FULL_TRACEBACK = 100_000


@dataclass(frozen=True)
class RemoteFailure:
    """An exception as it travels from the executor to the driver."""

    error_type: str
    message: str
    user_traceback: tuple[TracebackPart, ...]
    full_traceback: str
    step: CallSite | None = None
    record: str | None = None

    def failed_task(self, stage_id: int, partition: int, attempt: int, executor_id: str) -> FailedTask:
        """The failure in words, on the driver."""
        return FailedTask(
            stage_id=stage_id,
            partition=partition,
            attempt=attempt,
            executor_id=executor_id,
            error_type=self.error_type,
            error_message=self.message,
            user_traceback=format_parts(self.user_traceback),
            full_traceback=self.full_traceback,
            step=self.step,
            record=self.record,
        )


def describe_failure(error: BaseException, program: StageProgram | None) -> RemoteFailure:
    """What is known of ``error``, which the task of ``program`` raised."""
    frames = list(frames_of(error.__traceback__))
    culprit = _Culprit(program, frames)
    parts = [
        TracebackPart(tuple(_user_frames(each, culprit)), headline(each), introduction)
        for each, introduction in _introduced(error)
    ]
    return RemoteFailure(
        error_type=type_name(error),
        message=message_of(error),
        user_traceback=tuple(parts),
        full_traceback=_full_traceback(error),
        step=culprit.step,
        record=culprit.record,
    )


class _Culprit:
    """The innermost frame that belongs to a step of the program."""

    def __init__(self, program: StageProgram | None, frames: list[tuple[FrameType, int]]) -> None:
        self.step: CallSite | None = None
        self.record: str | None = None
        self.codes = _functions(program) if program is not None else {}
        recipes = {id(step.action): step.call_site for step in program.steps} if program is not None else {}
        for frame, _ in reversed(frames):
            if frame.f_code in self.codes:
                self.step = self.codes[frame.f_code]
                self.record = _record(frame)
                return
            owner = recipes.get(id(frame.f_locals.get("self")))
            if owner is not None and is_ours(frame.f_code.co_filename):
                self.step = owner
                # The loop of a recipe that calls a function without a frame of its own names its record so.
                if "record" in frame.f_locals:
                    self.record = record_text(frame.f_locals["record"])
                return


def _record(frame: FrameType) -> str | None:
    """The arguments of a user's function as they are at its failure."""
    code = frame.f_code
    names = code.co_varnames[: code.co_argcount]
    if names and inspect.ismethod(getattr(frame.f_locals.get(names[0]), code.co_name, None)):
        names = names[1:]
    values = [(name, frame.f_locals[name]) for name in names if name in frame.f_locals]
    if not values or isinstance(values[0][1], Iterator):
        return None
    if len(values) == 1:
        return record_text(values[0][1])
    return ", ".join(f"{name} = {record_text(value)}" for name, value in values)


def _user_frames(error: BaseException, culprit: _Culprit) -> Iterator[Any]:
    frames = list(frames_of(error.__traceback__))
    start = next(
        (i for i in reversed(range(len(frames))) if frames[i][0].f_code in culprit.codes),
        next((i for i, (frame, _) in enumerate(frames) if _is_users(frame)), len(frames)),
    )
    for frame, line in frames[start:]:
        if not is_ours(frame.f_code.co_filename):
            yield frame_line(frame, line)


def _is_users(frame: FrameType) -> bool:
    return is_users_file(frame.f_code.co_filename) and "concurrent" not in frame.f_globals.get("__name__", "")


def _introduced(error: BaseException) -> Iterator[tuple[BaseException, str]]:
    introduction = ""
    for each, leads_by in causes(error):
        yield each, introduction
        introduction = leads_by


def _functions(program: StageProgram) -> dict[CodeType, CallSite | None]:
    """The code of every function that the user gave, and the operation it was given to."""
    found: dict[CodeType, CallSite | None] = {}
    owners: list[tuple[Any, CallSite | None]] = [(step.action, step.call_site) for step in program.steps]
    owners.append((program.output, program.output.call_site))
    for owner, call_site in owners:
        for code in _codes(owner):
            found.setdefault(code, call_site)
    return found


def _codes(owner: Any) -> Iterator[CodeType]:
    """The code of the functions inside a recipe or an output: in its fields, in tuples, in partials, in closures."""
    pending, seen = [owner], set[int]()
    while pending:
        value = pending.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        function = inspect.unwrap(value) if callable(value) and not isinstance(value, type) else value
        code = getattr(getattr(function, "__func__", function), "__code__", None)
        if isinstance(code, CodeType) and not is_ours(code.co_filename):
            yield code
        else:
            pending.extend(_inside(value))


def _inside(value: Any) -> Iterator[Any]:
    if isinstance(value, functools.partial):
        yield from (value.func, *value.args)
    elif isinstance(value, tuple):
        yield from value
    elif is_dataclass(value) and not isinstance(value, type):
        yield from (getattr(value, field.name) for field in fields(value))
    elif inspect.isfunction(value):
        yield from (cell.cell_contents for cell in value.__closure__ or () if _filled(cell))
    elif callable(value) and hasattr(type(value).__call__, "__code__"):
        yield type(value).__call__


def _filled(cell: Any) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:
        return False
    return True


def _full_traceback(error: BaseException) -> str:
    try:
        text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    except Exception:
        text = "".join(traceback.format_tb(error.__traceback__)) + headline(error)
    return text if len(text) <= _MAX_FULL_TRACEBACK else text[:MAX_MESSAGE] + "\n...\n" + text[-MAX_MESSAGE:]
