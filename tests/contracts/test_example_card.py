"""The example in extension/test is what the kernel writes, so that the renderer is tested on real cards."""

from __future__ import annotations

import json
import re
from typing import Any

from spark_kernel.notebook.card.run_json import MIME
from tests.support.saved_cards import EXAMPLE, example_card


def without_places(card: dict[str, Any]) -> dict[str, Any]:
    """The card, with the picture's elements in order of their names: where they are is up to the Graphviz at hand."""
    return {**card, "svg": sorted(re.findall(r'id="([^"]*)" class="([^"]*)"', card["svg"] or ""))}


def test_the_example_is_what_the_kernel_writes() -> None:
    example = json.loads(EXAMPLE.read_text(encoding="utf-8"))
    assert without_places(example) == without_places(example_card()), (
        "extension/test/example.json is out of date: run `python -m tests.support.saved_cards`"
    )


def test_renderer_and_kernel_agree_on_the_mime_type() -> None:
    assert f"'{MIME}'" in (EXAMPLE.parents[1] / "src" / "model.ts").read_text(encoding="utf-8")
