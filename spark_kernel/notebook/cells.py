"""Which cell is being executed, and its run.

IPython's events say when a cell begins and ends; its compiler's cache, which names the file of each cell, says the
cell's number. Every cell becomes known to `common.call_sites`, so that errors and pictures can name cell and line.
In our own kernel a plain cell has a run as well; a ``%%spark`` cell begins its own.
"""

from __future__ import annotations

import ast
import re
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from spark_kernel.common.call_sites import CELLS
from spark_kernel.common.errors import ContextError
from spark_kernel.notebook.engine import Context
from spark_kernel.notebook.interrupts import InterruptsOfCells, settle
from spark_kernel.notebook.session import Session

# `%%spark`, alone or below other cell magics such as `%%time`.
_SPARK_CELL = re.compile(r"\s*(?:%%(?!spark\b)[^\n]*\n\s*)*%%spark\b")


@dataclass
class Cell:
    """One cell that a thread executes."""

    raw: str
    """Its text as the user wrote it."""
    number: int | None = None
    """Execution count, as soon as it is compiled."""
    file: str | None = None
    """The name that it was compiled under."""


class MissingContext:
    """Stands for ``sc`` when the application could not be started; using it raises the reason."""

    def __init__(self, reason: str) -> None:
        self.__reason = reason

    def __getattr__(self, name: str) -> object:
        if name.startswith("_"):
            raise AttributeError(name)
        raise ContextError(f"There is no Spark application: {self.__reason} Try again with `%spark start [URL]`.")

    def __repr__(self) -> str:
        return f"<no Spark application: {self.__reason}>"


class CellHooks:
    """Follows the cells of one shell and gives them what they need of the session.

    With ``every_cell`` plain cells have runs and ``sc`` appears as soon as there is one; without, ``sc`` is provided to
    cells that name it, and only ``%%spark`` cells have runs.
    """

    def __init__(self, shell: Any, session: Session, every_cell: bool) -> None:
        self._shell = shell
        self._session = session
        self._every_cell = every_cell
        self._cells: dict[int, list[Cell]] = {}
        self._cache: Callable[..., str] = shell.compile.cache
        self._published: object = None
        self._interrupts = InterruptsOfCells(ends_by_itself=getattr(shell, "kernel", None) is not None)

    def attach(self) -> None:
        """Begin to follow."""
        self._session.on_context = self._publish
        self._shell.compile.cache = self._cached
        self._shell.events.register("pre_run_cell", self._begun)
        self._shell.events.register("post_run_cell", self._over)

    def detach(self) -> None:
        """End following."""
        self._shell.events.unregister("pre_run_cell", self._begun)
        self._shell.events.unregister("post_run_cell", self._over)
        self._shell.compile.cache = self._cache
        self._session.on_context = lambda context: None
        if self._published is not None and self._shell.user_ns.get("sc") is self._published:
            del self._shell.user_ns["sc"]

    @property
    def current(self) -> Cell | None:
        """The cell that this thread executes; the outermost one when a cell runs another."""
        cells = self._cells.get(threading.get_ident())
        return cells[0] if cells else None

    def offer_context(self, wait: bool = False) -> None:
        """Put ``sc`` into the user's namespace if it is there, or can be waited for."""
        try:
            context = self._session.existing()
            if context is None and wait and not self._users_own_sc():
                context = self._session.context()
            if context is not None and "sc" not in self._shell.user_ns:
                # As after `%reset`.
                self._publish(context)
        except KeyboardInterrupt:
            self._shell.user_ns["sc"] = MissingContext("you interrupted its start.")
        except Exception as error:
            self._shell.user_ns["sc"] = MissingContext(str(error))

    def _users_own_sc(self) -> bool:
        known = self._shell.user_ns.get("sc")
        return known is not None and not isinstance(known, MissingContext)

    def _publish(self, context: Context) -> None:
        if self._shell.user_ns.get("sc") is self._published or not self._users_own_sc():
            self._shell.user_ns["sc"] = context
            self._shell.user_ns_hidden["sc"] = context
            self._published = context

    def _begun(self, info: Any) -> None:
        thread = threading.get_ident()
        cells = self._cells.setdefault(thread, [])
        cells.append(Cell(raw=info.raw_cell or ""))
        if len(cells) == 1:
            self._interrupts.begin(lambda: self._session.current_run)
        if len(cells) > 1 or _SPARK_CELL.match(cells[0].raw):
            return
        if self._every_cell or self._session.existing() is not None:
            self.offer_context(wait=False)
        source = getattr(info, "transformed_cell", None) or cells[0].raw
        if needs_context(source):
            self.offer_context(wait=True)

    def _cached(self, transformed_code: str, number: int = 0, raw_code: str | None = None) -> str:
        file = self._cache(transformed_code, number, raw_code=raw_code)
        CELLS.register(file, number)
        cell = self.current
        if cell is not None and cell.file is None:
            cell.file, cell.number = file, number
            # The user may stop the application at any moment, from another thread too.
            with suppress(ContextError):
                if self._plain_cells_have_runs() and not _SPARK_CELL.match(cell.raw):
                    self._session.begin_run(None, number, with_card=True)
        return file

    def _plain_cells_have_runs(self) -> bool:
        if not self._every_cell or self._session.existing() is None or self._session.current_run is not None:
            return False
        return self._session.card_mode() == "auto"

    def _over(self, result: Any) -> None:
        cells = self._cells.get(threading.get_ident())
        if not cells:
            return
        cells.pop()
        if cells:
            return
        try:
            # Also the run of a `%%spark` cell that an interrupt kept from ending its own.
            run = self._session.current_run
            if run is not None:
                settle(self._session, run, error_of(result))
        finally:
            self._interrupts.end()


def needs_context(source: str) -> bool:
    """Whether a cell's code names ``sc``, or imports what hands it out.

    >>> needs_context("sc.range(3)"), needs_context("from pyspark import SparkContext"), needs_context("disc = 'sc'")
    (True, True, False)
    """
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return False
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id == "sc":
            return True
        if isinstance(node, ast.Import) and any(alias.name.startswith("pyspark") for alias in node.names):
            return True
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pyspark"):
            return True
    return False


def error_of(result: Any) -> BaseException | None:
    """What ended a cell early. IPython has no result for a cell whose coroutine was cancelled by an interrupt."""
    if result is None:
        return KeyboardInterrupt()
    error: BaseException | None = result.error_in_exec or result.error_before_exec
    return error
