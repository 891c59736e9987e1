"""A notebook in this process: an IPython shell with the notebook layer, a fake engine, and cells to run."""

from __future__ import annotations

import atexit
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from typing import Any

from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from spark_kernel.common.events import Event, JobGraph
from spark_kernel.notebook.card.model import RunModel
from spark_kernel.notebook.extension import SparkExtension
from spark_kernel.notebook.runs import Run
from spark_kernel.notebook.session import Session
from tests.support.fake_context import FakeContext, FakeEngine


class FakeCard:
    """Remembers what a run card was told."""

    def __init__(self, run: Run) -> None:
        self.title = run.title
        self.model = RunModel(run.run_id, run.title, run.cell)
        self.shown = 0
        self.finished: list[tuple[str, str]] = []

    @property
    def is_visible(self) -> bool:
        return self.shown > 0 and bool(self.model.to_json()["stages"])

    def show(self) -> None:
        self.shown += 1

    def listen(self, event: Event) -> None:
        self.model.apply(event)

    def add_plan(self, graph: JobGraph) -> None:
        self.model.add_plan(graph)

    def finish(self, outcome: str, message: str, patience: float) -> None:
        self.finished.append((outcome, message))


@dataclass
class CellOutput:
    """What one cell left behind."""

    text: str
    """Everything that it printed, results and errors included, without colours."""
    displays: list[dict[str, Any]]
    """The mimebundles that it displayed."""
    error: BaseException | None


@dataclass
class Notebook:
    """A shell and what stands behind it."""

    shell: Any
    engine: FakeEngine
    session: Session
    extension: SparkExtension
    all_cards: list[FakeCard] = field(default_factory=list)

    @property
    def cards(self) -> list[FakeCard]:
        """The run cards that a person sees, in order."""
        return [card for card in self.all_cards if card.is_visible]

    @property
    def context(self) -> FakeContext:
        """The latest fake context."""
        return self.engine.opened[-1]

    def run(self, code: str) -> CellOutput:
        """Execute one cell."""
        out = io.StringIO()
        before = len(self.shell.display_pub.outputs)
        with redirect_stdout(out):
            result = self.shell.run_cell(code, store_history=True)
        text = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())
        shown = [output["data"] for output in self.shell.display_pub.outputs[before:]]
        return CellOutput(text, shown, result.error_in_exec or result.error_before_exec)

    def value(self, name: str) -> Any:
        """What a variable of the notebook holds."""
        return self.shell.user_ns[name]


@contextmanager
def notebook(every_cell: bool = True, settings: dict[str, str] | None = None) -> Iterator[Notebook]:
    """A notebook with the layer attached: as our kernel does, or with ``every_cell=False`` as ``%load_ext`` does."""
    config = Config()
    config.HistoryManager.enabled = False
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(config=config)
    shell.display_pub = CapturingDisplayPublisher()
    engine = FakeEngine()
    cards: list[FakeCard] = []

    def make_card(run: Run) -> FakeCard:
        cards.append(FakeCard(run))
        return cards[-1]

    session = Session(engine, make_card, settings=settings)
    extension = SparkExtension(shell, session, every_cell)
    extension.attach()
    try:
        yield Notebook(shell, engine, session, extension, cards)
    finally:
        extension.detach()
        atexit.unregister(shell.atexit_operations)
        InteractiveShell.clear_instance()
