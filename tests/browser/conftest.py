"""One JupyterLab server and one browser for all browser tests; each test opens a page of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from tests.support.jupyter_lab import LabServer, browser, missing_parts
from tests.support.notebook_page import NotebookPage

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = missing_parts()
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)
            # A cold browser, JupyterLab and a cluster on a busy machine; what takes too long fails on its own.
            item.add_marker(pytest.mark.timeout(400))
            if reason is not None:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures for a person go: $SPARK_KERNEL_SCREENSHOTS, or a temporary folder."""
    wanted = os.environ.get("SPARK_KERNEL_SCREENSHOTS")
    folder = Path(wanted).resolve() if wanted else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    server = LabServer(tmp_path_factory.mktemp("jupyterlab"))
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def driver(lab: LabServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with browser(tmp_path_factory.mktemp("chromium") / "profile") as chrome:
        yield chrome


@pytest.fixture
def page(driver: Chrome, lab: LabServer, screenshots: Path) -> Iterator[NotebookPage]:
    opened = NotebookPage(driver, lab, screenshots)
    yield opened
    opened.leave()
    lab.end_kernels()
