"""Where Graphviz puts the parts of a picture. Made once per plan, cached, and never longer than a few seconds.

`lay_out` climbs down a ladder until something ends in time: the whole picture, the same in a hurry, closed boxes,
chains of stages, jobs, nothing. It blocks: `live` calls it from a thread of its own.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

from spark_kernel.notebook.card.compose import make_picture
from spark_kernel.notebook.card.graph import graph_hash, to_dot
from spark_kernel.notebook.card.layout_client import GRAPHVIZ, GraphvizError, GraphvizMissing, GraphvizProcess
from spark_kernel.notebook.card.measures import STEP_GAP, STEP_HEIGHT, column_size
from spark_kernel.notebook.card.picture import Detail, Picture
from spark_kernel.notebook.card.run_json import RunJson

_log = logging.getLogger(__name__)

SECONDS = 2.0
"""How long one layout may take."""
_CALM = 250
"""Boxes, steps and links up to which the careful layout is tried first."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Rect:
    """A rectangle, from its upper left corner, in points; y grows downwards."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Layout:
    """Places for the parts of one picture, in its order."""

    width: float
    height: float
    boxes: tuple[Rect, ...]
    steps: tuple[Rect, ...]
    links: tuple[tuple[Point, ...] | None, ...]
    """For each link the points of a cubic spline and, last, the arrow's tip; None for a step down a column."""


class LayoutCache:
    """The latest layouts by graph hash; None for a graph that took too long. Safe to use from several threads."""

    def __init__(self, kept: int = 64) -> None:
        self._lock = threading.Lock()
        self._kept = kept
        self._layouts: OrderedDict[str, Layout | None] = OrderedDict()

    def find(self, key: str) -> tuple[bool, Layout | None]:
        """Whether the graph is known, and its layout."""
        with self._lock:
            if key not in self._layouts:
                return False, None
            self._layouts.move_to_end(key)
            return True, self._layouts[key]

    def keep(self, key: str, layout: Layout | None) -> None:
        """Remember the layout, and forget the one that was not asked for the longest."""
        with self._lock:
            self._layouts[key] = layout
            self._layouts.move_to_end(key)
            while len(self._layouts) > self._kept:
                self._layouts.popitem(last=False)


LAYOUTS = LayoutCache()
"""The layouts of this kernel: a cell that runs again needs no Graphviz."""


def lay_out(
    run: RunJson,
    *,
    graphviz: GraphvizProcess = GRAPHVIZ,
    cache: LayoutCache = LAYOUTS,
    seconds: float = SECONDS,
    detail: Detail | None = None,
) -> tuple[Picture, Layout] | None:
    """The most detailed picture of ``run`` that can be laid out in time, and its layout; None when none can.

    ``seconds`` limits each attempt; ``detail`` asks for a coarser picture from the start.
    """
    picture = make_picture(run, detail)
    while picture is not None:
        try:
            layout = _within(picture, graphviz, cache, seconds)
        except GraphvizMissing as error:
            _log.info("%s", error)
            return None
        if layout is not None:
            return picture, layout
        coarser = _COARSER[picture.detail]
        picture = make_picture(run, coarser) if coarser is not None else None
    return None


_COARSER: dict[Detail, Detail | None] = {"steps": "stages", "stages": "chains", "chains": "jobs", "jobs": None}


def _within(picture: Picture, graphviz: GraphvizProcess, cache: LayoutCache, seconds: float) -> Layout | None:
    key = graph_hash(picture)
    known, layout = cache.find(key)
    if known:
        return layout
    is_large = len(picture.steps) + len(picture.boxes) + len(picture.links) > _CALM
    for hurried in (False, True):
        if is_large and not hurried:
            continue
        try:
            answer = graphviz.ask(to_dot(picture, hurried=hurried), "dot", "json0", seconds)
            layout = read_layout(picture, json.loads(answer))
            break
        except GraphvizMissing:
            raise
        except GraphvizError as error:
            _log.info("no layout of %d steps: %s", len(picture.steps), error)
    # A small graph that took too long met a busy machine, and deserves another chance.
    if layout is not None or is_large:
        cache.keep(key, layout)
    return layout


def read_layout(picture: Picture, answer: dict[str, Any]) -> Layout:
    """The places that Graphviz wrote in its ``json0`` format."""
    _, _, width, height = map(float, answer["bb"].split(","))
    objects = {item["name"]: item for item in answer.get("objects", ())}
    edges = {item["id"]: item for item in answer.get("edges", ()) if "id" in item}
    steps: dict[int, Rect] = {}
    all_steps = picture.steps
    for box, columns in zip((*picture.boxes, None), picture.columns(), strict=True):
        for column in columns:
            centre = _point(objects[f"column{column[0]}"]["pos"], height)
            rects = _column_rects(centre, *column_size([all_steps[index] for index in column], box))
            steps.update(zip(column, rects, strict=False))
    boxes = tuple(_box_rect(objects, index, height) for index in range(len(picture.boxes)))
    links = tuple(_spline(edges.get(f"link{index}"), height) for index in range(len(picture.links)))
    return Layout(width, height, boxes, tuple(steps[index] for index in range(len(steps))), links)


def _column_rects(centre: Point, width: float, height: float) -> Iterator[Rect]:
    """Places for steps below each other, as many as are asked for."""
    left, top = centre[0] - width / 2, centre[1] - height / 2
    for row in count():
        yield Rect(left, top + row * (STEP_HEIGHT + STEP_GAP), width, STEP_HEIGHT)


def _box_rect(objects: dict[str, Any], index: int, height: float) -> Rect:
    if (cluster := objects.get(f"cluster_box{index}")) is not None:
        left, bottom, right, top = map(float, cluster["bb"].split(","))
        return Rect(left, height - top, right - left, top - bottom)
    node = objects[f"box{index}"]
    x, y = _point(node["pos"], height)
    wide, high = float(node["width"]) * 72, float(node["height"]) * 72
    return Rect(x - wide / 2, y - high / 2, wide, high)


def _spline(edge: dict[str, Any] | None, height: float) -> tuple[Point, ...] | None:
    if edge is None or "pos" not in edge:
        return None
    tip: Point | None = None
    points: list[Point] = []
    # Several splines are separated by semicolons; dot writes one unless edges are concentrated.
    for part in edge["pos"].split(";")[0].split():
        if part.startswith("e,"):
            tip = _point(part[2:], height)
        elif not part.startswith("s,"):
            points.append(_point(part, height))
    return (*points, tip if tip is not None else points[-1])


def _point(text: str, height: float) -> Point:
    x, y = text.rstrip("!").split(",")[:2]
    return float(x), height - float(y)
