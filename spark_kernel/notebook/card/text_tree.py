"""The run card as text: jobs, their stages with bars and amounts, and the steps in each stage.

Shown in terminals, by ``spark-kernel run``, in Markdown exports, and to those who listen rather than look. Pure: text
from `run_json.RunJson`. Every line fits the width; a run with very many stages is cut, which a line says.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise

from spark_kernel.notebook.card.amounts import count_text
from spark_kernel.notebook.card.picture import stages_title
from spark_kernel.notebook.card.run_json import JobJson, NodeJson, RunJson, StageJson
from spark_kernel.notebook.card.stage_texts import (
    MARKS,
    barrier_notes,
    elapsed_text,
    flow_text,
    flows,
    plain,
    run_headline,
    skew_note,
    skipped_text,
    step_name,
    task_notes,
    with_skipped_together,
)

_BAR_WIDTH = 16
_MOST_JOBS = 12
_MOST_STAGES_PER_JOB = 24


def text_tree(run: RunJson, *, width: int = 100, now: float | None = None) -> str:
    """The run as lines of at most ``width`` columns, without a newline at the end.

    ``now``, in seconds since the epoch, gives the elapsed time of what has not ended.
    """
    return "\n".join(_fitted(line.rstrip(), width) for line in _lines(run, now))


def progress_bar(stage: StageJson, width: int = _BAR_WIDTH) -> str:
    """Done, running and waiting partitions as full, half and light blocks; ``width`` columns."""
    tasks = stage["tasks"]
    total = tasks["total"]
    if not total:
        return "░" * width if stage["state"] in ("waiting", "planned", "skipped") else "█" * width
    done = tasks["succeeded"] * width // total
    under_way = -(-(tasks["succeeded"] + tasks["running"]) * width // total) - done if tasks["running"] else 0
    return "█" * done + "▒" * under_way + "░" * (width - done - under_way)


def _lines(run: RunJson, now: float | None) -> Iterator[str]:
    yield f"{MARKS[run['outcome']]} {' · '.join(run_headline(run, now))}"
    if run["message"]:
        yield f"  {plain(run['message'])}"
    stages = {stage["stage_id"]: stage for stage in run["stages"]}
    nodes = {node["node_id"]: node for node in run["nodes"]}
    arrows = {(edge["parent"], edge["child"]) for edge in run["edges"] if edge["kind"] == "narrow"}
    told: set[int] = set()
    groups: list[tuple[JobJson | None, list[int]]] = [(job, job["stages"]) for job in run["jobs"]]
    orphans = sorted(set(stages) - {stage_id for _, ids in groups for stage_id in ids})
    if orphans:
        # A plan without a job, or a log whose beginning is missing.
        groups.append((None, orphans))
    hidden_jobs = max(0, len(groups) - _MOST_JOBS)
    shown = groups[: len(groups) - hidden_jobs]
    for index, (job, stage_ids) in enumerate(shown):
        last = index == len(shown) - 1 and not hidden_jobs
        branch, rail = ("└─ ", "   ") if last else ("├─ ", "│  ")
        if job is None:
            branch, rail = ("", "") if len(groups) == 1 else (branch, rail)
        else:
            yield branch + _job_line(job, now)
        members = [stages[stage_id] for stage_id in stage_ids if stage_id in stages]
        yield from (rail + line for line in _stage_lines(members, told, nodes, arrows, now))
    if hidden_jobs:
        outcomes = [job["outcome"] for job, _ in groups[-hidden_jobs:] if job is not None]
        yield f"└─ … {count_text(hidden_jobs, 'more job')}: {_tally(outcomes)}"


def _job_line(job: JobJson, now: float | None) -> str:
    text = f"{MARKS[job['outcome']]} {plain(job['name'])} at {plain(job['place'])}"
    if job["outcome"] != "planned" and (time := elapsed_text(job, now)):
        text += f" · {time}"
    return text


def _stage_lines(
    members: Sequence[StageJson],
    told: set[int],
    nodes: dict[int, NodeJson],
    arrows: set[tuple[int, int]],
    now: float | None,
) -> Iterator[str]:
    rows = with_skipped_together(members)
    hidden = max(0, len(rows) - _MOST_STAGES_PER_JOB)
    # Of a long job the end matters most: that is where something runs or has failed.
    passed_over = [stage for row in rows[:hidden] for stage in row]
    shown = rows[hidden:]
    if passed_over:
        yield f"├─ … {count_text(len(passed_over), 'earlier stage')}: {_tally(stage['state'] for stage in passed_over)}"
    alone = [row[0] for row in shown if len(row) == 1]
    id_width = max((len(str(stage["stage_id"])) for stage in alone), default=1)
    task_width = max((len(_done(stage)) for stage in alone), default=1)
    for index, row in enumerate(shown):
        branch, rail = ("└─ ", "   ") if index == len(shown) - 1 else ("├─ ", "│  ")
        stage = row[0]
        if len(row) > 1:
            title = stages_title([each["stage_id"] for each in row])
            yield f"{branch}{MARKS['skipped']} {title}  {skipped_text(row)}"
            continue
        yield branch + _stage_line(stage, id_width, task_width, now)
        if stage["stage_id"] not in told and stage["state"] != "skipped":
            told.add(stage["stage_id"])
            yield from (f"{rail}  {line}" for line in _detail_lines(stage, nodes, arrows))


def _stage_line(stage: StageJson, id_width: int, task_width: int, now: float | None) -> str:
    head = f"{MARKS[stage['state']]} Stage {stage['stage_id']:<{id_width}} "
    if stage["state"] == "skipped":
        return f"{head} {skipped_text([stage])}"
    if stage["state"] == "planned":
        return f"{head} {', '.join([count_text(stage['tasks']['total'], 'task'), *barrier_notes(stage)])}"
    text = f"{head} {progress_bar(stage)} {_done(stage):>{task_width}} {elapsed_text(stage, now):>8}"
    notes = task_notes(stage)
    return f"{text}  {', '.join(notes)}" if notes else text


def _done(stage: StageJson) -> str:
    return f"{count_text(stage['tasks']['succeeded'])}/{count_text(stage['tasks']['total'])}"


def _detail_lines(stage: StageJson, nodes: dict[int, NodeJson], arrows: set[tuple[int, int]]) -> Iterator[str]:
    steps = _steps(stage, nodes, arrows)
    if stage["parents"]:
        steps = f"stage {', '.join(map(str, stage['parents']))} ⇒ {steps}"
    yield steps
    amounts = [f"{label} {flow_text(size, records)}" for label, size, records in flows(stage)]
    if note := skew_note(stage):
        amounts.append(note)
    if amounts:
        yield " · ".join(amounts)
    if stage["message"]:
        yield f"{MARKS['failed'] if stage['state'] == 'failed' else '!'} {plain(stage['message'])}"


def _steps(stage: StageJson, nodes: dict[int, NodeJson], arrows: set[tuple[int, int]]) -> str:
    members = [nodes[node_id] for node_id in stage["node_ids"] if node_id in nodes]
    if not members:
        return plain(stage["name"])
    names = [plain(step_name(node)) + _cached(node) for node in members]
    chain = all((before["node_id"], after["node_id"]) in arrows for before, after in pairwise(members))
    runs = ((name, sum(1 for _ in same)) for name, same in groupby(names))
    return (" → " if chain else ", ").join(name if times == 1 else f"{times} x {name}" for name, times in runs)


def _cached(node: NodeJson) -> str:
    if not node["cached_partitions"]:
        return ""
    return f" (cached {node['cached_partitions']}/{node['partitions']})"


def _tally(states: Iterable[str]) -> str:
    return ", ".join(f"{count} {MARKS[state]} {state}" for state, count in Counter(states).items())


def _columns(char: str) -> int:
    return 2 if unicodedata.east_asian_width(char) in "WF" else 0 if unicodedata.combining(char) else 1


def _fitted(line: str, width: int) -> str:
    if sum(map(_columns, line)) <= width:
        return line
    used, kept = 1, []  # One column for the ellipsis.
    for char in line:
        used += _columns(char)
        if used > width:
            break
        kept.append(char)
    return "".join(kept) + "…"
