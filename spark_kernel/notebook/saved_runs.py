"""`spark-kernel card`: the run cards of an event log, long after its application has ended."""

from __future__ import annotations

import html
from pathlib import Path

from spark_kernel.common.errors import EventLogError, StorageError
from spark_kernel.common.event_json import from_json
from spark_kernel.notebook.card.bundle import final_bundle, make_pictures
from spark_kernel.notebook.card.model import RunModel, read_runs
from spark_kernel.notebook.card.text_tree import text_tree
from spark_kernel.storage.documents import read_json_lines
from spark_kernel.storage.options import StorageOptions


def runs_of_log(url: str) -> list[RunModel]:
    """The runs of the event log at ``url`` that had jobs, in order.

    Raises PathNotFoundError, StorageError, and EventLogError when it is no event log.
    """
    runs = read_runs(from_json(record) for record in read_json_lines(url, StorageOptions()))
    with_jobs = [run for run in runs if run.has_jobs]
    if not with_jobs:
        raise EventLogError(f"{url} holds no job. Name the folder that `spark.eventLog.dir` has for one application.")
    return with_jobs


def as_text(runs: list[RunModel]) -> str:
    """The runs as trees."""
    return "\n\n".join(text_tree(run.to_json()) for run in runs)


def write_page(runs: list[RunModel], file: Path) -> None:
    """Write the runs as one HTML page that needs nothing else.

    Raises StorageError when it can't be written.
    """
    cards = []
    for run in runs:
        saved = run.to_json()
        cards.append(str(final_bundle(saved, make_pictures(saved))["text/html"]))
    title = html.escape(f"Runs of {runs[0].run_id or 'an application'}".partition("/run-")[0])
    page = (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>\n'
        '<body style="font-family:sans-serif;max-width:1200px;margin:auto">\n'
        + "\n<hr>\n".join(cards)
        + "\n</body></html>\n"
    )
    try:
        file.write_text(page, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{file} can't be written: {error.strerror}. Name another file with --html.") from None
