"""An interrupt cancels exactly what its cell started, and a second one harms nothing."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from tests.support.notebooks import Notebook, notebook


@pytest.fixture
def cells() -> Iterator[Notebook]:
    with notebook() as opened:
        opened.run("x = sc")
        yield opened


def interrupt_when_blocked(cells: Notebook, more: int = 0) -> threading.Thread:
    """Interrupt this process as soon as a job blocks, and ``more`` times while it is being cancelled."""

    def interrupt() -> None:
        assert cells.context.blocked.wait(20)
        for _ in range(1 + more):
            os.kill(os.getpid(), signal.SIGINT)
            threading.Event().wait(0.02)

    thread = threading.Thread(target=interrupt)
    thread.start()
    return thread


@pytest.mark.parametrize("magic", ["%%spark\n", ""])
def test_an_interrupt_cancels_the_cells_jobs_and_says_so(cells: Notebook, magic: str) -> None:
    thread = interrupt_when_blocked(cells)
    output = cells.run(f"{magic}rdd = sc.parallelize([1])\nrdd.block()")
    thread.join()
    (card,) = cells.cards
    assert isinstance(output.error, KeyboardInterrupt)
    assert cells.context.cancelled == [card.model.run_id]
    assert cells.context.active_jobs() == []
    assert card.finished == [("cancelled", "interrupted")]
    told = "Cancelled job 0 (block) in stage 0 (1 of 2 tasks done). Kept: the cluster with all datasets."
    assert told in output.text.splitlines()


@pytest.mark.parametrize("magic", ["%%spark\n", ""])
def test_interrupts_while_cancelling_change_nothing(cells: Notebook, magic: str) -> None:
    cells.context.cancel_seconds = 0.2
    thread = interrupt_when_blocked(cells, more=4)
    output = cells.run(f"{magic}sc.parallelize([1]).block()")
    thread.join()
    assert isinstance(output.error, KeyboardInterrupt)
    assert cells.context.active_jobs() == []
    assert cells.run(f"{magic}n = sc.parallelize([1, 2]).count()").error is None
    assert cells.value("n") == 2


def test_an_interrupt_of_plain_python_says_nothing_of_jobs(cells: Notebook) -> None:
    output = cells.run("%%spark\nimport os, signal\nos.kill(os.getpid(), signal.SIGINT)\nfor i in range(10**8): pass")
    assert isinstance(output.error, KeyboardInterrupt)
    assert "Cancelled" not in output.text


def test_a_cluster_that_does_not_answer_is_reported(cells: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    from spark_kernel.notebook import interrupts

    monkeypatch.setattr(interrupts, "PATIENCE", 0.05)
    cells.context.cancel_seconds = 0.5
    thread = interrupt_when_blocked(cells)
    output = cells.run("%%spark\nsc.parallelize([1]).block()")
    thread.join()
    assert "may still run" in output.text
    assert "%spark cancel" in output.text


def test_the_handler_of_interrupts_is_put_back(cells: Notebook) -> None:
    before = signal.getsignal(signal.SIGINT)
    thread = interrupt_when_blocked(cells)
    cells.run("%%spark\nsc.parallelize([1]).block()")
    thread.join()
    assert signal.getsignal(signal.SIGINT) is before
