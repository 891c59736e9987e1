"""The picture of a run: every stage a box, every dataset a step in it. Pure; called whenever a run's plans change.

Stages that compute the same datasets for the same purpose share a box: the jobs of a ``take``, an action called again,
a shuffle that a later job finds done. A dataset that several stages compute is one step in each of them: that is how
often it is computed. A large run is drawn by stages, then by chains of stages, then by jobs, then not at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from spark_kernel.notebook.card.amounts import count_text
from spark_kernel.notebook.card.collapse import box_per_job, close_boxes, join_chains
from spark_kernel.notebook.card.one_line import one_line_together
from spark_kernel.notebook.card.picture import Box, Detail, Link, Picture, Step, stages_title
from spark_kernel.notebook.card.run_json import EdgeJson, NodeJson, RunJson, StageJson
from spark_kernel.notebook.card.stage_texts import plain, shortened

MOST_STEPS = 300
"""Beyond this many steps the boxes are drawn closed."""
MOST_BOXES = 80
"""Beyond this many boxes chains of stages are drawn as one, or else each job as one."""
FEW_BOXES = 24
"""How many boxes chains are joined to, if possible: about as many as can be read at once."""


def make_picture(run: RunJson, detail: Detail | None = None) -> Picture | None:
    """The picture of ``run`` in as much ``detail`` as its size allows; None when that is nothing or too much."""
    if not run["stages"]:
        return None
    whole = _by_steps(run)
    wanted = detail or _affordable(whole)
    if wanted == "steps":
        return whole
    stages = close_boxes(whole, run)
    if wanted == "stages":
        return stages
    chains = join_chains(stages, FEW_BOXES)
    if wanted == "chains" and (detail or len(chains.boxes) <= MOST_BOXES):
        return chains
    jobs = box_per_job(stages, run)
    return jobs if detail or len(jobs.boxes) <= MOST_BOXES else None


def _affordable(whole: Picture) -> Detail:
    if len(whole.boxes) > MOST_BOXES:
        return "chains"
    steps = sum(len(box.steps) for box in whole.boxes) + len(whole.loose)
    return "steps" if steps <= MOST_STEPS else "stages"


def _by_steps(run: RunJson) -> Picture:
    nodes = {node["node_id"]: node for node in run["nodes"]}
    grouped = _same_work(run["stages"], run["edges"])
    box_of_stage = {stage["stage_id"]: index for index, group in enumerate(grouped) for stage in group}
    children: dict[int, list[EdgeJson]] = {}
    for edge in run["edges"]:
        children.setdefault(edge["child"], []).append(edge)
    drawn: set[int] = set()
    boxes = [_open_box(group, nodes, children, drawn) for group in grouped]
    place = _Places(boxes, nodes)
    links: dict[str, Link] = {}
    for index, group in enumerate(grouped):
        into = list(_links_into(index, group, children, box_of_stage, place))
        for link in _without_repeated(into, boxes[index]):
            links.setdefault(link.key, link)
    return Picture(tuple(boxes), tuple(place.loose.values()), tuple(links.values()), "steps")


def _same_work(stages: Sequence[StageJson], edges: Sequence[EdgeJson]) -> list[list[StageJson]]:
    """Stages by what they compute and, for a map stage, the shuffles that it writes."""
    readers: dict[int, set[int]] = {}
    for stage in stages:
        for parent in stage["parents"]:
            readers.setdefault(parent, set()).update(stage["node_ids"])
    shuffles: dict[int, list[EdgeJson]] = {}
    for edge in edges:
        if edge["kind"] == "shuffle":
            shuffles.setdefault(edge["parent"], []).append(edge)
    groups: dict[object, list[StageJson]] = {}
    for stage in stages:
        if not stage["node_ids"]:
            groups[stage["stage_id"]] = [stage]
            continue
        read_by = readers.get(stage["stage_id"], set())
        written = {edge["shuffle_id"] for edge in shuffles.get(stage["node_ids"][-1], ()) if edge["child"] in read_by}
        groups.setdefault((stage["kind"], tuple(stage["node_ids"]), frozenset(written)), []).append(stage)
    return list(groups.values())


def _open_box(
    group: Sequence[StageJson],
    nodes: Mapping[int, NodeJson],
    children: Mapping[int, Sequence[EdgeJson]],
    drawn: set[int],
) -> Box:
    first = group[0]
    members = [node_id for node_id in first["node_ids"] if node_id in nodes]
    read = _narrow_reads(members, children)
    groups = one_line_together([nodes[node_id] for node_id in members], read)
    steps = []
    for group_ids in groups:
        last = group_ids[-1]
        key = f"node{last}-stage{first['stage_id']}" if last in drawn else f"node{last}"
        steps.append(_step(key, group_ids, nodes[last]))
    drawn.update(members)
    operation = first["name"].split(" at ")[0]
    return Box(
        stage_id=first["stage_id"],
        stage_ids=tuple(stage["stage_id"] for stage in group),
        title=f"{stages_title([stage['stage_id'] for stage in group])} · {shortened(plain(operation), 24)}",
        summary=shortened(plain(first["name"]), 40),
        steps=tuple(steps),
        columns=tuple(tuple(chain) for chain in _chains(groups, read)),
        tasks=sum(stage["tasks"]["total"] for stage in group),
        is_shuffled=first["kind"] == "shuffle_map",
    )


def _narrow_reads(members: Sequence[int], children: Mapping[int, Sequence[EdgeJson]]) -> dict[int, set[int]]:
    """For each dataset those that it reads partition by partition, as far as both are among ``members``."""
    present = set(members)
    return {
        child: {edge["parent"] for edge in children.get(child, ()) if edge["kind"] == "narrow"} & present
        for child in members
    }


def _chains(groups: Sequence[Sequence[int]], read: Mapping[int, set[int]]) -> list[list[int]]:
    """Indexes of ``groups`` (parents first) in maximal chains of narrow dependencies."""
    position = {node_id: index for index, group in enumerate(groups) for node_id in group}
    reads = [
        {position[parent] for node_id in group for parent in read[node_id]} - {index}
        for index, group in enumerate(groups)
    ]
    readers = Counter(parent for parents in reads for parent in parents)
    chain_of: dict[int, list[int]] = {}
    for index, parents in enumerate(reads):
        parent = next(iter(parents)) if len(parents) == 1 else None
        chain = chain_of[parent] if parent is not None and readers[parent] == 1 and parent in chain_of else []
        chain.append(index)
        chain_of[index] = chain
    return list({id(chain): chain for chain in chain_of.values()}.values())


def _step(key: str, node_ids: Sequence[int], node: NodeJson) -> Step:
    """The step of the datasets ``node_ids``, whose last one is ``node``."""
    parts = [shortened(plain(node["name"]), 28)] if node["name"] else []
    parts.append(count_text(node["partitions"], "partition"))
    if len(node_ids) > 1:
        parts.append(count_text(len(node_ids), "step"))
    return Step(
        key=key,
        node_ids=tuple(node_ids),
        title=shortened(plain(node["operation"]), 26),
        detail=" · ".join(parts),
        place=plain(node["place"]),
        persisted_partitions=node["partitions"] if node["storage_level"] is not None else None,
    )


class _Places:
    """Where each dataset is drawn; a dataset that is drawn nowhere becomes a loose step when a link needs it."""

    def __init__(self, boxes: Sequence[Box], nodes: Mapping[int, NodeJson]) -> None:
        self._nodes = nodes
        self._steps: list[dict[int, str]] = [
            {node_id: step.key for step in box.steps for node_id in step.node_ids} for box in boxes
        ]
        self._first: dict[int, int] = {}
        for index, steps in enumerate(self._steps):
            for node_id in steps:
                self._first.setdefault(node_id, index)
        self.loose: dict[int, Step] = {}

    def inside(self, box: int, node_id: int) -> str | None:
        """The step of the dataset in that box."""
        return self._steps[box].get(node_id)

    def anywhere(self, node_id: int) -> tuple[str, int | None] | None:
        """The first step of the dataset, and its box; None when nothing is known of it."""
        if (box := self._first.get(node_id)) is not None:
            return self._steps[box][node_id], box
        if node_id not in self._nodes:
            return None
        step = self.loose.setdefault(node_id, _step(f"node{node_id}", [node_id], self._nodes[node_id]))
        return step.key, None


def _links_into(
    index: int,
    group: Sequence[StageJson],
    children: Mapping[int, Sequence[EdgeJson]],
    box_of_stage: Mapping[int, int],
    place: _Places,
) -> Iterable[Link]:
    parents = list(dict.fromkeys(box_of_stage[p] for stage in group for p in stage["parents"] if p in box_of_stage))
    for child in group[0]["node_ids"]:
        target = place.inside(index, child)
        if target is None:
            continue
        for edge in children.get(child, ()):
            source = _source(edge, index, parents, place)
            if source is None or source == (target, index):
                continue
            key = f"edge{edge['parent']}-{child}"
            if target != f"node{child}" or source[0] != f"node{edge['parent']}":
                key = f"{key}-{source[0]}-{target}"
            kind: Literal["narrow", "shuffle"] = "shuffle" if edge["kind"] == "shuffle" else "narrow"
            yield Link(key, source[0], target, kind, source[1], index)


def _without_repeated(into: Sequence[Link], box: Box) -> Sequence[Link]:
    """The links into ``box`` but those that would tell again where a persisted dataset comes from.

    An iteration reads the same dataset in each of its rounds: it is drawn in each, and its origin once. A box keeps its
    last arrow, which shows where in the picture it belongs.
    """
    repeated = {step.key for step in box.steps if step.is_again and step.persisted_partitions is not None}
    others = [link for link in into if link.kind == "narrow" or link.target not in repeated]
    return others if any(link.source_box != link.target_box for link in others) else into


def _source(edge: EdgeJson, index: int, parents: Sequence[int], place: _Places) -> tuple[str, int | None] | None:
    for box in parents if edge["kind"] == "shuffle" else [index]:
        if (key := place.inside(box, edge["parent"])) is not None:
            return key, box
    return place.anywhere(edge["parent"])
