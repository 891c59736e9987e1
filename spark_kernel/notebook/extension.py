"""Puts the notebook layer into an IPython shell, and takes it out again.

Our kernel attaches it at start with every cell followed; ``%load_ext spark_kernel`` attaches it to any other kernel or
to a terminal, where only cells that use ``sc`` or a magic are concerned.
"""

from __future__ import annotations

import atexit
import builtins
from typing import Any

from IPython.core.magic import Magics, cell_magic, line_magic, magics_class

from spark_kernel.notebook.cell_compiler import HOOK, NameDatasets
from spark_kernel.notebook.cells import CellHooks
from spark_kernel.notebook.completion import spark_matcher
from spark_kernel.notebook.dataset_names import DatasetNames
from spark_kernel.notebook.error_display import ErrorDisplay
from spark_kernel.notebook.magics.spark_cell import SparkCell
from spark_kernel.notebook.magics.spark_line import SparkLine
from spark_kernel.notebook.runs import Card, Run
from spark_kernel.notebook.sent_functions import teach_pickle
from spark_kernel.notebook.session import Session


@magics_class
class SparkMagics(Magics):  # type: ignore[misc, unused-ignore]
    """``%%spark`` and ``%spark``."""

    def __init__(self, shell: Any, cell: SparkCell, line: SparkLine) -> None:
        super().__init__(shell)
        self._cell = cell
        self._line = line

    @cell_magic("spark")  # type: ignore[untyped-decorator, unused-ignore]
    def spark_cell(self, line: str, cell: str) -> None:
        """Run PySpark-style Python on the cluster, with a run card below the cell. ``%%spark -h`` lists the flags."""
        self._cell.run(line, cell)

    @line_magic("spark")  # type: ignore[untyped-decorator, unused-ignore]
    def spark_line(self, line: str) -> None:
        """Look at the Spark application, cancel, scale, stop or start it. ``%spark help`` lists the subcommands."""
        self._line.run(line)


class SparkExtension:
    """The notebook layer in one shell."""

    def __init__(self, shell: Any, session: Session, every_cell: bool) -> None:
        self.session = session
        self._shell = shell
        self._every_cell = every_cell
        self.cells = CellHooks(shell, session, every_cell)
        names = DatasetNames(session)
        line = SparkLine(session)
        self._named = names.named
        self._errors = ErrorDisplay(shell, session)
        self._magics = SparkMagics(shell, SparkCell(shell, session, self.cells, names), line)
        self._matcher = spark_matcher(line)
        self._name_datasets = NameDatasets()

    def attach(self) -> None:
        """Add magics, hooks and completion to the shell."""
        # A built-in, so that `%reset` does not take it from functions that were compiled before.
        setattr(builtins, HOOK, self._named)
        self._shell.register_magics(self._magics)
        self._shell.Completer.custom_matchers.append(self._matcher)
        self._shell.input_transformers_cleanup.append(body_for_bare_magic)
        if self._every_cell:
            self._shell.ast_transformers.append(self._name_datasets)
        teach_pickle(self._shell)
        self._errors.attach()
        self.cells.attach()
        atexit.register(self.session.stop)

    def detach(self) -> None:
        """Leave the shell as it was, and end the application."""
        atexit.unregister(self.session.stop)
        self.session.stop()
        self.cells.detach()
        self._errors.detach()
        if self._every_cell:
            self._shell.ast_transformers.remove(self._name_datasets)
        self._shell.input_transformers_cleanup.remove(body_for_bare_magic)
        self._shell.Completer.custom_matchers.remove(self._matcher)
        for kind in ("line", "cell"):
            self._shell.magics_manager.magics[kind].pop("spark", None)
        if getattr(builtins, HOOK, None) == self._named:
            delattr(builtins, HOOK)


def body_for_bare_magic(lines: list[str]) -> list[str]:
    """A blank body for a cell that is nothing but ``%%spark -h`` or the like; IPython refuses a cell without one.

    >>> body_for_bare_magic(["%%spark -h\\n"])
    ['%%spark -h\\n', '\\n']
    """
    bare = len(lines) == 1 and lines[0].split(maxsplit=1)[:1] == ["%%spark"]
    return [lines[0].rstrip("\n") + "\n", "\n"] if bare else lines


def make_card(run: Run) -> Card:
    """The run card of a cell, with a Cancel button that works while the cell runs."""
    # Loads ipywidgets; the kernel does so in the background, before the first job.
    from spark_kernel.notebook.card.live import RunCard

    return RunCard(run.run_id, run.title, run.cell, lambda: run.cancel("cancelled with the button of the run card"))
