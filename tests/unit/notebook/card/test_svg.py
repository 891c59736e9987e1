"""The picture as SVG: ids and classes that renderers rely on, and a golden file for the rest.

`python -m tests.unit.notebook.card.test_svg` writes the golden file again; look at it before you commit it.
"""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from spark_kernel.notebook.card.drawing import Drawing, draw
from spark_kernel.notebook.card.layout import LayoutCache, lay_out
from spark_kernel.notebook.card.palette import STATE_COLOURS
from spark_kernel.notebook.card.run_json import STAGE_STATES
from spark_kernel.notebook.card.svg import STYLE, run_dom_id, to_svg
from tests.support.fake_graphviz import FakeGraphviz
from tests.support.run_events import (
    RunEvents,
    failed_run,
    join_with_skipped_stage,
    long_lineage,
    running_word_count,
    snapshot,
    word_count,
)

GOLDEN = Path(__file__).parent / "golden" / "word_count.svg"
SVG = "{http://www.w3.org/2000/svg}"


def drawing_of(run: RunEvents) -> Drawing:
    state = snapshot(run)
    placed = lay_out(state, graphviz=FakeGraphviz(), cache=LayoutCache())
    assert placed is not None
    return draw(state, *placed)


def svg_of(run: RunEvents, live: bool = False) -> str:
    return to_svg(drawing_of(run), run.run_id, live=live)


def elements(svg: str) -> dict[str, ElementTree.Element]:
    return {element.attrib["id"]: element for element in ElementTree.fromstring(svg).iter() if "id" in element.attrib}


def golden_text() -> str:
    """The SVG of a word count with its style sheet left out and one element a line."""
    return svg_of(word_count()).replace(STYLE, "").replace("><", ">\n<") + "\n"


def test_the_svg_of_a_word_count_is_the_golden_one() -> None:
    assert golden_text() == GOLDEN.read_text(encoding="utf-8")


def test_elements_are_found_by_the_ids_that_the_engine_uses() -> None:
    found = set(elements(svg_of(word_count())))
    assert {f"sk-app-1-run-1-{key}" for key in ("stage0", "stage1", "node0", "node3", "edge0-1", "edge2-3")} <= found


@pytest.mark.parametrize("make", [word_count, running_word_count, join_with_skipped_stage, failed_run])
def test_ids_are_unique_and_begin_with_the_runs_own(make: object) -> None:
    assert callable(make)
    ids = re.findall(r' id="([^"]*)"', svg_of(make()))
    assert len(ids) == len(set(ids))
    assert all(name.startswith("sk-app-1-run-1-") for name in ids)


def test_states_are_classes() -> None:
    found = elements(svg_of(running_word_count()))
    assert found["sk-app-1-run-1-stage0"].attrib["class"] == "sk-stage sk-running"
    assert found["sk-app-1-run-1-stage1"].attrib["class"] == "sk-stage sk-waiting"
    assert found["sk-app-1-run-1-stage0"].attrib["style"] == "--sk-done:0.375"
    assert found["sk-app-1-run-1-edge2-3"].attrib["class"] == "sk-link sk-shuffle"


def test_cached_datasets_and_reused_stages_are_told_apart() -> None:
    svg = svg_of(join_with_skipped_stage())
    parsed = elements(svg)["sk-app-1-run-1-node1"]
    assert parsed.attrib["class"] == "sk-step sk-cached"
    assert " · cached 6/6" in "".join(parsed.itertext())
    assert "6/6 · reused" in svg


def test_steps_and_links_of_a_skipped_stage_are_faded() -> None:
    run = RunEvents()
    mapped = run.node("map", run.node("range"))
    run.job(run.shuffle("groupByKey", mapped), skip=[mapped])
    found = elements(svg_of(run))
    assert found["sk-app-1-run-1-stage0"].attrib["class"] == "sk-stage sk-skipped"
    assert found["sk-app-1-run-1-node1"].attrib["class"].endswith("sk-faded")
    assert found["sk-app-1-run-1-edge1-2"].attrib["class"].endswith("sk-faded")
    assert not found["sk-app-1-run-1-node2"].attrib["class"].endswith("sk-faded")


def test_tooltips_say_where_a_dataset_was_made() -> None:
    title = elements(svg_of(word_count()))["sk-app-1-run-1-node1"].find(f"{SVG}title")
    assert title is not None
    assert title.text == "flatMap (words)\ncell [3], line 3\n8 partitions"


def test_a_live_picture_has_the_signs_of_all_states_and_a_saved_one_only_its_own() -> None:
    live, saved = svg_of(word_count(), live=True), svg_of(word_count())
    assert all(live.count(f"sk-mark sk-for-{state}") == 2 for state in STAGE_STATES)
    assert saved.count('class="sk-mark') == 2


def test_shuffles_tell_their_bytes() -> None:
    assert ">192 kB</text>" in svg_of(word_count())


def test_hostile_names_can_not_leave_their_text() -> None:
    evil = "</text><script>alert(1)</script>\"'&"
    run = RunEvents(title=evil)
    run.job(run.node(evil, name=evil))
    svg = svg_of(run)
    tags = {element.tag.removeprefix(SVG) for element in ElementTree.fromstring(svg).iter()}
    assert tags <= {"svg", "style", "g", "title", "rect", "path", "text", "tspan", "polygon"}
    assert "<script" not in svg


def test_closed_boxes_are_drawn_with_their_summary() -> None:
    svg = svg_of(long_lineage(400, 20))
    assert "reduceByKey → … → map" in svg
    assert "sk-step" not in svg.replace(STYLE, "")


def test_run_ids_become_safe_prefixes() -> None:
    assert re.fullmatch(r"sk-[A-Za-z0-9_-]+", run_dom_id('app-1/run 2"><b>'))


@pytest.mark.parametrize("state", STAGE_STATES)
def test_white_text_is_legible_on_the_colour_of_each_state(state: str) -> None:
    assert contrast(STATE_COLOURS[state], "#ffffff") >= 4.5
    assert contrast(STATE_COLOURS[state], "#000000") >= 3.0


def contrast(one: str, other: str) -> float:
    """Contrast of two colours as WCAG 2 defines it."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    channels = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


if __name__ == "__main__":
    GOLDEN.write_text(golden_text(), encoding="utf-8")
