"""Run cards in a real IPython kernel: which messages a front end sees, and that Cancel is heard while a cell runs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from spark_kernel.notebook.card.run_json import MIME

REPOSITORY = Path(__file__).parent.parent.parent
WIDGET = "application/vnd.jupyter.widget-view+json"
SAVED = {MIME, "text/html", "image/png", "text/plain"}

SETUP = """
import threading
from spark_kernel.notebook.card.live import RunCard
from tests.support.run_events import running_word_count, word_count

def play(run, pause, on_cancel=lambda: None):
    card = RunCard(run.run_id, "cell", 1, on_cancel)
    card.show()
    def announce():
        for event in run.events[:-1]:
            card.listen(event)
            threading.Event().wait(pause)
    # As in the engine, events come from a thread of their own.
    thread = threading.Thread(target=announce)
    thread.start()
    thread.join()
    return card
"""


class FrontEnd:
    """Executes cells as JupyterLab does: with a cell id, and with comm messages on a subshell."""

    def __init__(self, client: BlockingKernelClient) -> None:
        self.client = client

    def send(self, code: str, metadata: dict[str, Any]) -> str:
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
        message = self.client.session.msg("execute_request", content, metadata=metadata)
        self.client.shell_channel.send(message)
        request: str = message["header"]["msg_id"]
        return request

    def messages(self, request: str, seconds: float = 60.0) -> Iterator[dict[str, Any]]:
        """What is published until the request is done, and half a second longer: nothing may be late."""
        deadline = time.monotonic() + seconds
        while True:
            message = self.client.get_iopub_msg(timeout=max(0.0, deadline - time.monotonic()))
            yield message
            is_mine = message["parent_header"].get("msg_id") == request
            if is_mine and message["content"].get("execution_state") == "idle":
                return

    def run(self, code: str, cell_id: str | None = None) -> list[dict[str, Any]]:
        request = self.send(code, {"cellId": cell_id} if cell_id else {})
        found = list(self.messages(request))
        errors = [message["content"]["traceback"] for message in found if message["msg_type"] == "error"]
        assert errors == []
        assert {message["parent_header"].get("msg_id") for message in found} == {request}
        return found

    def new_subshell(self) -> str:
        message = self.client.session.msg("create_subshell_request")
        self.client.control_channel.send(message)
        answer = self.client.control_channel.get_msg(timeout=30)
        subshell: str = answer["content"]["subshell_id"]
        return subshell

    def click(self, comm_id: str, subshell: str) -> None:
        content = {"comm_id": comm_id, "data": {"method": "custom", "content": {"event": "click"}}}
        message = self.client.session.msg("comm_msg", content)
        message["header"]["subshell_id"] = subshell
        self.client.shell_channel.send(message)


@pytest.fixture(scope="module")
def front_end() -> Iterator[FrontEnd]:
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(REPOSITORY))
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        made = FrontEnd(client)
        made.run(SETUP)
        yield made
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def bundles(messages: list[dict[str, Any]]) -> list[set[str]]:
    """The mime types of each state of the one card that may be among ``messages``."""
    shown = [message for message in messages if message["msg_type"] in ("display_data", "update_display_data")]
    assert [message["msg_type"] for message in shown[1:]] == ["update_display_data"] * (len(shown) - 1)
    assert len({message["content"]["transient"]["display_id"] for message in shown}) == 1
    return [set(message["content"]["data"]) for message in shown]


def test_a_short_run_needs_two_messages(front_end: FrontEnd) -> None:
    messages = front_end.run("play(word_count(), 0).finish('succeeded', patience=30)", "cell-1")
    assert bundles(messages) == [{"text/html", "text/plain"}, SAVED]
    assert not [message for message in messages if message["msg_type"].startswith("comm_")]


LONG = "card = play(word_count(), 0.05); card.finish('succeeded', patience=30); card.settle(30)"


def comms(messages: list[dict[str, Any]], kind: str) -> set[str]:
    return {message["content"]["comm_id"] for message in messages if message["msg_type"] == kind}


def test_a_long_run_is_a_widget_until_its_end(front_end: FrontEnd) -> None:
    messages = front_end.run(LONG, "cell-1")
    states = bundles(messages)
    assert states[0] == {"text/html", "text/plain"}
    assert states[1] == {WIDGET, "text/plain"}
    assert states[-1] == SAVED
    kinds = [message["msg_type"] for message in messages]
    resting = next(
        i
        for i, message in enumerate(messages)
        if message["msg_type"] == "comm_msg" and "<details" in str(message["content"]["data"])
    )
    assert resting > max(i for i, kind in enumerate(kinds) if kind == "update_display_data")


def test_widgets_of_the_latest_runs_rest_and_older_ones_vanish(front_end: FrontEnd) -> None:
    opened = comms(front_end.run(LONG, "cell-1"), "comm_open")
    assert opened
    closed: set[str] = set()
    for _ in range(3):
        closed |= comms(front_end.run(LONG, "cell-1"), "comm_close")
    assert not opened & closed
    assert opened <= comms(front_end.run(LONG, "cell-1"), "comm_close")


def test_at_most_four_updates_a_second_reach_the_front_end(front_end: FrontEnd) -> None:
    begun = time.monotonic()
    messages = front_end.run(LONG, "cell-1")
    seconds = time.monotonic() - begun
    values = [
        message
        for message in messages
        if message["msg_type"] == "comm_msg" and "sk-state" in str(message["content"]["data"])[:200]
    ]
    assert 1 <= len(values) <= 4 * seconds + 1


def test_cancel_is_heard_while_the_cell_runs(front_end: FrontEnd) -> None:
    subshell = front_end.new_subshell()
    code = """
heard = threading.Event()
card = play(running_word_count(), 0, heard.set)
print("cancelled" if heard.wait(40) else "not heard")
card.finish("cancelled", patience=30)
card.settle(30)
"""
    request, button, text = front_end.send(code, {"cellId": "cell-1"}), "", ""
    for message in front_end.messages(request, seconds=90):
        content = message["content"]
        if message["msg_type"] == "comm_open" and content["data"]["state"].get("_model_name") == "ButtonModel":
            button = content["comm_id"]
        if message["msg_type"] == "update_display_data" and WIDGET in content["data"]:
            front_end.click(button, subshell)
        if message["msg_type"] == "stream":
            text += content["text"]
    assert text == "cancelled\n"


def test_a_front_end_without_cells_gets_no_widget(front_end: FrontEnd) -> None:
    messages = front_end.run(LONG)
    assert all(WIDGET not in state for state in bundles(messages))
    assert bundles(messages)[-1] == SAVED


def test_a_notebook_executed_without_a_front_end_keeps_the_card_and_no_widget_state() -> None:
    cells = [SETUP, LONG]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(
        notebook, kernel_name="python3", timeout=90, resources={"metadata": {"path": str(REPOSITORY)}}
    ).execute()
    (output,) = notebook.cells[1].outputs
    assert set(output["data"]) == SAVED
    assert "widgets" not in notebook.metadata
