"""Where a run card is shown: a notebook's front end, or a terminal. Chosen by `screen_for`, used by `live`.

A card is created once and updated by its display id alone. Which cell an output belongs to is kept by ipykernel in a
context variable, which other threads don't have: `NotebookScreen` remembers the context of the cell's thread and
publishes everything in a copy of it, from whichever thread.
"""

from __future__ import annotations

import contextvars
import secrets
from collections.abc import Callable
from typing import Any, Protocol

from IPython.display import publish_display_data

MimeBundle = dict[str, Any]


class Screen(Protocol):
    """What a card needs of a front end."""

    @property
    def is_live(self) -> bool:
        """Whether it can replace what it shows while the run goes on."""

    @property
    def has_widgets(self) -> bool:
        """Whether it can show a widget, with a button that is heard while the cell runs."""

    def attach(self) -> None:
        """The calling thread is the cell's: outputs belong to what it is executing."""

    def show(self, bundle: MimeBundle, metadata: MimeBundle | None = None) -> None:
        """Show the card for the first time."""

    def update(self, bundle: MimeBundle, metadata: MimeBundle | None = None) -> None:
        """Replace what is shown."""

    def in_cell(self, function: Callable[[], None]) -> None:
        """Call ``function`` such that what it publishes belongs to the cell."""


class NotebookScreen:
    """The front end of an IPython kernel, reached by display messages."""

    is_live = True

    def __init__(self, shell: Any) -> None:
        self.has_widgets = False
        self._shell = shell
        self._display_id = secrets.token_hex(8)
        self._context = contextvars.copy_context()

    def attach(self) -> None:
        self._context = contextvars.copy_context()
        # Interactive front ends say which cell they execute. nbclient and consoles don't, and have no widgets either:
        # nbclient would save the models of a widget that is long closed.
        request = self._shell.get_parent() or {}
        self.has_widgets = "cellId" in request.get("metadata", {})

    def show(self, bundle: MimeBundle, metadata: MimeBundle | None = None) -> None:
        self._publish(bundle, metadata, update=False)

    def update(self, bundle: MimeBundle, metadata: MimeBundle | None = None) -> None:
        self._publish(bundle, metadata, update=True)

    def in_cell(self, function: Callable[[], None]) -> None:
        # A context can be entered by one thread at a time, a copy by its own.
        self._context.copy().run(function)

    def _publish(self, bundle: MimeBundle, metadata: MimeBundle | None, update: bool) -> None:
        transient = {"display_id": self._display_id}
        self.in_cell(lambda: publish_display_data(bundle, metadata=metadata or {}, transient=transient, update=update))


class TerminalScreen:
    """A terminal: nothing while the run goes on, the text tree at its end."""

    is_live = False
    has_widgets = False

    def attach(self) -> None:
        """A terminal has no cells."""

    def show(self, bundle: MimeBundle, metadata: MimeBundle | None = None) -> None:
        """A terminal can't take back what was printed: the card appears when it is complete."""

    def update(self, bundle: MimeBundle, metadata: MimeBundle | None = None) -> None:
        publish_display_data({"text/plain": bundle["text/plain"]})

    def in_cell(self, function: Callable[[], None]) -> None:
        function()


def screen_for(shell: Any) -> Screen:
    """The screen of an IPython shell: one with a kernel talks to a notebook."""
    return NotebookScreen(shell) if getattr(shell, "kernel", None) is not None else TerminalScreen()
