"""Tracebacks as data: taken apart where the task ran, put into words on the driver, which knows the user's source.

The source of a notebook cell exists in the driver process only, so frames travel as file and line.
"""

from __future__ import annotations

import linecache
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import FrameType, TracebackType

from spark_kernel.common.call_sites import CELLS

MAX_MESSAGE = 2000
"""Characters of an error's message that travel."""
_MAX_CHAIN = 10
_MAX_FRAMES = 60
"""Frames of one exception that travel, the outermost and the innermost."""
_CAUSE = "The above exception was the direct cause of the following exception:"
_CONTEXT = "During handling of the above exception, another exception occurred:"


@dataclass(frozen=True)
class FrameLine:
    """One line of a traceback."""

    file: str
    line: int
    function: str
    """Empty where frames were left out; ``line`` is then their number."""


@dataclass(frozen=True)
class TracebackPart:
    """One exception of a chain of causes."""

    frames: tuple[FrameLine, ...]
    headline: str
    """``ValueError: message`` and any notes."""
    introduction: str = ""
    """How it follows from the part before it."""


def frames_of(traceback: TracebackType | None) -> Iterator[tuple[FrameType, int]]:
    """(frame, line number) of a traceback, the outermost first."""
    while traceback is not None:
        yield traceback.tb_frame, traceback.tb_lineno
        traceback = traceback.tb_next


def frame_line(frame: FrameType, line: int) -> FrameLine:
    """A frame as data."""
    return FrameLine(frame.f_code.co_filename, line or 0, frame.f_code.co_name)


def shortened(frames: Sequence[FrameLine]) -> tuple[FrameLine, ...]:
    """``frames``, or the first and the last ones of many, as a runaway recursion leaves behind.

    >>> len(shortened([FrameLine("f.py", 1, "f")] * 1000))
    61
    """
    if len(frames) <= _MAX_FRAMES:
        return tuple(frames)
    half = _MAX_FRAMES // 2
    return (*frames[:half], FrameLine("", len(frames) - 2 * half, ""), *frames[-half:])


def message_of(error: BaseException) -> str:
    """``str(error)``, shortened; never raises."""
    try:
        text = str(error)
    except Exception as failure:
        return f"<the message can't be had: its __str__ raised {type(failure).__name__}>"
    return text if len(text) <= MAX_MESSAGE else f"{text[:MAX_MESSAGE]}... ({len(text)} characters)"


def type_name(error: BaseException) -> str:
    """The class as Python's own tracebacks name it.

    >>> type_name(ValueError()), type_name(__import__("json").JSONDecodeError("", "", 0))
    ('ValueError', 'json.decoder.JSONDecodeError')
    """
    kind = type(error)
    plain = kind.__module__ in ("builtins", "__main__")
    return kind.__qualname__ if plain else f"{kind.__module__}.{kind.__qualname__}"


def headline(error: BaseException) -> str:
    """The last line of the error's traceback, and its notes."""
    message = message_of(error)
    notes = [str(note)[:MAX_MESSAGE] for note in getattr(error, "__notes__", ())]
    return "\n".join([f"{type_name(error)}: {message}" if message else type_name(error), *notes])


def causes(error: BaseException) -> Iterator[tuple[BaseException, str]]:
    """The exceptions that led to ``error``, the first one first, and itself; each with how it follows from the last."""
    chain: list[tuple[BaseException, str]] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen and len(chain) < _MAX_CHAIN:
        seen.add(id(current))
        if current.__cause__ is not None:
            chain.append((current, _CAUSE))
            current = current.__cause__
        elif current.__context__ is not None and not current.__suppress_context__:
            chain.append((current, _CONTEXT))
            current = current.__context__
        else:
            chain.append((current, ""))
            current = None
    return reversed(chain)


def format_parts(parts: Sequence[TracebackPart]) -> str:
    """A traceback as Python prints it, with cells named by their number and their source filled in.

    >>> print(format_parts([TracebackPart((FrameLine("/etl.py", 3, "clean"),), "ValueError: no")]))
    Traceback (most recent call last):
      File "/etl.py", line 3, in clean
    ValueError: no
    """
    lines: list[str] = []
    for part in parts:
        if part.introduction:
            lines += ["", part.introduction, ""]
        if part.frames:
            lines.append("Traceback (most recent call last):")
            lines += map(_frame_text, part.frames)
        lines.append(part.headline)
    return "\n".join(lines)


def _frame_text(frame: FrameLine) -> str:
    if not frame.function:
        return f"  ... {frame.line} more frames ..."
    cell = CELLS.cell_of(frame.file)
    place = f"Cell [{cell}]" if cell is not None else f'File "{frame.file}"'
    text = f"  {place}, line {frame.line}, in {frame.function}"
    source = linecache.getline(frame.file, frame.line).strip()
    return f"{text}\n    {source}" if source else text
