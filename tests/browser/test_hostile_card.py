"""A saved notebook may come from anybody. Nothing that its card holds runs, loads or acts, trusted or not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from spark_kernel.notebook.card.run_json import MIME
from tests.support.jupyter_lab import LabServer, requested_urls
from tests.support.notebook_page import CARD, NotebookPage
from tests.support.run_events import word_count
from tests.support.saved_cards import notebook_with, saved_bundle

HURT = "document.title='hurt';window.hurt=true;fetch('http://127.0.0.1:9/hurt')"

# Put into the picture of an otherwise honest card.
POISON = f"""
<script>{HURT}</script>
<script xlink:href="http://127.0.0.1:9/hurt.js" href="http://127.0.0.1:9/hurt.js"/>
<g onload="{HURT}"><rect onload="{HURT}" onclick="{HURT}" onmouseover="{HURT}" width="9" height="9"/></g>
<a href="javascript:{HURT}" xlink:href="javascript:{HURT}"><rect width="2000" height="2000" fill="red" id="trap"/></a>
<foreignObject width="900" height="900">
  <body xmlns="http://www.w3.org/1999/xhtml" onload="{HURT}">
    <img src="http://127.0.0.1:9/hurt.png" onerror="{HURT}"/><iframe srcdoc="&lt;script&gt;{HURT}&lt;/script&gt;"/>
    <button data-commandlinker-command="notebook:delete-cell" data-commandlinker-args="{{}}">press</button>
  </body>
</foreignObject>
<image href="http://127.0.0.1:9/hurt.png" width="9" height="9"/>
<use href="http://127.0.0.1:9/hurt.svg#a"/>
<rect fill="url(http://127.0.0.1:9/hurt.svg#a)" filter="url(http://127.0.0.1:9/hurt.svg#b)" width="9" height="9"/>
<style>@import url(http://127.0.0.1:9/hurt.css); body {{ display: none }}</style>
<animate attributeName="href" to="javascript:{HURT}"/><set attributeName="onmouseover" to="{HURT}"/>
"""


def hostile_card() -> dict[str, Any]:
    """A card whose picture and texts try everything."""
    card: dict[str, Any] = json.loads(json.dumps(saved_bundle(word_count())[MIME]))
    attributes = f'xmlns:xlink="http://www.w3.org/1999/xlink" onload="{HURT}" style="position:fixed;inset:0"'
    assert card["svg"].startswith("<svg ")
    card["svg"] = f"<svg {attributes} {card['svg'][5:].removesuffix('</svg>')}{POISON}</svg>".replace(
        'id="sk-app-1-run-1-node1"', 'id="x-node1" onclick="' + HURT + '"'
    )
    markup = f'<img src=http://127.0.0.1:9/hurt.png onerror="{HURT}"><script>{HURT}</script>'
    card.update(title=markup, message=markup, left_out=[markup])
    for part in (*card["stages"], *card["nodes"], *card["jobs"]):
        for field in ("name", "place", "operation", "message", "storage_level"):
            if field in part:
                part[field] = markup
    return card


@pytest.mark.parametrize("trusted", [False, True], ids=["untrusted", "trusted"])
def test_a_hostile_card_runs_nothing(page: NotebookPage, lab: LabServer, trusted: bool) -> None:
    notebook = notebook_with({MIME: hostile_card(), "text/plain": "a card"})
    page.open_without_kernel(lab.write_notebook("hostile.ipynb", notebook, trusted=trusted))
    assert len(page.all(f"{CARD} .spk-drawn-dataset")) == 4, "the harmless part of the picture is shown"
    # The whole card is used as a person would: pointed at and clicked everywhere.
    for selector in (".spk-drawn-stage", ".spk-drawn-dataset", ".spk-drawn-edge", ".spk-stage-row", ".spk-link"):
        for index in range(len(page.all(f"{CARD} {selector}"))):
            page.driver.execute_script(POKE, page.all(f"{CARD} {selector}")[index])
    page.screenshot(f"hostile-card-{'trusted' if trusted else 'untrusted'}")
    found = page.driver.execute_script(
        "return [window.hurt, document.title, ...document.querySelectorAll(arguments[0])].map(String)",
        ", ".join(f"{place} {what}" for place in (".spk-card", ".spk-tooltip") for what in FORBIDDEN),
    )
    assert found[0] == "undefined"
    assert "hurt" not in found[1]
    assert found[2:] == []
    assert [url for url in requested_urls(page.driver) if "hurt" in url] == []
    assert "<script>" in page.text(f"{CARD} .spk-title"), "markup in the title is shown as the text that it is"


def test_a_hostile_picture_does_not_cover_the_page(page: NotebookPage, lab: LabServer) -> None:
    notebook = notebook_with({MIME: hostile_card(), "text/plain": "a card"})
    page.open_without_kernel(lab.write_notebook("hostile.ipynb", notebook, trusted=False))
    viewport = page.wait_for(f"{CARD} .spk-viewport").rect
    covered = page.driver.execute_script(
        "const menu = document.querySelector('.lm-MenuBar').getBoundingClientRect();"
        "return document.elementFromPoint(menu.left + 30, menu.top + 8).closest('.spk-card') !== null"
    )
    assert not covered
    assert viewport["height"] <= 480


FORBIDDEN = ("script", "img", "iframe", "foreignObject", "image", "use", "a", "style", "animate", "set", "[href]")
FORBIDDEN += ("[onload]", "[onclick]", "[onerror]", "[onmouseover]", "[data-commandlinker-command]", "#trap")

POKE = """
const target = arguments[0];
for (const type of ['pointerenter', 'pointermove', 'mouseover', 'pointerdown', 'pointerup', 'click', 'focus'])
  target.dispatchEvent(new MouseEvent(type, {bubbles: true}));
target.dispatchEvent(new KeyboardEvent('keydown', {bubbles: true, key: 'Enter'}));
"""
