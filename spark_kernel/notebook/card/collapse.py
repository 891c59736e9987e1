"""Coarser pictures of large runs: closed boxes, chains of stages as one box, jobs as one box. Called by `compose`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from spark_kernel.notebook.card.amounts import count_text
from spark_kernel.notebook.card.picture import Box, Detail, Link, Picture, stages_title
from spark_kernel.notebook.card.run_json import RunJson


def close_boxes(whole: Picture, run: RunJson) -> Picture:
    """Boxes without their steps."""
    boxes = tuple(replace(box, steps=(), columns=(), summary=_summary(box)) for box in whole.boxes)
    return Picture(
        boxes,
        (),
        _between_boxes(whole.links, boxes, {index: index for index in range(len(boxes))}),
        "stages",
        f"The picture shows the {count_text(len(boxes), 'stage')} only: "
        f"the {count_text(len(run['nodes']), 'dataset')} in them are too many to draw.",
    )


def _summary(box: Box) -> str:
    if not box.steps:
        return box.summary
    first, last = box.steps[0].title, box.steps[-1].title
    if len(box.steps) == 1:
        return first
    return f"{first} → {last}" if len(box.steps) == 2 else f"{first} → … → {last}"


def _between_boxes(links: Iterable[Link], boxes: Sequence[Box], moved: Mapping[int, int]) -> tuple[Link, ...]:
    """One link for each pair of linked boxes; ``moved`` maps the links' box indexes to those of ``boxes``."""
    found: dict[tuple[int, int], Link] = {}
    for link in links:
        if link.source_box is None or link.target_box is None:
            continue
        source, target = moved[link.source_box], moved[link.target_box]
        if source != target and (source, target) not in found:
            found[source, target] = replace(
                link, source=boxes[source].key, target=boxes[target].key, source_box=source, target_box=target
            )
    return tuple(found.values())


def join_chains(stages: Picture, most_boxes: int) -> Picture:
    """Stages that follow each other without branching become one box, no more of them than needed."""
    joined = stages
    for length in (2, 5, 10, 20, 50, 100, len(stages.boxes)):
        joined = _merged(stages, _chain_heads(stages, length), "chains", "Stages that follow each other share a box")
        if len(joined.boxes) <= most_boxes:
            break
    return joined


def _chain_heads(stages: Picture, length: int) -> dict[int, int]:
    """For each box the first box of its chain, where a chain has at most ``length`` boxes."""
    after: dict[int, set[int]] = {index: set() for index in range(len(stages.boxes))}
    before: dict[int, set[int]] = {index: set() for index in range(len(stages.boxes))}
    for link in stages.links:
        if link.source_box is not None and link.target_box is not None:
            after[link.source_box].add(link.target_box)
            before[link.target_box].add(link.source_box)
    head: dict[int, int] = {}
    sizes: Counter[int] = Counter()
    for index in range(len(stages.boxes)):
        head[index] = index
        if len(before[index]) == 1:
            (only,) = before[index]
            if len(after[only]) == 1 and sizes[head.get(only, index)] < length:
                head[index] = head.get(only, index)
        sizes[head[index]] += 1
    return head


def box_per_job(stages: Picture, run: RunJson) -> Picture:
    """Each job is one box; a stage that several jobs use belongs to the first."""
    job_of: dict[int, int] = {}
    for number, job in enumerate(run["jobs"]):
        for stage_id in job["stages"]:
            job_of.setdefault(stage_id, number)
    head: dict[int, int] = {}
    first: dict[int, int] = {}
    for index, box in enumerate(stages.boxes):
        head[index] = first.setdefault(job_of.get(box.stage_id, -1), index)
    return _merged(stages, head, "jobs", "Each job is drawn as one box")


def _merged(stages: Picture, head: Mapping[int, int], detail: Detail, how: str) -> Picture:
    members: dict[int, list[Box]] = {}
    for index, box in enumerate(stages.boxes):
        members.setdefault(head[index], []).append(box)
    order = {index: number for number, index in enumerate(members)}
    boxes = []
    for group in members.values():
        stage_ids = tuple(stage_id for box in group for stage_id in box.stage_ids)
        summary = group[0].summary if len(group) == 1 else count_text(len(group), "stage")
        title = group[0].title if len(group) == 1 else stages_title(stage_ids)
        boxes.append(
            replace(group[0], stage_ids=stage_ids, title=title, summary=summary, tasks=sum(box.tasks for box in group))
        )
    moved = {index: order[head[index]] for index in range(len(stages.boxes))}
    left_out = f"{how}: the {count_text(len(stages.boxes), 'stage')} are too many to draw one by one."
    return Picture(tuple(boxes), (), _between_boxes(stages.links, boxes, moved), detail, left_out)
