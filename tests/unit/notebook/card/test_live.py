"""The life of a run card: when it appears, what it becomes, and that it is never in the way.

The screen, Graphviz and the waiting times are the tests' own; threads are real and always waited for with a deadline.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from spark_kernel.common.events import Event, JobSubmitted, RunEnded
from spark_kernel.notebook.card import live
from spark_kernel.notebook.card.bundle import Pictures, make_pictures
from spark_kernel.notebook.card.layout import Layout, LayoutCache, lay_out
from spark_kernel.notebook.card.live import RunCard
from spark_kernel.notebook.card.picture import Picture
from spark_kernel.notebook.card.run_json import MIME, RunJson
from spark_kernel.notebook.card.widget import RunWidget
from tests.support.fake_graphviz import FakeGraphviz
from tests.support.run_events import RunEvents, failed_run, running_word_count, word_count

DEADLINE = 20.0
WIDGET = "application/vnd.jupyter.widget-view+json"


class FakeScreen:
    """Remembers what was shown, by which call."""

    def __init__(self, is_live: bool = True, has_widgets: bool = False) -> None:
        self.is_live = is_live
        self.has_widgets = has_widgets
        self.shown: list[tuple[str, dict[str, Any]]] = []
        self.attached_in: list[int] = []
        self.something = threading.Condition()

    def attach(self) -> None:
        self.attached_in.append(threading.get_ident())

    def show(self, bundle: dict[str, Any], metadata: dict[str, Any] | None = None) -> None:
        self._keep("show", bundle)

    def update(self, bundle: dict[str, Any], metadata: dict[str, Any] | None = None) -> None:
        self._keep("update", bundle)

    def in_cell(self, function: Callable[[], None]) -> None:
        function()

    def wait_for(self, found: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first bundle that is as wanted."""
        with self.something:
            assert self.something.wait_for(lambda: any(found(bundle) for _, bundle in self.shown), DEADLINE)
            return next(bundle for _, bundle in self.shown if found(bundle))

    def _keep(self, how: str, bundle: dict[str, Any]) -> None:
        with self.something:
            self.shown.append((how, bundle))
            self.something.notify_all()


def grid(run: RunJson) -> tuple[Picture, Layout] | None:
    return lay_out(run, graphviz=FakeGraphviz(), cache=LayoutCache())


def drawn(run: RunJson) -> Pictures:
    return make_pictures(run, FakeGraphviz(), LayoutCache())


def card_on(
    screen: FakeScreen, on_cancel: Callable[[], None] = lambda: None, pictures: Callable[[RunJson], Pictures] = drawn
) -> RunCard:
    return RunCard("app-1/run-1", "cell [3]", 3, on_cancel, screen, pictures=pictures, layouts=grid)


def tell(card: RunCard, events: list[Event]) -> None:
    for event in events:
        card.listen(event)


def test_a_run_without_jobs_shows_nothing() -> None:
    screen = FakeScreen()
    card = card_on(screen)
    card.show()
    tell(card, RunEvents().events)
    card.finish("succeeded")
    card.settle(DEADLINE)
    assert screen.shown == []


def test_the_card_appears_with_the_first_job_before_the_job_goes_on() -> None:
    screen = FakeScreen()
    card = card_on(screen)
    card.show()
    run = running_word_count()
    submitted = next(index for index, event in enumerate(run.events) if isinstance(event, JobSubmitted))
    tell(card, run.events[:submitted])
    assert screen.shown == []
    card.listen(run.events[submitted])
    assert [how for how, _ in screen.shown] == ["show"]
    assert "0/12 tasks" in screen.shown[0][1]["text/plain"]
    card.finish("cancelled")
    card.settle(DEADLINE)


def test_a_short_run_is_replaced_by_its_saved_card_without_any_widget() -> None:
    screen = FakeScreen(has_widgets=True)
    card = card_on(screen)
    card.show()
    tell(card, word_count().events[:-1])
    card.finish("succeeded", patience=DEADLINE)
    card.settle(DEADLINE)
    assert [how for how, _ in screen.shown] == ["show", "update"]
    saved = screen.shown[-1][1]
    assert set(saved) == {MIME, "text/html", "image/png", "text/plain"}
    assert saved[MIME]["outcome"] == "succeeded"
    assert not any(WIDGET in bundle for _, bundle in screen.shown)


def test_the_outcome_is_that_of_the_cell() -> None:
    screen = FakeScreen()
    card = card_on(screen)
    tell(card, failed_run().events[:-1])
    card.finish("failed", "ZeroDivisionError: division by zero", patience=DEADLINE)
    card.settle(DEADLINE)
    saved = screen.shown[-1][1][MIME]
    assert (saved["outcome"], saved["message"]) == ("failed", "ZeroDivisionError: division by zero")


def test_an_end_that_the_bus_announced_first_counts() -> None:
    screen = FakeScreen()
    card = card_on(screen)
    tell(card, [*word_count().events[:-1], RunEnded(200.0, "app-1/run-1", "cancelled", "interrupted")])
    card.finish("succeeded", patience=DEADLINE)
    card.settle(DEADLINE)
    saved = screen.shown[-1][1][MIME]
    assert (saved["outcome"], saved["message"], saved["ended"]) == ("cancelled", "interrupted", 200.0)


def test_a_plan_is_shown_without_any_job() -> None:
    screen = FakeScreen()
    card = card_on(screen)
    card.show()
    run = RunEvents()
    card.add_plan(run.plan(run.shuffle("groupByKey", run.node("map"))))
    card.finish("succeeded", patience=DEADLINE)
    card.settle(DEADLINE)
    assert [how for how, _ in screen.shown] == ["show", "update"]
    assert [stage["state"] for stage in screen.shown[-1][1][MIME]["stages"]] == ["planned", "planned"]


def test_a_slow_picture_does_not_delay_the_cell_and_is_added_later() -> None:
    screen, may_draw = FakeScreen(), threading.Event()

    def slow(run: RunJson) -> Pictures:
        assert may_draw.wait(DEADLINE)
        return drawn(run)

    card = card_on(screen, pictures=slow)
    tell(card, word_count().events)
    card.finish("succeeded", patience=0.0)
    assert screen.shown[-1][1][MIME]["svg"] is None
    assert "4/4" in screen.shown[-1][1]["text/plain"]
    may_draw.set()
    card.settle(DEADLINE)
    assert screen.shown[-1][1][MIME]["svg"] is not None


def test_a_picture_that_fails_leaves_a_card_without_one() -> None:
    screen = FakeScreen()

    def broken(run: RunJson) -> Pictures:
        raise RuntimeError("no ink")

    card = card_on(screen, pictures=broken)
    tell(card, word_count().events)
    card.finish("succeeded", patience=DEADLINE)
    card.settle(DEADLINE)
    assert screen.shown[-1][1][MIME]["svg"] is None


def test_a_terminal_gets_no_live_display() -> None:
    screen = FakeScreen(is_live=False)
    card = card_on(screen)
    tell(card, word_count().events)
    assert card._follower is None
    card.finish("succeeded", patience=DEADLINE)
    assert screen.shown[-1][1]["text/plain"].startswith("✓ word count")


def test_a_long_run_without_widgets_is_updated_as_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_LIVE_AFTER_SECONDS", 0.0)
    monkeypatch.setattr(live, "_PLAIN_UPDATE_SECONDS", 0.01)
    screen = FakeScreen()
    card = card_on(screen)
    tell(card, running_word_count().events)
    sketch = screen.wait_for(lambda bundle: "2 running; 1 retried" in bundle.get("text/html", ""))
    assert "2 running, 1 retried" in sketch["text/plain"]
    assert WIDGET not in sketch
    card.finish("cancelled", patience=DEADLINE)
    card.settle(DEADLINE)
    assert MIME in screen.shown[-1][1]


def test_a_long_run_has_a_widget_that_the_saved_card_replaces(monkeypatch: pytest.MonkeyPatch) -> None:

    monkeypatch.setattr(live, "_LIVE_AFTER_SECONDS", 0.0)
    made: list[RunWidget] = []

    def remembered(run_id: str, on_cancel: Callable[[], None]) -> RunWidget:
        made.append(RunWidget(run_id, on_cancel))
        return made[-1]

    monkeypatch.setattr(live, "RunWidget", remembered)
    screen = FakeScreen(has_widgets=True)
    card = card_on(screen)
    tell(card, running_word_count().events)
    view = screen.wait_for(lambda bundle: WIDGET in bundle)
    assert view["text/plain"].startswith("▶ word count")
    card.finish("cancelled", patience=DEADLINE)
    card.settle(DEADLINE)
    assert MIME in screen.shown[-1][1]
    assert WIDGET not in screen.shown[-1][1]
    assert made[0]._picture.value == screen.shown[-1][1]["text/html"]
    assert made[0]._table.value == made[0]._headline.value == ""


def test_cancel_returns_at_once_and_is_passed_on_once_in_another_thread() -> None:
    may_end, threads = threading.Event(), list[int]()
    called = threading.Semaphore(0)

    def on_cancel() -> None:
        threads.append(threading.get_ident())
        called.release()
        assert may_end.wait(DEADLINE)

    card = card_on(FakeScreen(), on_cancel)
    card.cancel()
    card.cancel()
    assert called.acquire(timeout=DEADLINE)
    may_end.set()
    assert len(threads) == 1
    assert threads[0] != threading.get_ident()


def test_events_from_many_threads_are_all_counted() -> None:
    run = RunEvents()
    run.job(run.node("range", partitions=400))
    run.submit(0)
    for partition in range(400):
        run.start(0, partition)
        run.end(0, partition)
    card = card_on(FakeScreen(is_live=False))
    head, tasks = run.events[:3], run.events[3:]
    tell(card, head)
    slices = [tasks[2 * 100 * index : 2 * 100 * (index + 1)] for index in range(4)]
    workers = [threading.Thread(target=tell, args=(card, part)) for part in slices]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(DEADLINE)
    assert card.model.to_json()["stages"][0]["tasks"]["succeeded"] == 400


def test_events_of_another_run_do_not_show_the_card() -> None:
    screen = FakeScreen()
    card = RunCard("app-1/run-2", "cell [4]", 4, lambda: None, screen, pictures=drawn, layouts=grid)
    tell(card, word_count().events)
    card.finish("succeeded")
    assert screen.shown == []
