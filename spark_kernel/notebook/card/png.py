"""The drawing as a PNG image, for viewers that show nothing else: GitHub, untrusted notebooks, PDF exports.

Graphviz draws it, in the process that makes the layouts; no other imaging library is needed. It is not asked for a
layout again: shapes become its ``_background`` in the xdot language, texts become nodes at fixed places, and the
engine ``nop2`` leaves everything where it is. The page is white, because GitHub's dark page would swallow the lines.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from functools import singledispatch

import graphviz

from spark_kernel.notebook.card import palette
from spark_kernel.notebook.card.drawing import (
    CurveShape,
    Drawing,
    Group,
    MarkShape,
    RectShape,
    Shape,
    TextShape,
    TipShape,
)
from spark_kernel.notebook.card.layout import Point, Rect
from spark_kernel.notebook.card.layout_client import GraphvizProcess
from spark_kernel.notebook.card.measures import FONT, text_width
from spark_kernel.notebook.card.stage_texts import MARKS

MOST_BYTES = 150_000
_RESOLUTIONS = (96, 72, 56)
"""Dots per inch, from the wanted to the least that can be read."""
_MOST_PIXELS = 5_000_000
_FADED = 0.5
_CIRCLE = 0.5523  # Control points of a Bezier quarter circle.

# Role -> (fill, fill opacity, border, border width); "state" stands for the colour of the group's state.
_LOOKS: dict[str, tuple[str | None, float, str | None, float]] = {
    "box": ("state", 0.09, "state", 1.2),
    "head": ("state", 1.0, None, 0),
    "track": ("#ffffff", 0.3, None, 0),
    "done": ("#ffffff", 1.0, None, 0),
    "card": (palette.STEP_FILL, 1.0, palette.STEP_BORDER, 1),
    "pill": ("#ffffff", 1.0, "line", 1),
    "line": (None, 0, "line", 1.4),
    "tip": ("line", 1.0, None, 0),
}
_TEXT_COLOURS = {
    "title": "#ffffff",
    "count": "#ffffff",
    "mark": "#ffffff",
    "operation": palette.STEP_TEXT,
    "amount": palette.STEP_TEXT,
    "detail": palette.STEP_DETAIL,
    "summary": palette.STEP_DETAIL,
}
_LINES = {"narrow": palette.NARROW, "shuffle": palette.SHUFFLE}


def to_png(drawing: Drawing, ask: GraphvizProcess, seconds: float) -> bytes | None:
    """``drawing`` as PNG of at most `MOST_BYTES` bytes, or None when it is too large to be legible within that.

    Raises GraphvizError when Graphviz can't draw it within ``seconds``.
    """
    for resolution in _RESOLUTIONS:
        pixels = drawing.width * drawing.height * (resolution / 72) ** 2
        if pixels > _MOST_PIXELS:
            continue
        image = ask.ask(to_drawing_dot(drawing, resolution), "nop2", "png", seconds)
        if len(image) <= MOST_BYTES:
            return image
    return None


def to_drawing_dot(drawing: Drawing, resolution: int) -> str:
    """DOT source that Graphviz draws as it is."""
    dot = graphviz.Digraph(
        "drawing",
        graph_attr={"bgcolor": "white", "pad": "0", "margin": "0", "dpi": str(resolution)},
        node_attr={"shape": "none", "margin": "0", "fixedsize": "true", "fontname": FONT},
    )
    shapes = [
        _looks(group, shape) + _geometry(shape, group, drawing.height) + " "
        for group in drawing.groups
        for shape in group.shapes
        if _is_drawn(group, shape)
    ]
    # Joined pieces, since DOT has no quoted string of more than 16,384 bytes; the graphviz package writes no "+".
    dot.body.append("\tgraph [_background=" + " + ".join(f'"{shape}"' for shape in shapes) + "]\n")
    size = {"width": f"{drawing.width / 72:.4f}", "height": f"{drawing.height / 72:.4f}"}
    dot.node("canvas", "", pos=f"{drawing.width / 2:.1f},{drawing.height / 2:.1f}", style="invis", **size)
    number = 0
    for group in drawing.groups:
        for text in _texts(group):
            _add_text(dot, f"text{number}", text, group, drawing.height)
            number += 1
    return str(dot.source)


def _is_drawn(group: Group, shape: Shape) -> bool:
    if isinstance(shape, (TextShape, MarkShape)):
        return False
    is_bar = shape.role in ("track", "done")
    return not (is_bar and group.state in ("succeeded", "skipped", "planned"))


def _texts(group: Group) -> Iterator[TextShape]:
    for shape in group.shapes:
        if isinstance(shape, TextShape):
            yield shape
        elif isinstance(shape, MarkShape):
            yield TextShape("mark", shape.x, shape.y + 4, MARKS[group.state], 12, "middle", bold=True)


def _add_text(dot: graphviz.Digraph, name: str, text: TextShape, group: Group, height: float) -> None:
    content = text.text + text.suffix
    width = text_width(content, text.size, text.bold)
    centre = text.x + {"start": width / 2, "middle": 0.0, "end": -width / 2}[text.anchor]
    faded = group.faded and group.kind != "stage"
    dot.node(
        name,
        f"<<B>{html.escape(content)}</B>>" if text.bold else graphviz.escape(content),
        pos=f"{centre:.1f},{height - text.y + text.size * 0.33:.1f}",
        width=f"{width / 72:.4f}",
        height=f"{text.size / 72:.4f}",
        fontsize=f"{text.size:g}",
        fontcolor=_TEXT_COLOURS[text.role] + ("80" if faded else ""),
    )


def _looks(group: Group, shape: Shape) -> str:
    """xdot commands that choose colours and pen."""
    assert not isinstance(shape, (TextShape, MarkShape))
    fill, opacity, border, width = _LOOKS[shape.role]
    if shape.role == "card" and group.state in ("cached", "persisted"):
        border = palette.CACHED_BORDER
        if group.state == "cached":
            fill, width = palette.CACHED_FILL, 2
    if shape.role == "line" and group.state == "shuffle":
        width = 2.6
    names = {"state": palette.STATE_COLOURS.get(group.state, ""), "line": _LINES.get(group.state, "")}
    fade = _FADED if group.faded and group.kind != "stage" else 1.0
    pen = _colour(names.get(border, border), fade) if border is not None else "#00000000"
    brush = _colour(names.get(fill, fill), opacity * fade) if fill is not None else "#00000000"
    dashed = (shape.role == "box" and group.state in ("skipped", "planned")) or (
        shape.role == "card" and group.state == "persisted"
    )
    styles = [f"setlinewidth({width:g})", "dashed" if dashed else "solid"]
    return f"c 9 -{pen} C 9 -{brush} " + "".join(f"S {len(style)} -{style} " for style in styles)


def _colour(colour: str, opacity: float) -> str:
    return f"{colour}{round(opacity * 255):02x}"


@singledispatch
def _geometry(shape: Shape, group: Group, height: float) -> str:
    raise TypeError(f"no xdot for {type(shape).__name__}")


@_geometry.register
def _(shape: RectShape, group: Group, height: float) -> str:
    rect = shape.rect
    if shape.role == "done":
        rect = Rect(rect.x, rect.y, max(rect.width * group.done, 0.01), rect.height)
    radius = min(shape.radius, rect.width / 2, rect.height / 2)
    return _points("b", list(_outline(rect, radius, 0.0 if shape.only_top else radius)), height)


@_geometry.register
def _(shape: CurveShape, group: Group, height: float) -> str:
    return _points("B", list(shape.points), height)


@_geometry.register
def _(shape: TipShape, group: Group, height: float) -> str:
    return _points("P", list(shape.points), height)


def _outline(rect: Rect, top: float, bottom: float) -> Iterator[Point]:
    """A closed Bezier path round ``rect``, with these radii at its corners."""
    left, up = rect.x, rect.y
    right, down = rect.x + rect.width, rect.y + rect.height
    corners = (
        ((left, up + top), (left, up), (left + top, up), top),
        ((right - top, up), (right, up), (right, up + top), top),
        ((right, down - bottom), (right, down), (right - bottom, down), bottom),
        ((left + bottom, down), (left, down), (left, down - bottom), bottom),
    )
    last = corners[0][0]
    yield last
    for start, corner, end, _ in corners:
        yield from (last, start, start)
        yield _towards(start, corner)
        yield _towards(end, corner)
        yield end
        last = end
    yield from (last, corners[0][0], corners[0][0])


def _towards(start: Point, corner: Point) -> Point:
    return start[0] + (corner[0] - start[0]) * _CIRCLE, start[1] + (corner[1] - start[1]) * _CIRCLE


def _points(command: str, points: list[Point], height: float) -> str:
    return f"{command} {len(points)} " + " ".join(f"{x:.1f} {height - y:.1f}" for x, y in points)
