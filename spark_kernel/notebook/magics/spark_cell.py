"""``%%spark``: compile the cell, run it inside a run, show its last value."""

from __future__ import annotations

import ast
import re
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import Any

from spark_kernel.common.errors import SettingsError
from spark_kernel.notebook.cell_compiler import Statement, compile_statements, keep_line_numbers, parse_cell
from spark_kernel.notebook.cell_execution import CellExecution
from spark_kernel.notebook.cells import CellHooks
from spark_kernel.notebook.dataset_names import DatasetNames
from spark_kernel.notebook.interrupts import settle
from spark_kernel.notebook.magics.flags import CELL_FLAGS, CellOptions, cell_options, describe_flags
from spark_kernel.notebook.runs import Run
from spark_kernel.notebook.screen import say
from spark_kernel.notebook.session import Session

HELP = f"""%%spark [flags]
Run PySpark-style Python on the cluster; `sc` is the SparkContext. The jobs of the cell are drawn below it.
A lazy dataset as the last line shows its graph and its first rows.

{describe_flags(CELL_FLAGS)}"""
"""What ``%%spark -h`` prints."""

_LEADING_BLANK_LINES = re.compile(r"\A(?:[^\S\n]*\n)+")


class SparkCell:
    """Executes ``%%spark`` cells in one shell."""

    def __init__(self, shell: Any, session: Session, cells: CellHooks, names: DatasetNames) -> None:
        self._shell = shell
        self._session = session
        self._cells = cells
        self._names = names

    def run(self, line: str, body: str) -> None:
        """Execute one cell: ``line`` stands behind ``%%spark``, ``body`` below it.

        Raises SettingsError for flags that can't be used, SyntaxError, and whatever the user's code raises.
        """
        options = cell_options(line)
        if options.help:
            say(HELP)
            return
        statements = self._compile(body, options)
        if options.master is not None:
            self._session.use_master(options.master)
        if not statements:
            return
        self._session.context()
        quiet = bool(self._shell.displayhook.semicolon_at_end_of_expression(body))
        with self._run_of_cell(options) as run:
            execution = CellExecution(self._shell, self._session.engine, self._names, run, options, quiet)
            if options.plan:
                notes = execution.plan(statements)
            else:
                execution.execute(statements)
        if options.plan:
            say(notes)

    def _run_of_cell(self, options: CellOptions) -> AbstractContextManager[Run]:
        """The run of this cell; that of the plain cell around it, which ends it, when there is one."""
        around = self._session.current_run
        if around is not None:
            return nullcontext(around)
        cell = self._cells.current
        number = None if cell is None else cell.number
        with_card = not options.no_card and self._session.card_mode() != "off"
        run = self._session.begin_run(options.name, number, with_card)
        return SettledRun(self._session, run)

    def _compile(self, body: str, options: CellOptions) -> list[Statement]:
        source, file, line = self._source(body)
        tree = self._shell.transform_ast(parse_cell(source, file, line, self._shell.compile.ast_parse))
        statements = compile_statements(tree, file, self._compile_one)
        if options.output is not None and statements and not (statements[-1].is_value or statements[-1].assigns):
            raise SettingsError(f"-o {options.output}: the cell's last statement has no value to hand over")
        return statements

    def _compile_one(self, tree: ast.AST, file: str, mode: str) -> Any:
        # Allowed, so that `compile_statements` can refuse it with a better message than Python's.
        with self._shell.compile.extra_flags(ast.PyCF_ALLOW_TOP_LEVEL_AWAIT):
            return self._shell.compile(tree, file, mode)

    def _source(self, body: str) -> tuple[str, str, int]:
        """The body as Python, the file name of the cell, and the line of the cell on which the body begins."""
        cell = self._cells.current
        raw = cell.raw if cell is not None and cell.raw.rstrip().endswith(body.rstrip()) else f"%%spark\n{body}"
        above = raw.rstrip().count("\n") - body.rstrip().count("\n")
        # IPython drops leading blank lines, which would move every line number.
        code = _LEADING_BLANK_LINES.sub("", body)
        blank = body.count("\n") - code.count("\n")
        source = "\n" * blank + keep_line_numbers(code, self._shell.transform_cell(code))
        number = (cell.number if cell is not None else None) or self._shell.execution_count
        head = "".join(raw.splitlines(keepends=True)[:above])
        file = self._shell.compile.cache(head + source, number, raw_code=raw)
        return source, file, above + 1


class SettledRun(AbstractContextManager[Run]):
    """The body of a ``%%spark`` cell: ends its run however the body ends."""

    def __init__(self, session: Session, run: Run) -> None:
        self._session = session
        self._run = run

    def __enter__(self) -> Run:
        return self._run

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        settle(self._session, self._run, error)
