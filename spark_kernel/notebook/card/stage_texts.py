"""What the card says about stages, jobs and runs, in words. Shared by the text tree, the table and the picture."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from itertools import groupby

from spark_kernel.notebook.card.amounts import bytes_text, count_text, seconds_text
from spark_kernel.notebook.card.run_json import JobJson, NodeJson, RunJson, StageJson

MARKS: Mapping[str, str] = {
    "waiting": "○",
    "running": "▶",
    "succeeded": "✓",
    "failed": "✗",
    "cancelled": "⊘",
    "skipped": "⤼",
    "planned": "◇",
}
"""One sign for each state of a stage and outcome of a job, so that no picture tells them apart by colour alone."""

# Metrics in the order in which data passes: (label, bytes from these fields, records from this field).
_FLOWS: tuple[tuple[str, tuple[str, ...], str | None], ...] = (
    ("read", ("bytes_read",), "records_read"),
    ("shuffle read", ("shuffle_local_bytes_read", "shuffle_remote_bytes_read"), "shuffle_records_read"),
    ("shuffle write", ("shuffle_bytes_written",), "shuffle_records_written"),
    ("wrote", ("bytes_written",), "records_written"),
    ("result", ("result_bytes",), None),
    ("spilled", ("spilled_bytes",), None),
)

FLOW_LABELS = tuple(label for label, _, _ in _FLOWS)


def plain(text: str) -> str:
    r"""``text`` on one line and without characters that would act on a terminal.

    >>> plain("a\nb\x1b[31mc")
    'a b?[31mc'
    """
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else " " if char.isspace() else "" if unicodedata.combining(char) else "?"
        for char in text
    )


def shortened(text: str, width: int) -> str:
    """``text`` cut to ``width`` characters, with an ellipsis where something was cut.

    >>> shortened("reduceByKey", 8), shortened("map", 8)
    ('reduceB…', 'map')
    """
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"


def step_name(node: NodeJson) -> str:
    """A dataset by its variable, if it has one, and the operation that made it."""
    return f"{node['name']}: {node['operation']}" if node["name"] else node["operation"]


def flows(stage: StageJson) -> list[tuple[str, float, float]]:
    """What went in and out of a stage: (label, bytes, records), only what is not zero."""
    metrics = stage["metrics"]
    found = []
    for label, sizes, rows in _FLOWS:
        size = sum(metrics.get(field, 0) for field in sizes)
        records = metrics.get(rows, 0) if rows else 0
        if size or records:
            found.append((label, size, records))
    return found


def flow_text(size: float, records: float) -> str:
    """Bytes and rows of one flow.

    >>> flow_text(2_480_000, 60_000), flow_text(0, 1)
    ('2.5 MB, 60,000 rows', '1 row')
    """
    parts = [bytes_text(size)] if size else []
    if records:
        parts.append(count_text(records, "row"))
    return ", ".join(parts)


def elapsed(part: StageJson | JobJson | RunJson, now: float | None = None) -> float | None:
    """Seconds from the start to the end, or to ``now`` while there is no end; None when unknown."""
    end = part["ended"] if part["ended"] is not None else now
    if part["started"] is None or end is None:
        return None
    return max(0.0, end - part["started"])


def elapsed_text(part: StageJson | JobJson | RunJson, now: float | None = None) -> str:
    """The same in words, empty when unknown."""
    seconds = elapsed(part, now)
    return "" if seconds is None else seconds_text(seconds)


def task_notes(stage: StageJson) -> list[str]:
    """What is remarkable about the tasks of a stage: running, failed and repeated ones, and that they run together."""
    tasks = stage["tasks"]
    notes = [f"{count_text(tasks[key])} {key}" for key in ("running", "failed", "retried") if tasks[key]]
    return [*barrier_notes(stage), *notes]


def barrier_notes(stage: StageJson) -> list[str]:
    """That the tasks of a stage run together, and how often that was begun anew."""
    if not stage["barrier"]:
        return []
    return ["barrier", f"attempt {stage['attempt'] + 1}"] if stage["attempt"] else ["barrier"]


def with_skipped_together(stages: Sequence[StageJson]) -> list[list[StageJson]]:
    """Each stage by itself, but skipped ones that follow each other together; a long lineage has very many of them."""
    groups: list[list[StageJson]] = []
    for skipped, together in groupby(stages, lambda stage: stage["state"] == "skipped"):
        alike = list(together)
        groups.extend([alike] if skipped else ([stage] for stage in alike))
    return groups


def skipped_text(stages: Sequence[StageJson]) -> str:
    """Why these stages did not run."""
    return f"skipped: {'its output is' if len(stages) == 1 else 'their outputs are'} already there"


def run_headline(run: RunJson, now: float | None = None) -> list[str]:
    """The run in a few short parts: title, place, jobs and stages, elapsed time."""
    parts = [plain(run["title"]) or "run"]
    if run["cell"] is not None and f"[{run['cell']}]" not in run["title"]:
        parts.append(f"cell [{run['cell']}]")
    if run["jobs"]:
        parts.append(count_text(len(run["jobs"]), "job"))
    if run["stages"]:
        parts.append(count_text(len(run["stages"]), "stage"))
    tasks = [stage["tasks"] for stage in run["stages"] if stage["state"] not in ("skipped", "planned")]
    if run["outcome"] == "running" and tasks:
        done, total = sum(task["succeeded"] for task in tasks), sum(task["total"] for task in tasks)
        parts.append(f"{done:,}/{count_text(total, 'task')}")
    if run["outcome"] in ("failed", "cancelled", "planned"):
        parts.append(run["outcome"])
    if run["outcome"] != "planned" and (time := elapsed_text(run, now)):
        parts.append(time)
    return parts


def skew_note(stage: StageJson) -> str:
    """A sentence when one task took much longer than the others, else empty.

    The limit is Spark's own idea of a straggler: 1.5 times the median; short stages are not worth a remark.
    """
    seconds, tasks = stage["task_seconds"], stage["tasks"]
    if seconds is None or tasks["total"] < 4 or seconds["max"] < 1.0 or seconds["max"] < 3 * seconds["median"]:
        return ""
    return f"slowest task {seconds_text(seconds['max'])}, median {seconds_text(seconds['median'])}"
