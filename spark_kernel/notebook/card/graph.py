"""The picture in Graphviz's language: the door to the ``graphviz`` package. Called by `layout` alone.

Stages are clusters, from left to right. A chain of steps is one node of the graph, a table with a port for each step,
so that its steps stand below each other whatever else there is; links end at the ports. All sizes are fixed here (see
`measures`): Graphviz decides places only. Names are positions in the picture (``box0``, ``step3``, ``link2``), not ids
of the run, so that the same plan has the same graph each time its cell runs.
"""

from __future__ import annotations

import hashlib
import html
from collections.abc import Iterable, Sequence

import graphviz

from spark_kernel.notebook.card.measures import (
    CLOSED_HEIGHT,
    DETAIL_SIZE,
    FONT,
    HEADER_HEIGHT,
    STEP_GAP,
    STEP_HEIGHT,
    TITLE_SIZE,
    closed_width,
    column_size,
    header_width,
)
from spark_kernel.notebook.card.picture import Box, Link, Picture, Step

_INCH = 72.0
# Spares dot the long search for few crossings and smooth curves: a tangled graph of 480 edges takes 1.3 s, not 72 s.
_HURRIED = {"nslimit": "1", "nslimit1": "1", "mclimit": "0.1", "splines": "line", "maxiter": "50"}
_BARE_TABLE = 'BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0"'


def graph_hash(picture: Picture) -> str:
    """The same for pictures that get the same layout: equal sizes and links, whatever the texts say."""
    steps = picture.steps
    columns = [
        [(column, column_size([steps[index] for index in column], box)) for column in columns]
        for box, columns in zip((*picture.boxes, None), picture.columns(), strict=True)
    ]
    boxes = [header_width(box) if box.steps else closed_width(box) for box in picture.boxes]
    return hashlib.sha256(repr((columns, boxes, _ends(picture))).encode()).hexdigest()


def to_dot(picture: Picture, *, hurried: bool = False) -> str:
    """DOT source of the picture; ``hurried`` asks Graphviz for a plainer layout that takes much less time."""
    dot = graphviz.Digraph("run", node_attr={"shape": "plain", "fontname": FONT, "fontsize": str(DETAIL_SIZE)})
    dot.attr("graph", rankdir="LR", nodesep="0.3", ranksep="0.9", fontname=FONT, margin="0", pad="0")
    if hurried:
        dot.attr("graph", **_HURRIED)
    steps, columns = picture.steps, picture.columns()
    for index, box in enumerate(picture.boxes):
        if box.steps:
            _add_cluster(dot, index, box, columns[index], steps)
        else:
            _add_closed_box(dot, index, box)
    for column in columns[-1]:
        _add_column(dot, column, steps, None)
    levels = _levels(picture)
    column_of = {step: column[0] for group in columns for column in group for step in column}
    for index, ((source, target), link) in enumerate(zip(_ends(picture), picture.links, strict=True)):
        if picture.steps:
            columns_of_link = (column_of[source], column_of[target])
            _add_step_link(dot, f"link{index}", (source, target), columns_of_link, link, _is_far(link, levels))
        else:
            dot.edge(f"box{source}", f"box{target}", id=f"link{index}", **_style(link))
    return str(dot.source)


def _ends(picture: Picture) -> list[tuple[int, int]]:
    """Where each link starts and ends: indexes of steps, or of boxes when they are closed."""
    steps = {step.key: index for index, step in enumerate(picture.steps)}
    boxes = {box.key: index for index, box in enumerate(picture.boxes)}
    places = steps if steps else boxes
    return [(places[link.source], places[link.target]) for link in picture.links]


def _add_cluster(
    dot: graphviz.Digraph, index: int, box: Box, columns: Iterable[tuple[int, ...]], steps: Sequence[Step]
) -> None:
    with dot.subgraph(name=f"cluster_box{index}") as cluster:
        size = f'FIXEDSIZE="TRUE" WIDTH="{header_width(box):.0f}" HEIGHT="{HEADER_HEIGHT - 8:.0f}"'
        title = f'<TD ALIGN="LEFT"><B>{html.escape(box.title)}</B></TD>'
        label = f"<<TABLE {_BARE_TABLE} {size}><TR>{title}</TR></TABLE>>"
        cluster.attr(label=label, labeljust="l", style="rounded", margin="12", fontsize=str(TITLE_SIZE))
        for column in columns:
            _add_column(cluster, column, steps, box)


def _add_column(dot: graphviz.Digraph, column: tuple[int, ...], steps: Sequence[Step], box: Box | None) -> None:
    members = [steps[index] for index in column]
    width, _ = column_size(members, box)
    gap = f'<TR><TD FIXEDSIZE="TRUE" WIDTH="{width:.0f}" HEIGHT="{STEP_GAP:.0f}"></TD></TR>'
    rows = gap.join(_row(f"step{index}", steps[index], width) for index in column)
    places = dict.fromkeys(step.place for step in members)
    tooltip = graphviz.escape("; ".join(places))
    dot.node(f"column{column[0]}", f"<<TABLE {_BARE_TABLE}>{rows}</TABLE>>", tooltip=tooltip)


def _row(port: str, step: Step, width: float) -> str:
    size = f'FIXEDSIZE="TRUE" WIDTH="{width:.0f}" HEIGHT="{STEP_HEIGHT:.0f}"'
    text = f"<B>{html.escape(step.title)}</B><BR/>{html.escape(step.detail)}"
    return f'<TR><TD PORT="{port}" BORDER="1" STYLE="ROUNDED" {size}>{text}</TD></TR>'


def _add_closed_box(dot: graphviz.Digraph, index: int, box: Box) -> None:
    dot.node(
        f"box{index}",
        f"<<B>{html.escape(box.title)}</B><BR/>{html.escape(box.summary)}>",
        shape="box",
        style="rounded",
        fixedsize="true",
        width=f"{closed_width(box) / _INCH:.4f}",
        height=f"{CLOSED_HEIGHT / _INCH:.4f}",
    )


def _levels(picture: Picture) -> list[int]:
    """For each box the length of the longest way to it; a box follows those that it reads in the picture's order."""
    levels = [0] * len(picture.boxes)
    for link in sorted(picture.links, key=lambda link: -1 if link.target_box is None else link.target_box):
        if link.source_box is not None and link.target_box is not None and link.source_box < link.target_box:
            levels[link.target_box] = max(levels[link.target_box], levels[link.source_box] + 1)
    return levels


def _is_far(link: Link, levels: Sequence[int]) -> bool:
    """Whether boxes lie between the link's ends. Such a link says nothing of who stands beside whom."""
    if link.source_box is None or link.target_box is None:
        return False
    return levels[link.target_box] - levels[link.source_box] > 1


def _add_step_link(
    dot: graphviz.Digraph, name: str, steps: tuple[int, int], columns: tuple[int, int], link: Link, is_far: bool
) -> None:
    if columns[0] == columns[1]:
        return  # Straight down the column: nothing to decide.
    tail, head = f"column{columns[0]}", f"column{columns[1]}"
    if is_far:
        # Between clusters dot takes links as wishes: the many that all leave one early stage would overrule the order.
        dot.edge(f"{tail}:step{steps[0]}:e", f"{head}:step{steps[1]}:w", id=name, constraint="false", **_style(link))
        return
    # The visible edge leaves at the bottom of a column and would make stairs if it pulled; the invisible one keeps
    # the tops of the columns at one height.
    dot.edge(f"{tail}:step{steps[0]}:e", f"{head}:step{steps[1]}:w", id=name, weight="0", **_style(link))
    dot.edge(f"{tail}:step{columns[0]}:e", f"{head}:step{columns[1]}:w", style="invis", weight="4")


def _style(link: Link) -> dict[str, str]:
    return {"style": "bold"} if link.kind == "shuffle" else {}
