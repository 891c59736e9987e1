"""Layouts: what is asked of Graphviz, what is made of its answer, and what happens when there is none."""

from __future__ import annotations

import json

import pytest

from spark_kernel.notebook.card.compose import make_picture
from spark_kernel.notebook.card.graph import graph_hash, to_dot
from spark_kernel.notebook.card.layout import Layout, LayoutCache, Rect, lay_out, read_layout
from spark_kernel.notebook.card.measures import STEP_GAP, STEP_HEIGHT
from spark_kernel.notebook.card.picture import Picture
from spark_kernel.notebook.card.routes import Routes
from tests.support.fake_graphviz import FakeGraphviz
from tests.support.run_events import RunEvents, dense_lineage, long_lineage, snapshot, word_count


def picture_of(run: RunEvents) -> Picture:
    picture = make_picture(snapshot(run))
    assert picture is not None
    return picture


def test_stages_are_clusters_and_chains_are_tables_with_a_port_for_each_step() -> None:
    dot = to_dot(picture_of(word_count()))
    assert "subgraph cluster_box0" in dot
    assert "<B>Stage 0 · map</B>" in dot
    assert dot.count("PORT=") == 4
    assert 'tooltip="cell [3], line 2; cell [3], line 3; cell [3], line 4"' in dot
    assert "column0:step2:e -> column3:step3:w [id=link2 style=bold weight=0]" in dot


def test_hostile_names_stay_text() -> None:
    run = RunEvents()
    run.job(run.node('map"]; evil [label="x', name="<TABLE>&</TABLE>"))
    dot = to_dot(picture_of(run))
    assert "&lt;TABLE&gt;&amp;&lt;/TABLE&gt;" in dot
    assert "<B>map&quot;]; evil [label=&quot;x</B>" in dot


def test_the_same_plan_has_the_same_hash_when_its_cell_runs_again() -> None:
    first, again, other = word_count(), word_count(), word_count(finish=False)
    later = make_picture(json.loads(json.dumps(snapshot(again)).replace('"stage_id": 1', '"stage_id": 7')))
    assert later is not None
    assert graph_hash(picture_of(first)) == graph_hash(later)
    other.job(other.node("count"))
    assert graph_hash(picture_of(first)) != graph_hash(picture_of(other))


def test_a_known_plan_is_not_laid_out_again() -> None:
    graphviz, cache = FakeGraphviz(), LayoutCache()
    first = lay_out(snapshot(word_count()), graphviz=graphviz, cache=cache)
    second = lay_out(snapshot(word_count()), graphviz=graphviz, cache=cache)
    assert first == second
    assert len(graphviz.requests) == 1


def test_the_cache_forgets_what_was_not_used_for_long() -> None:
    cache = LayoutCache(kept=2)
    for key in ("a", "b"):
        cache.keep(key, None)
    cache.find("a")
    cache.keep("c", None)
    assert [cache.find(key)[0] for key in "abc"] == [True, False, True]


def test_a_graph_that_takes_too_long_is_asked_for_in_a_hurry() -> None:
    graphviz = FakeGraphviz(fails="careful")
    placed = lay_out(snapshot(word_count()), graphviz=graphviz, cache=LayoutCache())
    assert placed is not None
    assert placed[0].detail == "steps"
    assert ["nslimit" in request["dot"] for request in graphviz.requests] == [False, True]


def test_a_large_graph_is_asked_for_in_a_hurry_at_once() -> None:
    graphviz = FakeGraphviz()
    lay_out(snapshot(dense_lineage(200)), graphviz=graphviz, cache=LayoutCache())
    assert ["nslimit" in request["dot"] for request in graphviz.requests] == [True]


def test_without_an_answer_in_time_the_picture_gets_coarser_and_then_there_is_none() -> None:
    graphviz = FakeGraphviz(fails="timeout")
    assert lay_out(snapshot(long_lineage(30)), graphviz=graphviz, cache=LayoutCache()) is None
    first, last = graphviz.requests[0]["dot"], graphviz.requests[-1]["dot"]
    assert ("PORT" in first, "PORT" in last) == (True, False)
    assert len(graphviz.requests) <= 8


def test_a_large_graph_that_took_too_long_is_not_tried_again_but_a_small_one_is() -> None:
    graphviz, cache = FakeGraphviz(fails="timeout"), LayoutCache()
    for run, is_large in ((word_count(), False), (dense_lineage(250), True)):
        whole = graph_hash(picture_of(run))
        lay_out(snapshot(run), graphviz=graphviz, cache=cache)
        assert cache.find(whole) == (is_large, None)


def test_without_graphviz_there_is_no_picture_and_no_second_try_for_this_run() -> None:
    graphviz = FakeGraphviz(fails="missing")
    assert lay_out(snapshot(word_count()), graphviz=graphviz, cache=LayoutCache()) is None
    assert len(graphviz.requests) == 1


ANSWER = {
    "bb": "0,0,400,200",
    "objects": [
        {"name": "cluster_box0", "bb": "0,0,170,200"},
        {"name": "cluster_box1", "bb": "230,110,400,200"},
        {"name": "column0", "pos": "85,85"},
        {"name": "column3", "pos": "315,141"},
    ],
    "edges": [
        {"tail": 2, "head": 3},
        {"id": "link2", "pos": "e,247,141 153,29 200,29 200,141 240,141"},
    ],
}


def laid_out() -> tuple[Picture, Layout]:
    picture = picture_of(word_count())
    return picture, read_layout(picture, ANSWER)


def test_places_are_read_with_y_downwards() -> None:
    _, layout = laid_out()
    assert layout.boxes == (Rect(0, 0, 170, 200), Rect(230, 0, 170, 90))
    assert [step.height for step in layout.steps] == [STEP_HEIGHT] * 4
    assert layout.steps[1].y - layout.steps[0].y == STEP_HEIGHT + STEP_GAP
    assert layout.steps[3].y + STEP_HEIGHT / 2 == pytest.approx(59)
    assert layout.links == (None, None, ((153, 171), (200, 171), (200, 59), (240, 59), (247, 59)))


def test_a_link_down_a_column_is_straight() -> None:
    picture, layout = laid_out()
    start, *_, tip = Routes(picture, layout).points(0)
    assert start[0] == tip[0]
    assert (start[1], tip[1]) == (layout.steps[0].y + STEP_HEIGHT, layout.steps[1].y)


def test_a_link_to_a_free_neighbour_is_a_plain_s() -> None:
    picture, layout = laid_out()
    points = Routes(picture, layout).points(2)
    source, target = layout.steps[2], layout.steps[3]
    assert points[0] == (source.x + source.width, source.y + STEP_HEIGHT / 2)
    assert points[-1] == (target.x, target.y + STEP_HEIGHT / 2)


def test_a_link_with_something_in_its_way_follows_graphviz() -> None:
    picture, layout = laid_out()
    in_the_way = Rect(190, 0, 20, 200)
    blocked = Layout(400, 200, (*layout.boxes, in_the_way), layout.steps, layout.links)
    routes = Routes(picture, layout)
    routes._layout = blocked
    assert routes.points(2) == layout.links[2]
