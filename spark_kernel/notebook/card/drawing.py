"""Shapes: a picture, its layout and how far the run is, as groups of rectangles, lines and texts.

What the shapes look like is decided where they are written down, by their role and their group's state: `svg` knows
roles as CSS classes, `png` as colours. Coordinates are points; y grows downwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from spark_kernel.notebook.card.amounts import bytes_text
from spark_kernel.notebook.card.box_status import BoxStatus, box_statuses
from spark_kernel.notebook.card.layout import Layout, Point, Rect
from spark_kernel.notebook.card.measures import (
    DETAIL_SIZE,
    HEADER_HEIGHT,
    MARK_WIDTH,
    PADDING,
    REUSED,
    TITLE_SIZE,
    text_width,
)
from spark_kernel.notebook.card.picture import Box, Link, Picture, Step
from spark_kernel.notebook.card.routes import Routes
from spark_kernel.notebook.card.run_json import NodeJson, RunJson

# Clusters of dot touch each other; drawn a little smaller, they don't.
_INSET = 4.0
_MARGIN = 4.0


@dataclass(frozen=True)
class RectShape:
    role: str
    rect: Rect
    radius: float = 0.0
    only_top: bool = False
    """Rounded at the upper corners only."""


@dataclass(frozen=True)
class TextShape:
    role: str
    x: float
    y: float
    """Baseline."""
    text: str
    size: float
    anchor: Literal["start", "middle", "end"] = "start"
    bold: bool = False
    suffix: str = ""
    """More text in a role of its own, ``cached``."""


@dataclass(frozen=True)
class CurveShape:
    role: str
    points: tuple[Point, ...]
    """A start and then three points for each cubic Bezier curve."""


@dataclass(frozen=True)
class TipShape:
    role: str
    points: tuple[Point, Point, Point]


@dataclass(frozen=True)
class MarkShape:
    """The sign of the state, in a square of this size around a point. Each writer has its own signs."""

    x: float
    y: float
    size: float


Shape = RectShape | TextShape | CurveShape | TipShape | MarkShape


@dataclass(frozen=True)
class Group:
    """Shapes that belong together: one box, step or link."""

    key: str
    kind: Literal["stage", "step", "link"]
    state: str
    """A stage's state; ``cached``, ``persisted`` or ``plain`` for a step; ``narrow`` or ``shuffle`` for a link."""
    tooltip: str
    shapes: tuple[Shape, ...]
    faded: bool = False
    """It belongs to a stage that is skipped."""
    done: float = 0.0
    """Finished part of a stage, from 0 to 1."""


@dataclass(frozen=True)
class Drawing:
    """A whole picture, in drawing order."""

    width: float
    height: float
    groups: tuple[Group, ...]
    title: str
    """The run in one sentence, for those who don't see it."""


def draw(run: RunJson, picture: Picture, layout: Layout) -> Drawing:
    """The shapes of ``picture`` as ``layout`` places them, in the states of ``run``."""
    nodes = {node["node_id"]: node for node in run["nodes"]}
    statuses = box_statuses(picture, run)
    stages = [
        _stage(box, status, rect) for box, status, rect in zip(picture.boxes, statuses, layout.boxes, strict=True)
    ]
    idle = [status.state == "skipped" for status in statuses]
    faded = [idle[index] for index, box in enumerate(picture.boxes) for _ in box.steps] + [False] * len(picture.loose)
    steps = [
        _step(step, nodes.get(step.node_id), rect, fade)
        for step, rect, fade in zip(picture.steps, layout.steps, faded, strict=True)
    ]
    links = list(_links(picture, layout, statuses))
    outcomes = f"{run['outcome']}, {len(picture.boxes)} boxes, {len(picture.steps)} steps"
    return Drawing(
        layout.width + 2 * _MARGIN,
        layout.height + 2 * _MARGIN,
        (*stages, *links, *steps),
        f"{run['title']}: {outcomes}",
    )


def _moved(rect: Rect, inset: float = 0.0) -> Rect:
    return Rect(rect.x + _MARGIN + inset, rect.y + _MARGIN + inset, rect.width - 2 * inset, rect.height - 2 * inset)


def _stage(box: Box, status: BoxStatus, place: Rect) -> Group:
    rect = _moved(place, _INSET if box.steps else 0.0)
    right = rect.x + rect.width
    baseline = rect.y + 18
    track = Rect(rect.x + PADDING, rect.y + HEADER_HEIGHT - 6, rect.width - 2 * PADDING, 3)
    shapes: list[Shape] = [
        RectShape("box", rect, 8),
        RectShape("head", Rect(rect.x, rect.y, rect.width, HEADER_HEIGHT), 8, only_top=True),
        MarkShape(rect.x + PADDING + 5, rect.y + 14, 10),
        TextShape("title", rect.x + PADDING + MARK_WIDTH, baseline, box.title, TITLE_SIZE, bold=True),
        TextShape("count", right - PADDING, baseline, _count(status), DETAIL_SIZE, "end", bold=True),
        RectShape("track", track, 1.5),
        RectShape("done", track, 1.5),
    ]
    if not box.steps:
        middle = rect.y + (HEADER_HEIGHT + rect.height) / 2 + 3.5
        shapes.append(TextShape("summary", rect.x + rect.width / 2, middle, box.summary, DETAIL_SIZE, "middle"))
    tooltip = f"{box.title}: {status.state}"
    if status.state != "skipped":
        tooltip += f", {status.succeeded:,} of {status.total:,} tasks"
    if status.is_reused:
        tooltip += "; its output was found done by a later stage, which was skipped"
    return Group(box.key, "stage", status.state, tooltip, tuple(shapes), status.state == "skipped", status.done)


def _count(status: BoxStatus) -> str:
    if status.state == "skipped":
        return "skipped"
    if status.state == "planned":
        return f"{status.total:,}"
    return f"{status.succeeded:,}/{status.total:,}{REUSED if status.is_reused else ''}"


def _step(step: Step, node: NodeJson | None, place: Rect, faded: bool) -> Group:
    rect = _moved(place)
    middle = rect.x + rect.width / 2
    cached = node["cached_partitions"] if node is not None else 0
    suffix = step.cached_text(cached) if cached and step.persisted_partitions is not None else ""
    lines = [step.title + (f" ({node['name']})" if node is not None and node["name"] else ""), step.place]
    if node is not None:
        lines.append(f"{node['partitions']:,} partitions")
        if node["storage_level"]:
            lines.append(f"{node['storage_level']}, {cached:,} partitions cached")
        if node["estimated_bytes"]:
            lines.append(f"input: {bytes_text(node['estimated_bytes'])}")
    state = "plain" if step.persisted_partitions is None else "cached" if cached else "persisted"
    shapes: tuple[Shape, ...] = (
        RectShape("card", rect, 6),
        TextShape("operation", middle, rect.y + 16, step.title, TITLE_SIZE, "middle", bold=True),
        TextShape("detail", middle, rect.y + 29.5, step.detail, DETAIL_SIZE, "middle", suffix=suffix),
    )
    return Group(step.key, "step", state, "\n".join(lines), shapes, faded)


def _links(picture: Picture, layout: Layout, statuses: Sequence[BoxStatus]) -> Iterator[Group]:
    route = Routes(picture, layout)
    for index, link in enumerate(picture.links):
        points = tuple((x + _MARGIN, y + _MARGIN) for x, y in route.points(index))
        source = statuses[link.source_box] if link.source_box is not None else None
        target = statuses[link.target_box] if link.target_box is not None else None
        faded = any(status is not None and status.state == "skipped" for status in (source, target))
        shapes: list[Shape] = [CurveShape("line", points[:-1]), TipShape("tip", _tip(points[-2], points[-1]))]
        written = source.shuffle_bytes_written if source is not None and link.kind == "shuffle" else 0
        if written:
            shapes.extend(_amount(points, bytes_text(written)))
        yield Group(link.key, "link", link.kind, _link_tooltip(link, written), tuple(shapes), faded)


def _link_tooltip(link: Link, written: float) -> str:
    if link.kind == "narrow":
        return ""
    return f"shuffle, {bytes_text(written)} written" if written else "shuffle"


def _tip(base: Point, tip: Point) -> tuple[Point, Point, Point]:
    """A triangle from ``base`` to ``tip``."""
    dx, dy = tip[0] - base[0], tip[1] - base[1]
    length = (dx * dx + dy * dy) ** 0.5 or 1.0
    side_x, side_y = -dy / length * 3.5, dx / length * 3.5
    return (base[0] + side_x, base[1] + side_y), tip, (base[0] - side_x, base[1] - side_y)


def _amount(points: Sequence[Point], text: str) -> Iterator[Shape]:
    """A label in the middle of a curve."""
    x, y = _middle(points)
    width = text_width(text, DETAIL_SIZE) + 10
    yield RectShape("pill", Rect(x - width / 2, y - 7.5, width, 15), 7.5)
    yield TextShape("amount", x, y + 3.5, text, DETAIL_SIZE, "middle")


def _middle(points: Sequence[Point]) -> Point:
    """Half-way along a cubic spline, by its number of pieces."""
    pieces = (len(points) - 2) // 3
    first = pieces // 2 * 3
    if pieces % 2 == 0:
        return points[first]
    a, b, c, d = points[first : first + 4]
    return (a[0] + 3 * b[0] + 3 * c[0] + d[0]) / 8, (a[1] + 3 * b[1] + 3 * c[1] + d[1]) / 8
