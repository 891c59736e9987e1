"""Finished run cards as a notebook saves them, made from fabricated events by the kernel's own code.

`python -m tests.support.saved_cards` writes the example that the tests of extension/ use.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from spark_kernel.notebook.card.bundle import final_bundle, make_pictures
from spark_kernel.notebook.card.model import RunModel
from spark_kernel.notebook.card.run_json import MIME
from tests.support.run_events import RunEvents, join_with_skipped_stage

EXAMPLE = Path(__file__).resolve().parents[2] / "extension" / "test" / "example.json"
CELL = """%%spark
totals = orders.map(parse).reduceByKey(add)
totals.join(cities).filter(is_large).collect()"""


def saved_bundle(run: RunEvents) -> dict[str, Any]:
    """The mimebundle that the card of ``run`` leaves in its cell."""
    model = RunModel(run.run_id)
    for event in run.events:
        model.apply(event)
    snapshot = model.to_json()
    return final_bundle(snapshot, make_pictures(snapshot, seconds=30.0))


def example_card() -> dict[str, Any]:
    """The run of the example, as it is when it has been saved and read again."""
    card: dict[str, Any] = json.loads(json.dumps(saved_bundle(join_with_skipped_stage())[MIME]))
    return card


def notebook_with(*bundles: dict[str, Any], kernel: str = "absent") -> nbformat.NotebookNode:
    """A notebook with one executed cell for each bundle, written for a kernel that is not installed."""
    cells = [new_markdown_cell("# Orders per city")]
    for count, bundle in enumerate(bundles, 3):
        output = new_output("display_data", data=bundle)
        cells.append(new_code_cell(CELL, execution_count=count, outputs=[output]))
    kernelspec = {"name": kernel, "display_name": "Spark of another machine", "language": "python"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernelspec})


if __name__ == "__main__":
    EXAMPLE.write_text(json.dumps(example_card(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
