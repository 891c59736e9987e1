"""What is shown while a run goes on: headline with Cancel button, picture, table. Core ipywidgets, nothing of our own.

The picture is sent once per layout. Progress reaches it as a small style sheet that sets each box's state and finished
part by element id; the headline and the table are small texts, sent only when they change. Everything here is called
by the thread of `live`; only the click handler is called by the kernel, on whichever thread it handles messages.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import ipywidgets

from spark_kernel.notebook.card.box_status import box_statuses
from spark_kernel.notebook.card.drawing import Drawing
from spark_kernel.notebook.card.html import headline, stage_table
from spark_kernel.notebook.card.palette import STATE_COLOURS
from spark_kernel.notebook.card.picture import Picture
from spark_kernel.notebook.card.run_json import RunJson
from spark_kernel.notebook.card.svg import run_dom_id, to_svg
from spark_kernel.notebook.card.text_tree import text_tree

_MOST_ROWS = 24
# JupyterLab and VS Code tell their colours in variables; the picture follows them while it is inline. Numbers in the
# picture would be those of the moment when it was sent; while the run goes on they are in the table.
_THEME = (
    ".sk-live{--sk-step-fill:var(--jp-layout-color1,var(--vscode-editor-background));"
    "--sk-step-text:var(--jp-ui-font-color1,var(--vscode-editor-foreground));"
    "--sk-step-detail:var(--jp-ui-font-color2,var(--vscode-descriptionForeground));"
    "--sk-step-border:var(--jp-border-color1,var(--vscode-panel-border));--sk-cached-fill:rgba(13,148,136,.3)}"
    ".sk-live .sk-count,.sk-live .sk-pill,.sk-live .sk-amount{display:none}"
)


class RunWidget:
    """The live card of one run."""

    def __init__(self, run_id: str, on_cancel: Callable[[], None]) -> None:
        """``on_cancel`` is called when the button is pressed; it must return at once and must not display anything."""
        self._run_id = run_id
        self._headline = ipywidgets.HTML()
        self._picture = ipywidgets.HTML()
        self._progress = ipywidgets.HTML()
        self._table = ipywidgets.HTML()
        self._cancel = ipywidgets.Button(
            description="Cancel",
            icon="stop",
            tooltip="Cancel the jobs of this cell",
            layout=ipywidgets.Layout(width="auto", height="26px"),
        )
        self._cancel.on_click(lambda _: on_cancel())
        _hear_while_busy(self._cancel.comm)
        head = ipywidgets.HBox([self._headline, self._cancel])
        head.layout.align_items = "center"
        self._root = ipywidgets.VBox([head, self._picture, self._progress, self._table])

    def bundle(self, run: RunJson, now: float) -> dict[str, Any]:
        """The display data that shows the widget, and text for those who can't."""
        view = {"version_major": 2, "version_minor": 0, "model_id": self._root.model_id}
        return {"application/vnd.jupyter.widget-view+json": view, "text/plain": text_tree(run, now=now)}

    def draw(self, drawing: Drawing) -> None:
        """Show another picture."""
        svg = to_svg(drawing, self._run_id, live=True)
        self._picture.value = f'<style>{_THEME}</style><div class="sk-live" style="overflow-x:auto">{svg}</div>'

    def update(self, run: RunJson, picture: Picture | None, now: float, cancelling: bool) -> None:
        """Show how far ``run`` is, at ``now`` in seconds since the epoch."""
        self._headline.value = headline(run, now)
        if picture is not None:
            self._progress.value = f"<style>{progress_style(run, picture)}</style>"
        self._table.value = stage_table(run, now, _MOST_ROWS)
        if cancelling and not self._cancel.disabled:
            self._cancel.description = "Cancelling…"
            self._cancel.disabled = True

    def rest(self, card: str) -> None:
        """The run is over: show ``card``, its finished card as HTML, wherever the widget may still be shown."""
        self._cancel.layout.display = "none"
        for widget in (self._headline, self._progress, self._table):
            widget.value = ""
        self._picture.value = card

    def close(self) -> None:
        """Remove the models from kernel and front end, and their contents from what is already saved of them."""
        for widget in (self._picture, self._progress, self._table, self._headline):
            widget.value = ""
        for part in self.parts():
            part.close()

    def parts(self) -> list[Any]:
        """Every ipywidgets model that it consists of, layouts and styles included."""
        head = self._root.children[0]
        widgets = [*head.children, head, *self._root.children[1:], self._root]
        parts = [
            part for widget in widgets for part in (getattr(widget, "layout", None), getattr(widget, "style", None))
        ]
        return [*widgets, *(part for part in parts if part is not None)]


class RestingWidgets:
    """The widgets of the latest runs that are over; older ones are closed.

    A page that is loaded again in the middle of a run shows what was saved: the widget. It asks the kernel for its
    models as soon as the cell is over, and without them it would say "model not found" where the card should be.
    """

    def __init__(self, most: int = 4) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._widgets: deque[RunWidget] = deque()

    def add(self, widget: RunWidget, card: str) -> None:
        """The run of ``widget`` is over; ``card`` is its finished card as HTML."""
        widget.rest(card)
        with self._lock:
            self._widgets.append(widget)
            old = self._widgets.popleft() if len(self._widgets) > self._most else None
        if old is not None:
            old.close()


RESTING = RestingWidgets()
"""Those of this kernel."""


def _hear_while_busy(comm: Any) -> None:
    """Let messages to ``comm`` be handled while the cell runs.

    JupyterLab sends them to a subshell of the kernel. From 7.4 on ipykernel diverts them to the shell that used the
    comm last, which is the one that is busy with the cell, unless the comm has no opinion about it.
    """
    if hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = None


def progress_style(run: RunJson, picture: Picture) -> str:
    """CSS that gives each box of the picture its state and its finished part.

    It wins over the picture's own classes, since it names elements by id. Classes and variables: `svg`.
    """
    prefix = run_dom_id(run["run_id"])
    rules = []
    for box, status in zip(picture.boxes, box_statuses(picture, run), strict=True):
        element = f"#{prefix}-{box.key}"
        bar = "inline" if status.state in ("waiting", "running", "failed", "cancelled") else "none"
        colour = f"var(--sk-{status.state},{STATE_COLOURS[status.state]})"
        rules.append(
            f"{element}{{--sk-state:{colour};--sk-done:{status.done:.3g};"
            f"--sk-border:{2 if status.state == 'running' else 1.2}}}"
            f"{element}>.sk-mark{{display:none}}{element}>.sk-for-{status.state}{{display:inline}}"
            f"{element}>.sk-track,{element}>.sk-done{{display:{bar}}}"
        )
    return "".join(rules)
