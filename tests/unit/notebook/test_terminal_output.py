"""How a notebook's outputs look in a terminal, and in a log."""

from __future__ import annotations

import io
from typing import Any

from spark_kernel.notebook.terminal_output import HEARTBEAT_SECONDS, TerminalOutput


class Terminal(io.StringIO):
    """A stream that can be redrawn."""

    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def display(text: str, display_id: str | None = None) -> dict[str, Any]:
    return {"data": {"text/plain": text}, "transient": {"display_id": display_id} if display_id else {}}


def error(*lines: str) -> dict[str, Any]:
    return {"traceback": list(lines)}


def test_streams_and_results_are_printed_as_they_come() -> None:
    stream = io.StringIO()
    output = TerminalOutput(stream)
    output.begin_cell(1, 2, "print('a')\n1 + 1")
    output.message("stream", {"name": "stdout", "text": "a"})
    output.message("stream", {"name": "stdout", "text": "b\n"})
    output.message("execute_result", display("2"))
    output.end_cell()
    assert stream.getvalue().splitlines() == ["[1/2] print('a') …", "ab", "2"]


def test_a_line_that_was_not_ended_is_ended() -> None:
    stream = io.StringIO()
    output = TerminalOutput(stream)
    output.message("stream", {"name": "stdout", "text": "no newline"})
    output.message("execute_result", display("2"))
    output.message("stream", {"name": "stdout", "text": "again"})
    output.end_cell()
    assert stream.getvalue() == "no newline\n2\nagain\n"


def test_what_can_change_is_printed_once_in_its_last_state() -> None:
    stream = io.StringIO()
    output = TerminalOutput(stream)
    for kind, text in (("display_data", "0 %"), ("update_display_data", "50 %"), ("update_display_data", "100 %")):
        output.message(kind, display(text, "card"))
    output.message("stream", {"name": "stdout", "text": "printed\n"})
    output.end_cell()
    assert stream.getvalue().splitlines() == ["printed", "100 %"]


def test_a_terminal_shows_progress_in_place() -> None:
    stream = Terminal()
    output = TerminalOutput(stream)
    output.message("display_data", display("job\nstage 1/8", "card"))
    output.message("update_display_data", display("job\nstage 2/8", "card"))
    assert stream.getvalue() == "job\nstage 1/8\n\x1b[2F\x1b[Jjob\nstage 2/8\n"
    output.end_cell()
    assert stream.getvalue().endswith("\x1b[2F\x1b[Jjob\nstage 2/8\n")


def test_progress_that_is_larger_than_the_terminal_is_cut() -> None:
    stream = Terminal()
    output = TerminalOutput(stream, columns=10, rows=4)
    output.message("display_data", display("\n".join(["x" * 50] * 10), "card"))
    assert stream.getvalue() == ("x" * 10 + "\n") * 3


def test_a_log_hears_of_progress_now_and_then() -> None:
    stream, clock = io.StringIO(), Clock()
    output = TerminalOutput(stream, clock=clock)
    for second in range(25):
        clock.now = float(second)
        output.message("update_display_data", display(f"at {second}\nmore", "card"))
    assert stream.getvalue().splitlines() == [f"at {HEARTBEAT_SECONDS:.0f}", f"at {2 * HEARTBEAT_SECONDS:.0f}"]


def test_an_error_comes_after_what_the_cell_displayed() -> None:
    stream = io.StringIO()
    output = TerminalOutput(stream)
    output.message("display_data", display("tree", "card"))
    output.message("error", error("\x1b[31mValueError\x1b[0m: no", "  at cell [1]"))
    output.end_cell()
    assert stream.getvalue().splitlines() == ["tree", "ValueError: no", "  at cell [1]"]


def test_a_terminal_keeps_colours() -> None:
    stream = Terminal()
    TerminalOutput(stream).message("error", error("\x1b[31mValueError\x1b[0m"))
    assert "\x1b[31m" in stream.getvalue()


def test_what_has_no_text_is_named() -> None:
    stream = io.StringIO()
    TerminalOutput(stream).message("display_data", {"data": {"image/png": "..."}})
    assert "image/png" in stream.getvalue()
