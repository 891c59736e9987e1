"""A notebook's outputs on a terminal, as they come. Used by `spark-kernel run`.

Streams and results are printed at once. What is displayed under an id may still change, as a run card does: on a
terminal its latest state is redrawn in place, elsewhere, as in the log of a CI run, its first line appears now and
then; its last state is printed for good when the cell is over.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any, TextIO

HEARTBEAT_SECONDS = 10.0
"""How often progress is told where it can't be redrawn."""

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class TerminalOutput:
    """Prints the cells of one notebook."""

    def __init__(
        self, stream: TextIO, columns: int = 100, rows: int = 24, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """``columns`` and ``rows``: the size of the terminal; progress that is larger is cut."""
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._columns = columns
        self._rows = rows
        self._clock = clock
        self._changing: dict[str, dict[str, Any]] = {}
        self._drawn_lines = 0
        self._at_line_start = True
        self._told = clock()

    def begin_cell(self, number: int, total: int, source: str) -> None:
        """A code cell begins: ``number`` of ``total``."""
        self._told = self._clock()
        first, *more = source.strip().splitlines()
        self.line(f"[{number}/{total}] {first}{' …' if more else ''}")

    def message(self, kind: str, content: dict[str, Any]) -> None:
        """One message of the kernel about the cell."""
        if kind == "stream":
            self._write(content["text"])
        elif kind == "error":
            self._settle()
            self.line("\n".join(content["traceback"]))
        elif kind in ("display_data", "execute_result", "update_display_data"):
            self._display(content)

    def end_cell(self) -> None:
        """The cell is over: nothing changes any more."""
        self._settle()
        if not self._at_line_start:
            self._write("\n")

    def line(self, text: str) -> None:
        """Print whole lines."""
        self._write(("" if self._at_line_start else "\n") + text + "\n")

    def _display(self, content: dict[str, Any]) -> None:
        display_id = (content.get("transient") or {}).get("display_id")
        if display_id is None:
            self.line(shown(content["data"]))
            return
        self._changing[display_id] = content["data"]
        self._draw_progress()

    def _settle(self) -> None:
        """Print the last state of what could have changed."""
        settled, self._changing = self._changing, {}
        for data in settled.values():
            self.line(shown(data))

    def _draw_progress(self) -> None:
        lines = [line[: self._columns] for data in self._changing.values() for line in shown(data).splitlines()]
        if self._is_terminal:
            self._erase_progress()
            if not self._at_line_start:
                self._write("\n")
            drawn = lines[: self._rows - 1]
            self._stream.write("".join(line + "\n" for line in drawn))
            self._stream.flush()
            self._drawn_lines = len(drawn)
        elif self._clock() - self._told >= HEARTBEAT_SECONDS:
            self._told = self._clock()
            self.line(lines[0])

    def _erase_progress(self) -> None:
        if self._drawn_lines:
            # Up to the first of those lines, and clear from there on.
            self._stream.write(f"\x1b[{self._drawn_lines}F\x1b[J")
            self._drawn_lines = 0

    def _write(self, text: str) -> None:
        self._erase_progress()
        self._stream.write(text if self._is_terminal else _COLOURS.sub("", text))
        self._stream.flush()
        if text:
            self._at_line_start = text.endswith("\n")


def shown(data: dict[str, Any]) -> str:
    """A mimebundle as text.

    >>> shown({"text/plain": "[1, 2]", "text/html": "<b>"}), shown({"image/png": "..."})
    ('[1, 2]', '(image/png: see the executed notebook)')
    """
    text = data.get("text/plain")
    return str(text) if text is not None else f"({', '.join(data)}: see the executed notebook)"
