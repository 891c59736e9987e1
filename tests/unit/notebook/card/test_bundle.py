"""The saved run card: which forms it has, what it costs, and that it says what it leaves out.

`python -m tests.unit.notebook.card.test_bundle` writes the golden file again; look at it before you commit it.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from spark_kernel.notebook.card.bundle import (
    MOST_NODES,
    MOST_SVG_CHARACTERS,
    Pictures,
    final_bundle,
    make_pictures,
)
from spark_kernel.notebook.card.layout import LayoutCache
from spark_kernel.notebook.card.run_json import MIME, CardJson
from tests.support.fake_graphviz import FakeGraphviz
from tests.support.run_events import (
    RunEvents,
    failed_run,
    join_with_skipped_stage,
    long_lineage,
    snapshot,
    word_count,
)

GOLDEN = Path(__file__).parent / "golden" / "word_count.json"


def bundle_of(run: RunEvents, graphviz: FakeGraphviz | None = None) -> dict[str, Any]:
    state = snapshot(run)
    return final_bundle(state, make_pictures(state, graphviz or FakeGraphviz(), LayoutCache()))


def golden_text() -> str:
    """The card's JSON, the picture left out: that is in a golden file of its own."""
    card = {**bundle_of(word_count())[MIME], "svg": "..."}
    return json.dumps(card, indent=1, ensure_ascii=False) + "\n"


def test_the_json_of_a_word_count_is_the_golden_one() -> None:
    assert golden_text() == GOLDEN.read_text(encoding="utf-8")


def test_a_saved_card_has_a_form_for_every_viewer_and_none_that_needs_a_kernel() -> None:
    assert set(bundle_of(word_count())) == {MIME, "text/html", "image/png", "text/plain"}


def test_the_json_has_exactly_the_fields_that_renderers_know() -> None:
    assert set(bundle_of(word_count())[MIME]) == set(CardJson.__annotations__)


def test_every_form_shows_the_same_run() -> None:
    bundle = bundle_of(failed_run())
    assert "division by zero" in bundle["text/plain"]
    assert "division by zero" in bundle["text/html"]
    assert "division by zero" in bundle[MIME]["message"]
    assert base64.b64encode(bundle[MIME]["svg"].encode()).decode() in bundle["text/html"]


def test_the_same_events_give_the_same_bundle() -> None:
    first, second = (json.dumps(bundle_of(join_with_skipped_stage())) for _ in range(2))
    assert first == second


def test_boxes_tell_which_stages_they_stand_for() -> None:
    boxes = bundle_of(join_with_skipped_stage())[MIME]["boxes"]
    assert boxes[0] == {"stage_id": 0, "stage_ids": [0, 2]}


def test_without_graphviz_the_card_has_table_and_text_and_says_why() -> None:
    bundle = bundle_of(word_count(), FakeGraphviz(fails="missing"))
    assert set(bundle) == {MIME, "text/html", "text/plain"}
    assert bundle[MIME]["svg"] is None
    assert bundle[MIME]["left_out"] == [
        "There is no picture of this run: it is too large to draw, or Graphviz was not available."
    ]
    assert "There is no picture of this run" in bundle["text/html"]


def test_a_run_of_a_thousand_datasets_is_kept_small_and_says_what_is_missing() -> None:
    bundle = bundle_of(long_lineage(1000, 20))
    card = bundle[MIME]
    assert len(card["nodes"]) == MOST_NODES
    assert card["nodes"][-1]["node_id"] == 999
    assert all(edge["parent"] >= 600 for edge in card["edges"])
    assert card["left_out"] == [
        "The picture shows the 50 stages only: the 1,000 datasets in them are too many to draw.",
        "The details of the 600 earliest datasets are not kept.",
    ]
    assert len(json.dumps(bundle)) < 500_000


def test_an_svg_that_would_be_too_large_is_drawn_by_stages() -> None:
    run = long_lineage(299, 7)
    pictures = make_pictures(snapshot(run), FakeGraphviz(), LayoutCache())
    assert pictures.svg is not None
    assert len(pictures.svg) <= MOST_SVG_CHARACTERS


def test_an_image_that_would_be_too_large_shows_the_stages_instead() -> None:
    graphviz = FakeGraphviz(png_sizes=(200_000, 200_000, 200_000, 9_000))
    pictures = make_pictures(snapshot(word_count()), graphviz, LayoutCache())
    assert pictures.png is not None
    assert len(pictures.png) == 9_000
    assert "<B>textFile</B>" not in graphviz.requests[-1]["dot"]
    assert pictures.picture is not None
    assert pictures.picture.detail == "steps"


def test_a_run_without_stages_is_a_card_without_a_complaint() -> None:
    run = RunEvents()
    run.end_run()
    assert final_bundle(snapshot(run), Pictures())[MIME]["left_out"] == []


if __name__ == "__main__":
    GOLDEN.write_text(golden_text(), encoding="utf-8")
