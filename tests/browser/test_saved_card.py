"""A saved notebook is opened on a machine that has no kernel for it: the finished card is there and alive."""

from __future__ import annotations

import pytest

from tests.support.jupyter_lab import LabServer, requested_urls, wait_until
from tests.support.notebook_page import CARD, NotebookPage
from tests.support.run_events import failed_run, join_with_skipped_stage
from tests.support.saved_cards import notebook_with, saved_bundle

STAGE = f"{CARD} .spk-drawn-stage[data-stage='0']"
CACHED = f"{CARD} .spk-drawn-dataset[data-dataset='1']"


@pytest.fixture(scope="module")
def notebook(lab: LabServer) -> str:
    return lab.write_notebook("orders.ipynb", notebook_with(saved_bundle(join_with_skipped_stage())))


def test_our_renderer_shows_the_run_without_a_kernel(page: NotebookPage, notebook: str) -> None:
    page.open_without_kernel(notebook)
    header = page.text(f"{CARD} .spk-header")
    assert header.startswith("orders per city Succeeded 3.8 s")
    assert "6 stages (1 skipped)" in header
    assert len(page.all(f"{CARD} .spk-drawn-stage")) == 5
    assert len(page.all(f"{CARD} .spk-stage-row")) == 6
    assert page.all(".jp-OutputArea-output img") == [], "the HTML fallback is shown beside our card"
    page.screenshot("saved-card-light")


def test_the_picture_fits_its_window(page: NotebookPage, notebook: str) -> None:
    page.open_without_kernel(notebook)
    window = page.wait_for(f"{CARD} .spk-viewport")
    room, needed = page.driver.execute_script("return [arguments[0].clientWidth, arguments[0].scrollWidth]", window)
    assert needed <= room
    before = page.wait_for(f"{CARD} .spk-viewport svg").rect["width"]
    page.click(page.wait_for(f"{CARD} button[aria-label='Zoom in']"))
    assert page.wait_for(f"{CARD} .spk-viewport svg").rect["width"] == pytest.approx(before * 1.25, rel=0.02)


def test_pointing_at_a_dataset_tells_about_it(page: NotebookPage, notebook: str) -> None:
    page.open_without_kernel(notebook)
    page.hover(page.wait_for(CACHED))
    tooltip = page.text(".spk-tooltip")
    assert tooltip.startswith("parsed: map cell [3], line 3 Partitions 6 Persisted Memory 1x In the cache 6 of 6")
    page.screenshot("saved-card-tooltip")
    page.hover(page.wait_for(f"{CARD} .spk-title"))
    wait_until("the tooltip has gone", lambda: not page.all(".spk-tooltip:not([hidden])"))


def test_a_click_on_a_stage_opens_its_details(page: NotebookPage, notebook: str) -> None:
    page.open_without_kernel(notebook)
    page.bring_into_view(page.wait_for(STAGE))
    page.click(page.wait_for(f"{STAGE} .spk-shape-head"))
    details = page.text(f"{CARD} .spk-details")
    assert details.startswith("Stage 0 map at cell [3], line 3 State succeeded Tasks 6 of 6 tasks done")
    assert "Read 1.9 MB, 45,000 rows" in details
    assert "Shuffle write 144 kB, 5,400 rows" in details
    assert page.all(f"{CARD} .spk-stage-row.spk-picked[data-stage='0']")
    page.screenshot("saved-card-stage")


def test_the_keyboard_reaches_what_the_pointer_reaches(page: NotebookPage, notebook: str) -> None:
    page.open_without_kernel(notebook)
    page.driver.execute_script("arguments[0].focus()", page.wait_for(STAGE))
    cells = len(page.all(".jp-Cell"))
    # In JupyterLab the keys D D delete the cell, unless the thing in focus has the keyboard for itself.
    for key in ("\ue015", "d", "d", "\ue007"):  # arrow down, D, D, enter
        page.driver.switch_to.active_element.send_keys(key)
    assert page.text(f"{CARD} .spk-details").startswith("Stage 1 ")
    assert len(page.all(".jp-Cell")) == cells


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_every_text_of_the_card_is_legible(page: NotebookPage, lab: LabServer, notebook: str, theme: str) -> None:
    lab.use_theme(theme)
    try:
        page.open_without_kernel(notebook)
        wait_until(theme, lambda: page.has_theme(light=theme.endswith("Light")))
        page.bring_into_view(page.wait_for(STAGE))
        page.click(page.wait_for(f"{STAGE} .spk-shape-head"))
        texts = [
            ".spk-title",
            ".spk-outcome",
            ".spk-amounts",
            ".spk-moved dt",
            ".spk-legend li",
            ".spk-stages thead th",
        ]
        texts += [".spk-stage-what", ".spk-details dt", ".spk-details dd", ".spk-shape-title", ".spk-shape-count"]
        texts += [".spk-shape-operation", ".spk-shape-detail", ".spk-shape-amount", ".spk-shape-cached-count"]
        contrasts = {text: page.contrast(f"{CARD} {text}") for text in texts}
        page.screenshot(f"saved-card-{theme.split()[-1].lower()}-details")
        assert {text: contrast for text, contrast in contrasts.items() if contrast < 4.5} == {}
    finally:
        lab.use_theme("JupyterLab Light")


def test_a_failed_run_says_why(page: NotebookPage, lab: LabServer) -> None:
    page.open_without_kernel(lab.write_notebook("failed.ipynb", notebook_with(saved_bundle(failed_run()))))
    header = page.text(f"{CARD} .spk-header")
    assert header.startswith("cell [7] Failed")
    assert "stage 1 failed at cell [7], line 4: ZeroDivisionError: division by zero" in header
    assert page.wait_for(f"{CARD} .spk-drawn-stage[data-state='failed']")
    page.screenshot("saved-card-failed")


def test_without_the_extension_the_table_and_the_picture_are_shown(
    page: NotebookPage, lab: LabServer, notebook: str
) -> None:
    with lab.without_extension():
        page.open_without_kernel(notebook)
    assert page.all(".spk-card") == []
    output = page.text(".jp-OutputArea-output")
    assert "orders per city" in output
    assert "reduceByKey at cell [3], line 4" in output
    picture = page.wait_for(".jp-OutputArea-output img")
    width = page.driver.execute_script("return arguments[0].complete && arguments[0].naturalWidth", picture)
    assert width > 300
    page.screenshot("saved-card-without-extension")


@pytest.mark.parametrize("extension", [True, False], ids=["with the extension", "without the extension"])
def test_an_untrusted_notebook_shows_the_card_too(page: NotebookPage, lab: LabServer, extension: bool) -> None:
    bundle = saved_bundle(join_with_skipped_stage())
    name = lab.write_notebook("untrusted.ipynb", notebook_with(bundle), trusted=False)
    if extension:
        page.open_without_kernel(name)
        assert page.text(f"{CARD} .spk-title") == "orders per city"
    else:
        with lab.without_extension():
            page.open_without_kernel(name)
        picture = page.wait_for(".jp-OutputArea-output img")
        assert page.driver.execute_script("return arguments[0].naturalWidth", picture) > 300
    assert page.driver.execute_script(
        "const panel = [...jupyterapp.shell.widgets('main')][0];"
        "return [...panel.content.widgets].every(cell => !cell.model.trusted || cell.model.type !== 'code')"
    ), "the notebook was trusted after all"


def test_opening_the_notebook_asks_nothing_of_the_network(page: NotebookPage, lab: LabServer, notebook: str) -> None:
    page.open_without_kernel(notebook)
    page.wait_for(CARD)
    elsewhere = [url for url in requested_urls(page.driver) if not url.startswith((lab.url, "data:", "blob:"))]
    assert elsewhere == []
