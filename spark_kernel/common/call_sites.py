"""Where in the user's code something was asked for.

A call site is found by walking up the stack to the first frame that is neither ours nor a library's. The
notebook registers the file name under which each cell was compiled, so that a call site can say "cell 3, line 2".
Used by lineage nodes, jobs, errors and the run card.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

_PACKAGE = str(Path(__file__).resolve().parent.parent)
_OURS: tuple[str, ...] = (_PACKAGE + "/", _PACKAGE + "\\")
_LIBRARIES = ("/site-packages/", "\\site-packages\\", "/dist-packages/", "\\dist-packages\\")


@dataclass(frozen=True)
class CallSite:
    """One place in the user's code.

    >>> str(CallSite(function="map", file="etl.py", line=12))
    'map at etl.py:12'
    >>> str(CallSite(function="map", file="/tmp/ipykernel_1/42.py", line=2, cell=3))
    'map at cell [3], line 2'
    """

    function: str
    """The API method that was called, such as ``map``."""
    file: str = "<unknown>"
    """The file as Python knows it; for a cell, the name it was compiled under."""
    line: int = 0
    """Line number, from 1; in a cell the magic's own line counts as line 1."""
    cell: int | None = None
    """Execution count of the notebook cell, or None outside a notebook."""

    @property
    def place(self) -> str:
        """``cell [3], line 2`` or ``etl.py:12``."""
        if self.cell is not None:
            return f"cell [{self.cell}], line {self.line}"
        return f"{Path(self.file).name}:{self.line}"

    def __str__(self) -> str:
        return f"{self.function} at {self.place}"


class CellFiles:
    """Which compiled file belongs to which notebook cell.

    Safe to use from several threads and from a signal handler: each method does one step of a dictionary, which nothing
    can interrupt; a lock that the interrupted thread holds would never be released.
    """

    def __init__(self) -> None:
        self._cell_of_file: dict[str, int] = {}

    def register(self, file: str, cell: int) -> None:
        """Say that ``file`` holds the code of the cell with execution count ``cell``."""
        self._cell_of_file[file] = cell

    def cell_of(self, file: str) -> int | None:
        """The cell compiled as ``file``, or None when no cell was."""
        return self._cell_of_file.get(file)


CELLS = CellFiles()
"""The cells of this process. A process has one notebook, as it has one ``linecache``, which this mirrors."""


def is_ours(file: str) -> bool:
    """Whether ``file`` belongs to this package.

    >>> is_ours(__file__), is_ours("/home/ada/etl.py")
    (True, False)
    """
    return file.startswith(_OURS)


def is_users_file(file: str) -> bool:
    """Whether a frame of ``file`` is the user's own code: not this package, not an installed library.

    >>> is_users_file("/home/ada/etl.py"), is_users_file(__file__)
    (True, False)
    """
    return not file.startswith(_OURS) and not any(part in file for part in _LIBRARIES)


def find_call_site(function: str, frame: FrameType | None = None) -> CallSite:
    """The innermost user frame that led here, as the call site of the API method ``function``.

    When no frame is the user's own (a library calls us), the innermost frame outside this package counts.
    """
    frame = frame if frame is not None else sys._getframe(1)
    outside: FrameType | None = None
    while frame is not None:
        file = frame.f_code.co_filename
        if is_users_file(file) or CELLS.cell_of(file) is not None:
            return _at(function, frame)
        if outside is None and not file.startswith(_OURS):
            outside = frame
        frame = frame.f_back
    return CallSite(function) if outside is None else _at(function, outside)


def _at(function: str, frame: FrameType) -> CallSite:
    file = frame.f_code.co_filename
    return CallSite(function=function, file=file, line=frame.f_lineno, cell=CELLS.cell_of(file))
