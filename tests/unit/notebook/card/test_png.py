"""The picture as PNG: what is asked of Graphviz, and how large it may become."""

from __future__ import annotations

import re

from spark_kernel.notebook.card.drawing import Drawing, draw
from spark_kernel.notebook.card.layout import LayoutCache, lay_out
from spark_kernel.notebook.card.palette import STATE_COLOURS
from spark_kernel.notebook.card.png import MOST_BYTES, to_drawing_dot, to_png
from tests.support.fake_graphviz import FakeGraphviz
from tests.support.run_events import RunEvents, join_with_skipped_stage, running_word_count, snapshot, word_count


def drawing_of(run: RunEvents) -> Drawing:
    placed = lay_out(snapshot(run), graphviz=FakeGraphviz(), cache=LayoutCache())
    assert placed is not None
    return draw(snapshot(run), *placed)


def test_every_text_of_the_picture_is_on_it() -> None:
    dot = to_drawing_dot(drawing_of(join_with_skipped_stage()), 96)
    for text in ("Stages 0, 2 · map", "6/6 · reused", "parsed · 6 partitions · cached 6/6", "144 kB"):
        assert text in dot


def test_boxes_have_the_colour_of_their_state() -> None:
    dot = to_drawing_dot(drawing_of(running_word_count()), 96)
    assert f"C 9 -{STATE_COLOURS['running']}ff" in dot
    assert f"C 9 -{STATE_COLOURS['waiting']}ff" in dot
    assert STATE_COLOURS["succeeded"] not in dot


def test_no_string_is_longer_than_graphviz_reads() -> None:
    run = RunEvents()
    last = run.node("range")
    for _ in range(200):
        last = run.node("map", last)
    run.job(last)
    dot = to_drawing_dot(drawing_of(run), 96)
    assert max(len(text.encode()) for text in re.findall(r'"((?:[^"\\]|\\.)*)"', dot)) < 16_384


def test_hostile_names_stay_text() -> None:
    run = RunEvents()
    run.job(run.node("<TABLE>", name='"]; x [label="'))
    dot = to_drawing_dot(drawing_of(run), 96)
    assert "<B>&lt;TABLE&gt;</B>" in dot
    assert '\\"]; x [label=\\"' in dot


def test_a_large_image_is_drawn_with_fewer_pixels() -> None:
    graphviz = FakeGraphviz(png_sizes=(MOST_BYTES + 1, 1000))
    assert len(to_png(drawing_of(word_count()), graphviz, 1.0) or b"") == 1000
    assert [re.findall(r"dpi=(\d+)", request["dot"]) for request in graphviz.requests] == [["96"], ["72"]]
    assert {request["program"] for request in graphviz.requests} == {"nop2"}


def test_an_image_that_stays_too_large_is_left_out() -> None:
    assert to_png(drawing_of(word_count()), FakeGraphviz(png_sizes=(MOST_BYTES + 1,)), 1.0) is None
