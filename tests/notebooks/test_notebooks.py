"""The lessons run from top to bottom in our kernel, and git holds them without outputs."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parent.parent.parent / "notebooks"
LESSONS = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))
CARD = "application/vnd.spark-kernel.run.v1+json"


def read(lesson: str) -> nbformat.NotebookNode:
    return nbformat.read(NOTEBOOKS / f"{lesson}.ipynb", as_version=4)


def execute(lesson: str, folder: Path) -> dict[str, nbformat.NotebookNode]:
    """The executed cells that have a name (``%%spark --name "..."``), by that name; the lesson's own asserts held."""
    notebook = read(lesson)
    client = NotebookClient(notebook, timeout=250, kernel_name="spark", resources={"metadata": {"path": str(folder)}})
    client.execute()
    return {
        cell.source.partition('--name "')[2].partition('"')[0]: cell
        for cell in notebook.cells
        if "--name" in cell.source
    }


def card(cell: nbformat.NotebookNode) -> dict:
    cards = [output["data"][CARD] for output in cell.outputs if CARD in output.get("data", {})]
    assert len(cards) == 1, [output.get("data", output).keys() for output in cell.outputs]
    return cards[0]


def states(cell: nbformat.NotebookNode) -> list[str]:
    return [stage["state"] for stage in card(cell)["stages"]]


def text(cell: nbformat.NotebookNode) -> str:
    return "\n".join(
        str(output.get("text") or output.get("traceback") or output.get("data")) for output in cell.outputs
    )


def test_the_lessons_are_there():
    assert LESSONS == [
        "01_first_run",
        "02_lineage_and_stages",
        "03_when_things_fail",
        "04_shuffles",
        "05_shared_variables_and_caching",
        "06_pagerank",
    ]


@pytest.mark.parametrize("lesson", LESSONS)
def test_lessons_are_stored_without_outputs(lesson):
    for cell in read(lesson).cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


@pytest.mark.cluster
def test_first_run(tmp_path):
    cells = execute("01_first_run", tmp_path)
    assert states(cells["Word count"]) == ["succeeded", "succeeded"]
    assert card(cells["Word count"])["outcome"] == "succeeded"


@pytest.mark.cluster
def test_lineage_and_stages(tmp_path):
    cells = execute("02_lineage_and_stages", tmp_path)
    assert card(cells["Orders by customer: the plan"])["outcome"] == "planned"
    assert set(states(cells["Orders by customer: the plan"])) == {"planned"}
    assert "skipped" in states(cells["Again, from the shuffle on"])
    assert "skipped" in states(cells["Read the cache"])


@pytest.mark.cluster
def test_when_things_fail(tmp_path):
    cells = execute("03_when_things_fail", tmp_path)
    failed = text(cells["A bad record"])
    assert "invalid literal for int()" in failed
    assert "n/a" in failed
    assert "spark_kernel" not in failed
    assert card(cells["A bad record"])["outcome"] == "failed"
    assert card(cells["A killed worker"])["outcome"] == "succeeded"
    assert card(cells["Cancelled"])["outcome"] == "cancelled"


@pytest.mark.cluster
def test_shuffles(tmp_path):
    cells = execute("04_shuffles", tmp_path)
    assert states(cells["Two joins, two shuffles"]) == ["planned"] * 3
    assert states(cells["Partitioned alike"]) == ["succeeded"] * 4
    assert states(cells["Now without any shuffle"]) == ["skipped"] * 3 + ["succeeded"]
    moved = [
        sum(stage["metrics"].get("shuffle_bytes_written", 0) for stage in card(cells[name])["stages"])
        for name in ("Group, then add", "Add while shuffling")
    ]
    assert moved[0] > 10 * moved[1]


@pytest.mark.cluster
def test_shared_variables_and_caching(tmp_path):
    cells = execute("05_shared_variables_and_caching", tmp_path)
    assert "Broadcast" in text(cells["Destroyed"])
    assert len(card(cells["Fifty rounds, five checkpoints"])["jobs"]) == 11


@pytest.mark.cluster
def test_pagerank(tmp_path):
    cells = execute("06_pagerank", tmp_path)
    assert states(cells["PageRank"]) == ["skipped"] + ["succeeded"] * 21
