"""An interrupt cancels exactly what its cell started, and a second one harms nothing."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.notebooks import Notebook, notebook


@pytest.fixture
def cells() -> Iterator[Notebook]:
    with notebook() as opened:
        opened.run("x = sc")
        yield opened


def interrupt_when_blocked(cells: Notebook, then: Callable[[], None] = lambda: None) -> threading.Thread:
    """Interrupt this process as soon as a job blocks; then do something more in the same thread."""

    def interrupt() -> None:
        assert cells.context.blocked.wait(20)
        os.kill(os.getpid(), signal.SIGINT)
        then()

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
    def interrupt_the_cancellation() -> None:
        assert cells.context.cancelling.wait(20)
        for _ in range(4):
            os.kill(os.getpid(), signal.SIGINT)
            threading.Event().wait(0.02)
        cells.context.may_cancel.set()

    cells.context.may_cancel.clear()
    thread = interrupt_when_blocked(cells, interrupt_the_cancellation)
    output = cells.run(f"{magic}sc.parallelize([1]).block()")
    thread.join()
    assert isinstance(output.error, KeyboardInterrupt)
    assert cells.context.active_jobs() == []
    assert cells.run(f"{magic}n = sc.parallelize([1, 2]).count()").error is None
    assert cells.value("n") == 2


def test_interrupts_while_the_error_is_shown_change_nothing(cells: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = threading.Event()
    show = cells.shell.showtraceback

    def notice(*args: Any, **kwargs: Any) -> None:
        shown.set()
        show(*args, **kwargs)

    def interrupt_what_follows() -> None:
        assert shown.wait(20)
        while not cells.context.cancelling.wait(0.001):
            os.kill(os.getpid(), signal.SIGINT)
        cells.context.may_cancel.set()

    monkeypatch.setattr(cells.shell, "showtraceback", notice)
    cells.context.may_cancel.clear()
    thread = interrupt_when_blocked(cells, interrupt_what_follows)
    output = cells.run("sc.parallelize([1]).block()")
    thread.join()
    assert isinstance(output.error, KeyboardInterrupt)
    assert output.text.count("Traceback (most recent call last)") == 1
    assert cells.context.active_jobs() == []


def test_a_cell_that_goes_on_after_an_interrupt_can_be_interrupted_again(cells: Notebook) -> None:
    interrupt = "os.kill(os.getpid(), signal.SIGINT)\n    for i in range(10**8): pass\n"
    output = cells.run(f"import os, signal\ntry:\n    {interrupt}except KeyboardInterrupt:\n    {interrupt}")
    assert isinstance(output.error, KeyboardInterrupt)
    assert isinstance(output.error.__context__, KeyboardInterrupt)


def test_an_interrupt_of_plain_python_says_nothing_of_jobs(cells: Notebook) -> None:
    output = cells.run("%%spark\nimport os, signal\nos.kill(os.getpid(), signal.SIGINT)\nfor i in range(10**8): pass")
    assert isinstance(output.error, KeyboardInterrupt)
    assert "Cancelled" not in output.text


def test_a_cluster_that_does_not_answer_is_reported(cells: Notebook, monkeypatch: pytest.MonkeyPatch) -> None:
    from spark_kernel.notebook import interrupts

    monkeypatch.setattr(interrupts, "PATIENCE", 0.05)
    cells.context.may_cancel.clear()
    thread = interrupt_when_blocked(cells)
    output = cells.run("%%spark\nsc.parallelize([1]).block()")
    cells.context.may_cancel.set()
    thread.join()
    assert "may still run" in output.text
    assert "%spark cancel" in output.text


def test_the_handler_of_interrupts_is_put_back(cells: Notebook) -> None:
    before = signal.getsignal(signal.SIGINT)
    thread = interrupt_when_blocked(cells)
    cells.run("%%spark\nsc.parallelize([1]).block()")
    thread.join()
    assert signal.getsignal(signal.SIGINT) is before
