"""What a cell that fails shows: the user's line, and nothing of ours (design D12)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from spark_kernel.common.errors import JobFailedError, PathNotFoundError
from spark_kernel.notebook import error_display
from tests.support.notebooks import Notebook, notebook


@pytest.fixture
def cells(monkeypatch: pytest.MonkeyPatch) -> Iterator[Notebook]:
    # The fake engine stands for this package.
    monkeypatch.setattr(error_display, "_OUR_MODULES", ("spark_kernel", "tests"))
    with notebook() as opened:
        yield opened


FAILING = """%%spark
numbers = sc.parallelize([1, 0])
inverse = numbers.map(
    lambda x: 1 / x)
inverse.collect()
"""


def test_a_failed_task_shows_the_users_line_partition_attempt_and_record(cells: Notebook) -> None:
    output = cells.run(FAILING)
    assert isinstance(output.error, JobFailedError)
    assert output.text.splitlines() == [
        "ZeroDivisionError: division by zero",
        "  in map at cell [1], line 3",
        "         3  inverse = numbers.map(",
        "  partition 1, attempt 4, stage 0, on executor 0",
        "  record: 0",
        "",
        "Traceback (most recent call last):",
        "  Cell [1], line 4, in <lambda>",
        "    lambda x: 1 / x)",
        "",
        "The job was started",
        "  at cell [1], line 5",
        "         5  inverse.collect()",
        "Every frame: %spark last --traceback",
    ]


def test_a_failed_task_of_a_plain_cell_shows_the_same(cells: Notebook) -> None:
    output = cells.run("numbers = sc.parallelize([1, 0])\nnumbers.map(lambda x: 1 / x).collect()")
    assert "in map at cell [1], line 2" in output.text
    assert "Cell [1], line 2, in <lambda>" in output.text
    assert "fake_context" not in output.text


def test_every_frame_is_kept_for_those_who_ask(cells: Notebook) -> None:
    cells.run(FAILING)
    output = cells.run("%spark last --traceback")
    assert "fake_context.py" in output.text
    assert "core/execution/task.py" in output.text


def test_the_setting_shows_every_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(error_display, "_OUR_MODULES", ("spark_kernel", "tests"))
    with notebook(settings={"spark.kernel.fullTraceback": "true"}) as cells:
        output = cells.run(FAILING)
    assert "fake_context.py" in output.text
    assert "core/execution/task.py" in output.text


def test_a_long_record_is_cut(cells: Notebook) -> None:
    output = cells.run("%%spark\nsc.parallelize(['x' * 5000]).map(int).collect()")
    (record,) = [line for line in output.text.splitlines() if "record:" in line]
    assert len(record) < 400
    assert record.endswith("…")


def test_a_wrong_path_shows_the_line_and_what_to_do(cells: Notebook) -> None:
    output = cells.run("%%spark\ndef load(path):\n    return sc.textFile(path)\nlines = load('/nowhere')")
    assert isinstance(output.error, PathNotFoundError)
    assert output.text.splitlines() == [
        "PathNotFoundError: Nothing is at /nowhere. Check the path.",
        "  at cell [1], line 4",
        "         4  lines = load('/nowhere')",
        "  at cell [1], line 3, in load",
        "         3  return sc.textFile(path)",
    ]


def test_a_wrong_path_in_a_plain_cell_shows_the_same(cells: Notebook) -> None:
    output = cells.run("lines = sc.textFile('/nowhere')")
    assert output.text.splitlines()[1:] == ["  at cell [1], line 1", "         1  lines = sc.textFile('/nowhere')"]


@pytest.mark.parametrize("magic", ["%%spark\n", ""])
def test_the_users_own_error_keeps_ipythons_traceback_without_frames_of_ours(cells: Notebook, magic: str) -> None:
    output = cells.run(f"{magic}def inner():\n    return {{}}['key']\ninner()")
    assert isinstance(output.error, KeyError)
    first = 3 if magic else 2
    assert f"Cell In[1], line {first + 1}" in output.text
    assert f"Cell In[1], line {first}, in inner()" in output.text
    assert "spark_kernel" not in output.text
    assert "run_cell_magic" not in output.text
    assert "skipping hidden" not in output.text


def test_an_error_in_a_callback_keeps_the_callbacks_frame(cells: Notebook) -> None:
    output = cells.run("%%spark\ndef picky(rows):\n    raise ValueError('no')\nsc.events.listen(print)\npicky(1)")
    assert "line 3, in picky(rows)" in output.text


def test_a_chain_of_errors_is_cut_as_well(cells: Notebook) -> None:
    output = cells.run(
        "%%spark\ntry:\n    sc.textFile('/nowhere')\nexcept Exception as e:\n    raise ValueError('no input') from e"
    )
    assert isinstance(output.error, ValueError)
    assert "Nothing is at /nowhere" in output.text
    assert "fake_context" not in output.text


def test_the_error_itself_keeps_its_frames(cells: Notebook) -> None:
    output = cells.run("%%spark\nint('x')")
    assert output.error is not None
    files = []
    frames = output.error.__traceback__
    while frames is not None:
        files.append(frames.tb_frame.f_code.co_filename)
        frames = frames.tb_next
    assert any("cell_execution" in file for file in files)


def test_a_system_exit_is_left_to_ipython(cells: Notebook) -> None:
    with pytest.warns(UserWarning, match="To exit"):
        output = cells.run("%%spark\nraise SystemExit(3)")
    assert isinstance(output.error, SystemExit)


def test_another_extensions_exception_handler_stays() -> None:
    with notebook() as first:
        shell = first.shell
        first.extension.detach()
        shell.set_custom_exc((ValueError,), lambda shell, kind, error, frames, tb_offset=None: None)
        first.extension.attach()
        assert shell.custom_exceptions == (ValueError,)
