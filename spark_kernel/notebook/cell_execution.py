"""Runs a compiled ``%%spark`` cell, statement by statement, in the user's namespace.

With ``--plan`` every action is held back: what needs its result is left out and reported, everything else is compiled
and drawn. The last value is shown: a lazy dataset by its graph and its first rows, anything else as IPython does.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, TypeVar, cast

from IPython.display import display

from spark_kernel.common.errors import ActionHeldError
from spark_kernel.notebook.cell_compiler import Statement
from spark_kernel.notebook.dataset_names import DatasetNames
from spark_kernel.notebook.engine import Engine
from spark_kernel.notebook.magics.flags import CellOptions
from spark_kernel.notebook.previews import Preview
from spark_kernel.notebook.runs import Run

Value = TypeVar("Value")

NOTHING = object()
"""The value of a cell that has none."""


@dataclass
class Held:
    """What a planned cell could not compile."""

    notes: list[str] = field(default_factory=list)
    """One line for a person per statement."""
    needs: dict[str, int] = field(default_factory=dict)
    """Variable without a value -> the line whose result it needs."""
    earlier: dict[str, object] = field(default_factory=dict)
    """What those variables were before the cell."""


class CellExecution:
    """One execution of one compiled cell, inside its run."""

    def __init__(
        self, shell: Any, engine: Engine, names: DatasetNames, run: Run, options: CellOptions, quiet: bool
    ) -> None:
        self._shell = shell
        self._engine = engine
        self._names = names
        self._run = run
        self._options = options
        self._quiet = quiet

    def execute(self, statements: Sequence[Statement]) -> None:
        """Run every statement, then hand over and show the last value."""
        value: object = NOTHING
        for statement in statements:
            value = self._value_of(statement)
        self._hand_over(value, statements)
        self._show(value, statements)

    def plan(self, statements: Sequence[Statement]) -> str:
        """Compile every statement, run no action; returns what to tell the user."""
        self._run.planned = True
        held = Held()
        value: object = NOTHING
        try:
            with self._run.context.hold_actions():
                for statement in statements:
                    value = self._planned_value_of(statement, held)
                self._draw_lazy(value, statements)
        finally:
            self._shell.user_ns.update(held.earlier)
        self._hand_over(value, statements)
        if not self._engine.is_dataset(value):
            self._show(value, statements)
        if not held.notes and not self._run.model.to_json()["stages"]:
            return "Nothing to plan: the cell starts no job and makes no dataset."
        return "\n".join(["Planned. Nothing ran.", *held.notes])

    def _value_of(self, statement: Statement) -> object:
        """Run one statement; its value when it is the cell's last expression."""
        return run_code(statement, self._shell.user_global_ns, self._shell.user_ns)

    def _hand_over(self, value: object, statements: Sequence[Statement]) -> None:
        """``-o``: the last expression's value, or that of the variable that the last statement assigns."""
        if self._options.output is None or not statements:
            return
        assigns = statements[-1].assigns
        if value is NOTHING and len(assigns) == 1:
            value = self._shell.user_ns.get(assigns[0], NOTHING)
        if value is not NOTHING:
            self._shell.user_ns[self._options.output] = value

    # -- showing -------------------------------------------------------------------------------------------------

    def _show(self, value: object, statements: Sequence[Statement]) -> None:
        if value is NOTHING or self._quiet:
            return
        if not self._engine.is_dataset(value):
            sys.displayhook(value)
            return
        self._preview(value, statements[-1])
        self._shell.displayhook.update_user_ns(value)

    def _preview(self, dataset: object, statement: Statement) -> None:
        context, limit = self._run.context, self._options.limit
        if limit == 0:
            self._run.draw_plan(context.plan(dataset))
            return
        rows, complete = call_at(statement, lambda: context.preview(dataset, limit))
        display(Preview(rows, complete, self._names.name_of(dataset), limit))

    # -- planning ------------------------------------------------------------------------------------------------

    def _planned_value_of(self, statement: Statement, held: Held) -> object:
        jobs_before = len(self._run.model.to_json()["jobs"])
        try:
            return self._value_of(statement)
        except ActionHeldError as error:
            line = _line_of(error.__traceback__, statement)
            held.notes.append(f"  line {line}: {self._planned_job(jobs_before, error)}")
            self._forget(statement, line, held)
        except NameError as error:
            name = getattr(error, "name", None)
            if name not in held.needs:
                raise
            needed = held.needs[name]
            held.notes.append(f"  line {statement.line}: not compiled, needs the result of line {needed} ({name})")
            self._forget(statement, needed, held)
        return NOTHING

    def _planned_job(self, jobs_before: int, error: ActionHeldError) -> str:
        """The job that was held, in words."""
        model = self._run.model.to_json()
        if len(model["jobs"]) <= jobs_before:
            return str(error)
        job = model["jobs"][-1]
        stages = [stage for stage in model["stages"] if stage["stage_id"] in job["stages"]]
        due = [stage for stage in stages if stage["state"] != "skipped"]
        tasks = sum(stage["tasks"]["total"] for stage in due)
        text = f"{job['name']} would run {_count(len(due), 'stage')} with {_count(tasks, 'task')}"
        return text if len(due) == len(stages) else f"{text} and skip {_count(len(stages) - len(due), 'stage')}"

    def _forget(self, statement: Statement, line: int, held: Held) -> None:
        """The names that the statement would have bound have no value, not even an old one."""
        for name in statement.assigns:
            held.needs[name] = line
            if name in self._shell.user_ns:
                held.earlier.setdefault(name, self._shell.user_ns.pop(name))

    def _draw_lazy(self, value: object, statements: Sequence[Statement]) -> None:
        """Draw the lazy dataset that the cell ends with; failing that, the last one it made, when no job was drawn."""
        if not self._engine.is_dataset(value):
            made = [self._shell.user_ns.get(name) for statement in statements for name in statement.assigns]
            datasets = [dataset for dataset in made if self._engine.is_dataset(dataset)]
            if self._run.has_jobs or not datasets:
                return
            value = datasets[-1]
        self._run.draw_plan(self._run.context.plan(value))


def run_code(statement: Statement, global_names: dict[str, Any], names: dict[str, Any]) -> object:
    """The only frame of ours right above the user's code; `error_display` cuts tracebacks below it."""
    if statement.is_value:
        return eval(statement.code, global_names, names)
    exec(statement.code, global_names, names)
    return NOTHING


def call_at(statement: Statement, function: Callable[[], Value]) -> Value:
    """Call ``function`` as if the statement did: its job belongs to that line, as do its errors."""
    tree = ast.increment_lineno(ast.parse("function()", mode="eval"), statement.line - 1)
    code = compile(tree, statement.code.co_filename, "eval")
    result: Any = run_code(replace(statement, code=code, is_value=True), {"function": function}, {})
    return cast(Value, result)


def _line_of(traceback: TracebackType | None, statement: Statement) -> int:
    """The line of the cell where an error left the statement."""
    while traceback is not None:
        if traceback.tb_frame.f_code is statement.code:
            return traceback.tb_lineno
        traceback = traceback.tb_next
    return statement.line


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
