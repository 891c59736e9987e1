"""The HTML of a run card against the sanitiser of the JupyterLab that is installed here.

JupyterLab sanitises the HTML of notebooks that are not trusted. Its lists are read from its own built files.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from spark_kernel.notebook.card.html import ALLOWED_ATTRIBUTES, ALLOWED_TAGS, to_html
from tests.support.run_events import failed_run, join_with_skipped_stage, snapshot

STATIC = Path(sys.prefix) / "share" / "jupyter" / "lab" / "static"


@pytest.fixture(scope="module")
def sanitiser() -> str:
    """The source text of JupyterLab's sanitiser options."""
    for path in STATIC.glob("jlab_core.*.js"):
        text = path.read_text(encoding="utf-8")
        start = text.find("allowedTags:[")
        if start >= 0:
            return text[start : text.index("transformTags", start)]
    raise AssertionError(f"no sanitiser in {STATIC}: is JupyterLab installed?")


def listed(text: str, name: str) -> set[str]:
    """The strings of the first array called ``name`` in minified JavaScript."""
    start = text.index(f"{name}:[") + len(name) + 1
    depth, end = 0, start
    for end in range(start, len(text)):
        depth += {"[": 1, "]": -1}.get(text[end], 0)
        if depth == 0:
            break
    return set(re.findall(r'"([a-z-]+)"', text[start:end]))


def test_every_tag_is_kept(sanitiser: str) -> None:
    assert listed(sanitiser, "allowedTags") >= ALLOWED_TAGS


def test_every_attribute_is_kept(sanitiser: str) -> None:
    attributes = sanitiser[sanitiser.index("allowedAttributes:") :]
    everywhere = listed(attributes, '"*"')
    of_tag = {tag: listed(attributes, tag) for tag in ("details", "img", "progress", "td")}
    assert everywhere.union(*of_tag.values()) >= ALLOWED_ATTRIBUTES
    assert {"style", "title"} <= everywhere
    assert "open" in of_tag["details"]
    assert {"src", "alt", "width", "height"} <= of_tag["img"]
    assert {"value", "max"} <= of_tag["progress"]
    assert "colspan" in of_tag["td"]


def test_every_style_is_kept(sanitiser: str) -> None:
    styles = sanitiser[sanitiser.index("allowedStyles:") :]
    kept = set(re.findall(r'[,{]"?([a-z-]+)"?:\[', styles))
    html = "".join(
        to_html(snapshot(run), "<svg/>", (10, 10), "", ["x"]) for run in (failed_run(), join_with_skipped_stage())
    )
    used = {name.split(":")[0] for style in re.findall(r' style="([^"]*)"', html) for name in style.split(";")}
    assert used <= kept
