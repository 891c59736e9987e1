"""The live widget: what it sends while a run goes on."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from spark_kernel.notebook.card.drawing import draw
from spark_kernel.notebook.card.layout import Layout, LayoutCache, lay_out
from spark_kernel.notebook.card.picture import Picture
from spark_kernel.notebook.card.run_json import RunJson
from spark_kernel.notebook.card.widget import RestingWidgets, RunWidget, progress_style
from tests.support.fake_graphviz import FakeGraphviz
from tests.support.run_events import long_lineage, running_word_count, snapshot


def placed(run: RunJson) -> tuple[Picture, Layout]:
    found = lay_out(run, graphviz=FakeGraphviz(), cache=LayoutCache())
    assert found is not None
    return found


@pytest.fixture
def clicks() -> list[str]:
    return []


@pytest.fixture
def widget(clicks: list[str]) -> Iterator[RunWidget]:
    made = RunWidget("app-1/run-1", lambda: clicks.append("cancel"))
    yield made
    made.close()


def test_progress_reaches_the_picture_by_the_ids_of_its_boxes() -> None:
    run = snapshot(running_word_count())
    picture, layout = placed(run)
    style = progress_style(run, picture)
    assert "#sk-app-1-run-1-stage0{--sk-state:var(--sk-running,#2563eb);--sk-done:0.375;--sk-border:2}" in style
    assert "#sk-app-1-run-1-stage1>.sk-for-waiting{display:inline}" in style
    assert "<" not in style
    del layout


def test_progress_of_the_largest_picture_is_a_small_message() -> None:
    run = snapshot(long_lineage(300, 4))
    assert len(progress_style(run, placed(run)[0])) < 40_000


def test_the_picture_is_sent_once_and_progress_separately(widget: RunWidget) -> None:
    run = snapshot(running_word_count())
    picture, layout = placed(run)
    widget.draw(draw(run, picture, layout))
    sent = widget._picture.value
    widget.update(run, picture, now=102.0, cancelling=False)
    assert widget._picture.value is sent
    assert 'id="sk-app-1-run-1-stage0"' in sent
    assert "3/12 tasks" in widget._headline.value
    assert "2 running; 1 retried" in widget._table.value
    assert widget._progress.value.startswith("<style>#sk-app-1-run-1-stage0{")


def test_every_state_change_needs_only_classes_that_the_picture_has(widget: RunWidget) -> None:
    run = snapshot(running_word_count())
    picture, layout = placed(run)
    widget.draw(draw(run, picture, layout))
    used = set(re.findall(r"\.(sk-[a-z-]+)", progress_style(run, picture)))
    assert all(re.search(rf'class="[^"]*\b{name}\b', widget._picture.value) for name in used)


def test_a_click_is_heard_and_acknowledged(widget: RunWidget, clicks: list[str]) -> None:
    widget._cancel.click()
    assert clicks == ["cancel"]
    widget.update(snapshot(running_word_count()), None, now=102.0, cancelling=True)
    assert (widget._cancel.disabled, widget._cancel.description) == (True, "Cancelling…")


def test_a_closed_widget_leaves_no_model_and_no_content() -> None:
    closed = RunWidget("app-1/run-1", lambda: None)
    parts = closed.parts()
    assert all(part.comm is not None for part in parts)
    closed.close()
    assert all(part.comm is None for part in parts)
    assert closed._picture.value == closed._table.value == ""


def test_widgets_of_the_latest_runs_rest_with_their_finished_cards() -> None:
    resting = RestingWidgets(most=2)
    widgets = [RunWidget(f"app-1/run-{number}", lambda: None) for number in range(3)]
    parts = widgets[0].parts()
    for number, each in enumerate(widgets):
        resting.add(each, f"card {number}")
    assert all(part.comm is None for part in parts)
    assert [each._picture.value for each in widgets] == ["", "card 1", "card 2"]
    assert widgets[2]._cancel.layout.display == "none"
    for each in widgets[1:]:
        each.close()
