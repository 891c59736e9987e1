"""How a cell's run ends, whatever ended the cell; above all, what an interrupt does.

An interrupt reaches Python's main thread as KeyboardInterrupt, at any line, and a second one may follow while the first
is being dealt with. So the jobs are cancelled in a thread of its own, which no interrupt reaches, and the main thread
waits for it with interrupts put aside. Used for plain cells and for ``%%spark`` cells alike.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from spark_kernel.common.call_sites import CELLS
from spark_kernel.common.errors import JobCancelledError
from spark_kernel.notebook.runs import Run, cancelled_summary
from spark_kernel.notebook.screen import say
from spark_kernel.notebook.session import Session

INTERRUPTED = "the cell was interrupted"
"""The reason that cancelled jobs are given."""
PATIENCE = 5.0
"""Seconds that a cancellation may take before the notebook is handed back without its result."""


def settle(session: Session, run: Run, error: BaseException | None) -> None:
    """End ``run``, whose cell ended with ``error`` or without; after an interrupt cancel its jobs.

    One line says what was cancelled, by an interrupt or by the button of the card, and what is kept.
    """
    interrupted = run.interrupted or isinstance(error, KeyboardInterrupt | asyncio.CancelledError)
    if not interrupted and not isinstance(error, JobCancelledError):
        session.end_run(run, error)
        return
    with interrupts_put_aside():
        problem = _in_a_thread(lambda: run.cancel(INTERRUPTED)) if interrupted else ""
        session.end_run(run, KeyboardInterrupt() if interrupted else error)
        summary = cancelled_summary(run.model.to_json())
        if problem:
            say(f"The jobs of this cell may still run: {problem}. `%spark jobs` lists them, `%spark cancel` ends them.")
        elif summary:
            say(summary)


class InterruptsOfCells:
    """What interrupts do while a cell is executed, beside raising KeyboardInterrupt in it.

    Once a cell was interrupted, IPython shows the error and the jobs are cancelled. An impatient second interrupt would
    tear that apart: the front end would never hear that the cell is over. It changes nothing, unless the cell's own
    code goes on running.

    For a cell with a top-level ``await`` ipykernel turns an interrupt into a message for the event loop. A job that the
    cell waits for holds the loop, so that the message would arrive when the job is done; therefore the jobs are
    cancelled right away.
    """

    def __init__(self, ends_by_itself: bool) -> None:
        """``ends_by_itself``: a kernel around the cells sets its own handler when it has answered the front end."""
        self._ends_by_itself = ends_by_itself
        self._before: object = None
        self._interrupted = False

    def begin(self, current_run: Callable[[], Run | None]) -> None:
        """A cell begins in this thread; ``current_run`` is asked for its run when an interrupt comes."""
        if threading.current_thread() is not threading.main_thread():
            return
        before = signal.getsignal(signal.SIGINT)
        if not callable(before):
            return
        forward: Callable[[int, FrameType | None], object] = before
        awaiting = before is not signal.default_int_handler

        def interrupt(number: int, frame: FrameType | None) -> None:
            if awaiting:
                _cancel_beside(current_run())
            elif self._interrupted and not _in_a_cell(frame):
                return
            self._interrupted = True
            forward(number, frame)

        self._before = before
        self._interrupted = False
        signal.signal(signal.SIGINT, interrupt)

    def end(self) -> None:
        """The cell is over."""
        before, self._before = self._before, None
        if before is None:
            return
        if self._interrupted and self._ends_by_itself and before is signal.default_int_handler:
            # An interrupt would still keep the kernel from answering: the cell would never end for its front end.
            return
        signal.signal(signal.SIGINT, before)  # type: ignore[arg-type]


def _cancel_beside(run: Run | None) -> None:
    """Cancel the jobs of ``run`` while this thread goes on."""
    if run is not None and not run.interrupted:
        run.interrupted = True
        threading.Thread(target=run.cancel, args=(INTERRUPTED,), name="spark-cancel", daemon=True).start()


def _in_a_cell(frame: FrameType | None) -> bool:
    """Whether ``frame``, or what called it, is code of a cell."""
    while frame is not None:
        if CELLS.cell_of(frame.f_code.co_filename) is not None:
            return True
        frame = frame.f_back
    return False


def _in_a_thread(work: Callable[[], None]) -> str:
    """Do ``work`` where no interrupt arrives; returns what went wrong, or nothing."""
    problems: list[str] = []

    def attempt() -> None:
        try:
            work()
        except Exception as error:
            problems.append(f"{type(error).__name__}: {error}")

    worker = threading.Thread(target=attempt, name="spark-cancel", daemon=True)
    worker.start()
    worker.join(PATIENCE)
    if worker.is_alive():
        return f"the cluster did not answer within {PATIENCE:.0f} s"
    return problems[0] if problems else ""


@contextmanager
def interrupts_put_aside() -> Iterator[None]:
    """Interrupts change nothing inside; for what follows an interrupt and takes a moment."""
    if threading.current_thread() is not threading.main_thread():
        # Only the main thread gets any.
        yield
        return
    before = signal.signal(signal.SIGINT, lambda number, frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
