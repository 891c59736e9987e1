"""Errors end at the user's line (design D12): what a failed cell shows, and what it leaves out.

Errors of this package are drawn here: what went wrong, the cell and line that made the failing step, partition,
attempt, record and the user's own traceback. Any other error keeps IPython's traceback, less the frames of this
package and of what it calls. Every frame stays available: ``%spark last --traceback``, or the setting
``spark.kernel.fullTraceback``.
"""

from __future__ import annotations

import linecache
import re
import sysconfig
import traceback
from collections.abc import Iterator
from types import TracebackType
from typing import Any

from spark_kernel.common.call_sites import CELLS, CallSite, is_users_file
from spark_kernel.common.errors import FailedTask, JobFailedError, SparkKernelError
from spark_kernel.notebook.cell_execution import run_code
from spark_kernel.notebook.interrupts import interrupts_put_aside
from spark_kernel.notebook.session import FULL_TRACEBACK_SETTING, Session

RECORD_WIDTH = 300
"""Characters of a failing record that are shown."""

_STANDARD_LIBRARY = (sysconfig.get_path("stdlib"), "<frozen")
_OUR_MODULES = ("spark_kernel",)
_FRAME = re.compile(r'^( *)File "([^"]+)", line (\d+)(, in .+)?$')
_MAGIC_CALL = re.compile(r"get_ipython\(\)\.run_(cell|line)_magic\('(\w+)', (['\"])(.*?)\3[,)]")
_RED, _DIM, _PLAIN = "\x1b[1;31m", "\x1b[2m", "\x1b[0m"


class ErrorDisplay:
    """Shows the errors of one shell."""

    def __init__(self, shell: Any, session: Session) -> None:
        self._shell = shell
        self._session = session

    def attach(self) -> None:
        """Begin to show errors; another extension's exception handler is left alone."""
        # Every place in which IPython shows an error asks the exception itself first.
        SparkKernelError._render_traceback_ = lambda error: self.render(error)  # type: ignore[attr-defined]
        if not self._shell.custom_exceptions:
            self._shell.set_custom_exc((Exception, KeyboardInterrupt), self._show)

    def detach(self) -> None:
        """Leave errors to IPython."""
        if "_render_traceback_" in vars(SparkKernelError):
            del SparkKernelError._render_traceback_  # type: ignore[attr-defined]
        self._shell.set_custom_exc((), None)

    def render(self, error: SparkKernelError) -> list[str]:
        """The lines to show for an error of this package."""
        self._remember(error)
        task = error.task if isinstance(error, JobFailedError) else None
        if self._wants_everything():
            shown: list[str] = self._shell.InteractiveTB.structured_traceback(
                type(error), error, error.__traceback__, tb_offset=1
            )
            return shown if task is None else [*shown, "On the executor:", task.full_traceback]
        asked = list(_users_lines(error.__traceback__))
        if task is None:
            lines = [headline(type(error).__name__, str(error)), *asked]
        else:
            lines = [*_failed_task(task), "", "The job was started", *asked, "Every frame: %spark last --traceback"]
        return lines if self._has_colors() else [_without_colors(line) for line in lines]

    def _show(self, shell: Any, kind: Any, error: BaseException, frames: TracebackType, tb_offset: Any = None) -> None:
        """Called by IPython with any error of a cell."""
        if not isinstance(error, KeyboardInterrupt):
            self._show_error(shell, kind, error, frames, tb_offset)
            return
        # Whoever presses stop twice still wants to see where the cell was stopped.
        with interrupts_put_aside():
            self._show_error(shell, kind, error, frames, tb_offset)

    def _show_error(self, shell: Any, kind: Any, error: BaseException, frames: TracebackType, tb_offset: Any) -> None:
        if isinstance(error, SparkKernelError) or self._wants_everything():
            shell.showtraceback((kind, error, frames))
            return
        self._remember(error)
        chain = list(_chain(error))
        before = [(link, link.__traceback__) for link in chain]
        for link in chain:
            link.__traceback__ = users_part(link.__traceback__)
        kept = error.__traceback__
        # IPython leaves out its own first frame, unless the cut already did.
        offset = tb_offset if kept is frames or (kept is not None and kept.tb_frame is frames.tb_frame) else 0
        try:
            shell.showtraceback((kind, error, kept), tb_offset=offset)
        finally:
            for link, original in before:
                link.__traceback__ = original

    def _remember(self, error: BaseException) -> None:
        text = "".join(traceback.format_exception(error))
        if isinstance(error, JobFailedError) and error.task is not None:
            text += f"\nOn the executor:\n{error.task.full_traceback}"
        self._session.last_traceback = text

    def _wants_everything(self) -> bool:
        return self._session.setting(FULL_TRACEBACK_SETTING, "false").lower() == "true"

    def _has_colors(self) -> bool:
        return str(self._shell.colors).lower() != "nocolor"


def users_part(frames: TracebackType | None) -> TracebackType | None:
    """The traceback from the user's first line on, less the frames of this package and of what it called.

    The whole traceback when nothing of it is the user's.
    """
    links = _below_our_caller(list(_links(frames)))
    kept: list[TracebackType] = []
    inside_ours = False
    for link in links:
        if _is_ours(link):
            inside_ours = True
        elif not inside_ours or _is_users(link):
            inside_ours = False
            kept.append(link)
    result: TracebackType | None = None
    for link in reversed(kept):
        result = TracebackType(result, link.tb_frame, link.tb_lasti, link.tb_lineno)
    return result if result is not None else frames


def _below_our_caller(links: list[TracebackType]) -> list[TracebackType]:
    """What the body of a ``%%spark`` cell did, without the magic around it."""
    for index in range(len(links) - 1, -1, -1):
        if links[index].tb_frame.f_code is run_code.__code__:
            return links[index + 1 :] or links
    return links


def _links(frames: TracebackType | None) -> Iterator[TracebackType]:
    while frames is not None:
        yield frames
        frames = frames.tb_next


def _is_ours(link: TracebackType) -> bool:
    return str(link.tb_frame.f_globals.get("__name__", "")).split(".")[0] in _OUR_MODULES


def _is_users(link: TracebackType) -> bool:
    file = link.tb_frame.f_code.co_filename
    return CELLS.cell_of(file) is not None or (is_users_file(file) and not file.startswith(_STANDARD_LIBRARY))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and those that it came from."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or link.__context__


def headline(kind: str, message: str) -> str:
    """The first line of an error: its type, and what it says."""
    return f"{_RED}{kind}{_PLAIN}: {message}" if message else f"{_RED}{kind}{_PLAIN}"


def _failed_task(task: FailedTask) -> Iterator[str]:
    yield headline(task.error_type, task.error_message)
    if task.step is not None:
        yield f"  in {task.step}"
        yield from _source_line(task.step.file, task.step.line)
    where = f"  partition {task.partition}, attempt {task.attempt + 1}, stage {task.stage_id}, on {task.executor_id}"
    yield f"{_DIM}{where}{_PLAIN}"
    if task.record is not None:
        record = task.record if len(task.record) <= RECORD_WIDTH else task.record[: RECORD_WIDTH - 1] + "…"
        yield f"  record: {record}"
    own = named_frames(task.user_traceback).rstrip()
    if own:
        yield ""
        yield own


def named_frames(text: str) -> str:
    """A traceback from an executor, with the files of cells called by their cells, and their source lines.

    >>> named_frames('  File "etl.py", line 3, in clean\\\\n    int(x)')
    '  File "etl.py", line 3, in clean\\\\n    int(x)'
    """
    lines = text.splitlines()
    result = []
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        match = _FRAME.match(line)
        cell = CELLS.cell_of(match[2]) if match else None
        if match is None or cell is None:
            result.append(line)
            continue
        indent, file, number, function = match.groups()
        result.append(f"{indent}Cell [{cell}], line {number}{function or ''}")
        source = linecache.getline(file, int(number)).strip()
        if source and not following.startswith(indent + "  "):
            result.append(f"{indent}  {source}")
    return "\n".join(result)


def _users_lines(frames: TracebackType | None) -> Iterator[str]:
    """The user's own lines that led to the call, outermost first."""
    for link in _links(users_part(frames)):
        if _is_users(link):
            code = link.tb_frame.f_code
            site = CallSite(code.co_name, code.co_filename, link.tb_lineno, CELLS.cell_of(code.co_filename))
            yield f"  at {site.place}" + ("" if code.co_name == "<module>" else f", in {code.co_name}")
            yield from _source_line(code.co_filename, link.tb_lineno)


def _source_line(file: str, line: int) -> Iterator[str]:
    source = as_typed(linecache.getline(file, line).strip())
    if source:
        yield f"      {line:>4}  {source}"


def as_typed(source: str) -> str:
    """A line of Python, or the magic that IPython turned into it.

    >>> as_typed("get_ipython().run_cell_magic('spark', '--plan', 'n = 1')"), as_typed("n = 1")
    ('%%spark --plan', 'n = 1')
    """
    match = _MAGIC_CALL.search(source)
    if match is None:
        return source
    return f"{'%%' if match[1] == 'cell' else '%'}{match[2]} {match[4]}".rstrip()


def _without_colors(line: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", line)
