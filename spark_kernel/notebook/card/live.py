"""`RunCard`: the card of one execution of a cell, from its first job until it is saved. What the magics use.

    cell's thread       show() ─────────────── the cell runs ─────────────── finish() ── next cell
    any thread                 listen(event) listen(event) ...
    follower thread            waits a moment, then widget, then at most 4 updates a second
    picture thread             Graphviz, whenever the plans have changed

`listen` folds the event and returns: nothing is drawn in the thread that announces. Only the first job's placeholder is
published there, one small message, so that the card stands above what the cell prints. A run that is over before the
follower wakes never gets a widget. A run without a job shows nothing.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from IPython import get_ipython

from spark_kernel.common.events import Event, JobGraph, Outcome, RunEnded
from spark_kernel.notebook.card.bundle import MimeBundle, Pictures, final_bundle, make_pictures
from spark_kernel.notebook.card.drawing import draw
from spark_kernel.notebook.card.html import headline, stage_table
from spark_kernel.notebook.card.layout import Layout, lay_out
from spark_kernel.notebook.card.model import RunModel
from spark_kernel.notebook.card.picture import Picture
from spark_kernel.notebook.card.run_json import RunJson
from spark_kernel.notebook.card.screens import Screen, screen_for
from spark_kernel.notebook.card.text_tree import text_tree
from spark_kernel.notebook.card.widget import RESTING, RunWidget

_log = logging.getLogger(__name__)

UPDATE_SECONDS = 0.25
"""At most 4 updates a second."""
PATIENCE_SECONDS = 1.5
"""How long `RunCard.finish` waits for the picture; after that the card is completed when the picture is there."""
_REST = 9
"""A large run takes a while to be shown: no more than a tenth of the time is spent on it, the rest is the cell's."""
_LIVE_AFTER_SECONDS = 0.4
_PLAIN_UPDATE_SECONDS = 1.0
_REDRAW_SECONDS = 2.0


class RunCard:
    """Follows one run and shows it.

    Call `show` and `finish` in the thread that executes the cell; give `listen` to the event bus in between.
    """

    def __init__(
        self,
        run_id: str,
        title: str,
        cell: int | None,
        on_cancel: Callable[[], None],
        display: Screen | None = None,
        *,
        pictures: Callable[[RunJson], Pictures] = make_pictures,
        layouts: Callable[[RunJson], tuple[Picture, Layout] | None] = lay_out,
    ) -> None:
        """``on_cancel`` is called in a thread of its own when the user presses Cancel, at most once.

        ``display`` None means the front end of this IPython. ``pictures`` and ``layouts`` ask Graphviz; tests pass
        their own.
        """
        self.model = RunModel(run_id, title, cell)
        self._on_cancel = on_cancel
        self._screen = display if display is not None else screen_for(get_ipython())
        self._make_pictures = pictures
        self._lay_out = layouts
        # Guards the model: events come from any thread.
        self._lock = threading.Lock()
        # Guards what is on the screen, and its order.
        self._publishing = threading.Lock()
        self._is_shown = False
        self._changed = threading.Event()
        self._finished = threading.Event()
        self._completed = threading.Event()
        self._cancelling = threading.Event()
        self._follower: threading.Thread | None = None
        self._final: MimeBundle = {}

    def show(self) -> None:
        """The cell begins. Nothing is visible until its first job, or `add_plan`."""
        self._screen.attach()

    def add_plan(self, graph: JobGraph) -> None:
        """Show a graph of which nothing runs: a lazy dataset, or ``--plan``."""
        with self._lock:
            self.model.add_plan(graph)
        self._appear()

    def listen(self, event: Event) -> None:
        """Take an event of any run into account, in any thread. Quick."""
        with self._lock:
            if not self.model.apply(event):
                return
            has_jobs = self.model.has_jobs
        self._changed.set()
        if has_jobs and not self._is_shown:
            self._appear()
            self._follow()

    def finish(self, outcome: Outcome, message: str = "", patience: float = PATIENCE_SECONDS) -> None:
        """The cell is over: replace what is shown by the card that is saved.

        Waits ``patience`` seconds for the picture; a picture that takes longer is added when it is there.
        """
        with self._lock:
            # Not heard of when the bus has already announced the end.
            self.model.apply(RunEnded(time.time(), self.model.run_id or "", outcome, message))
            run = self.model.to_json()
        self._finished.set()
        self._changed.set()
        if not run["stages"]:
            self._completed.set()
            return
        self._appear()
        threading.Thread(target=self._complete, args=(run,), name="spark-card-end", daemon=True).start()
        if not self._completed.wait(patience):
            with self._publishing:
                if not self._completed.is_set():
                    self._screen.update(final_bundle(run, Pictures()))

    def settle(self, timeout: float | None = None) -> None:
        """After `finish`, wait until the card is complete and its live display rests."""
        self._completed.wait(timeout)
        if self._follower is not None:
            self._follower.join(timeout)

    def cancel(self) -> None:
        """The user asks to cancel the run. Returns at once; safe in a handler of comm messages."""
        if self._cancelling.is_set():
            return
        self._cancelling.set()
        self._changed.set()
        threading.Thread(target=self._on_cancel, name="spark-card-cancel", daemon=True).start()

    def _appear(self) -> None:
        with self._publishing:
            if self._is_shown:
                return
            self._is_shown = True
            self._screen.show(_sketch(self._snapshot(), time.time()))

    def _snapshot(self) -> RunJson:
        with self._lock:
            return self.model.to_json()

    def _versioned(self) -> tuple[RunJson, int]:
        with self._lock:
            return self.model.to_json(), self.model.graph_version

    def _follow(self) -> None:
        if not self._screen.is_live:
            return
        follow = self._follow_with_widget if self._screen.has_widgets else self._follow_with_updates
        self._follower = threading.Thread(
            target=self._screen.in_cell, args=(follow,), name="spark-card-follower", daemon=True
        )
        self._follower.start()

    def _follow_with_widget(self) -> None:
        artist = _Artist(self._lay_out)
        artist.look_at(*self._versioned())
        if self._finished.wait(_LIVE_AFTER_SECONDS):
            return
        widget = RunWidget(self.model.run_id or "", self.cancel)
        try:
            self._publish_unless_finished(widget.bundle)
            while not self._finished.is_set():
                began = time.monotonic()
                self._changed.clear()
                run, version = self._versioned()
                artist.look_at(run, version)
                if (placed := artist.to_draw(run)) is not None:
                    widget.draw(draw(run, *placed))
                widget.update(run, artist.picture, time.time(), self._cancelling.is_set())
                self._pause(max(UPDATE_SECONDS, _REST * (time.monotonic() - began)))
        except Exception:
            _log.exception("the live card can't be shown; the finished one will be")
        finally:
            # The saved card takes the widget's place before the widget rests, or it would be seen twice.
            self._completed.wait()
            RESTING.add(widget, self._final["text/html"])

    def _follow_with_updates(self) -> None:
        """For front ends without widgets: the table alone, once a second, as each message repeats all of it."""
        while not self._finished.wait(_LIVE_AFTER_SECONDS):
            self._changed.clear()
            self._publish_unless_finished(lambda run, now: _sketch(run, now, with_table=True))
            self._pause(_PLAIN_UPDATE_SECONDS)

    def _pause(self, seconds: float) -> None:
        """Until something has changed, but ``seconds`` at least; elapsed time goes on without events."""
        if not self._finished.wait(seconds):
            self._changed.wait(1.0)

    def _publish_unless_finished(self, make: Callable[[RunJson, float], MimeBundle]) -> None:
        run = self._snapshot()
        with self._publishing:
            if not self._finished.is_set():
                self._screen.update(make(run, time.time()))

    def _complete(self, run: RunJson) -> None:
        pictures = Pictures()
        try:
            pictures = self._make_pictures(run)
        except Exception:
            _log.exception("the run can't be drawn; its card has no picture")
        with self._publishing:
            self._final = final_bundle(run, pictures)
            self._screen.update(self._final)
            self._completed.set()


def _sketch(run: RunJson, now: float, with_table: bool = False) -> MimeBundle:
    """The run without a picture."""
    table = stage_table(run, now) if with_table else ""
    return {"text/html": f"<div>{headline(run, now)}</div>{table}", "text/plain": text_tree(run, now=now)}


class _Artist:
    """Has the layout made in a thread of its own, one at a time, whenever the plans have changed."""

    def __init__(self, layouts: Callable[[RunJson], tuple[Picture, Layout] | None]) -> None:
        self._lay_out = layouts
        self._version = -1
        self._thread: threading.Thread | None = None
        self._made: tuple[Picture, Layout] | None = None
        self._drawn: tuple[Picture, Layout] | None = None
        self._cached: list[int] = []
        self._drawn_at = 0.0
        self._rests_until = 0.0

    @property
    def picture(self) -> Picture | None:
        """The picture that is on the screen."""
        return self._drawn[0] if self._drawn is not None else None

    def look_at(self, run: RunJson, version: int) -> None:
        """Start to lay out ``run`` unless it was done for this version of its graph, or another one is being made."""
        if version == self._version or (self._thread is not None and self._thread.is_alive()):
            return
        if time.monotonic() < self._rests_until:
            return
        self._version = version
        self._thread = threading.Thread(target=self._work, args=(run,), name="spark-card-layout", daemon=True)
        self._thread.start()

    def to_draw(self, run: RunJson) -> tuple[Picture, Layout] | None:
        """What has to be sent, if anything: another layout, or the same when the cache has changed since a while."""
        made, cached = self._made, [node["cached_partitions"] for node in run["nodes"]]
        is_stale = cached != self._cached and time.monotonic() - self._drawn_at > _REDRAW_SECONDS
        if made is None or (made is self._drawn and not is_stale):
            return None
        self._drawn, self._cached, self._drawn_at = made, cached, time.monotonic()
        return made

    def _work(self, run: RunJson) -> None:
        began = time.monotonic()
        made = self._lay_out(run)
        if made is not None:
            self._made = made
        ended = time.monotonic()
        self._rests_until = ended + _REST * (ended - began)
