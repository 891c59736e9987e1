"""The lines that links follow. Called by `drawing`.

Down a column: straight. To a neighbour on the right with nothing between: a plain S. Else as Graphviz routed it, which
goes round what is in the way, but bends more than needed where nothing is.
"""

from __future__ import annotations

from collections.abc import Iterator

from spark_kernel.notebook.card.layout import Layout, Point, Rect
from spark_kernel.notebook.card.picture import Picture

_TIP = 7.0
"""Length of an arrow's tip."""
_NEIGHBOUR = 160.0
"""How far a neighbour may be, in points: somewhat more than the gap between two ranks and the padding of two boxes."""


class Routes:
    """Lines for the links of one picture."""

    def __init__(self, picture: Picture, layout: Layout) -> None:
        self._picture = picture
        self._layout = layout
        self._places = {step.key: rect for step, rect in zip(picture.steps, layout.steps, strict=True)}
        for box, rect in zip(picture.boxes, layout.boxes, strict=True):
            if not box.steps:
                self._places[box.key] = rect

    def points(self, index: int) -> tuple[Point, ...]:
        """A start, three points for each cubic curve, and last the tip of the arrow of the link of that index."""
        link = self._picture.links[index]
        source, target = self._places[link.source], self._places[link.target]
        spline = self._layout.links[index]
        if _is_below(source, target):
            x, top, bottom = source.x + source.width / 2, source.y + source.height, target.y
            base = bottom - _TIP
            return ((x, top), (x, top), (x, base), (x, base), (x, bottom))
        start = (source.x + source.width, source.y + source.height / 2)
        end = (target.x, target.y + target.height / 2)
        boxes = (link.source_box, link.target_box)
        if spline is None or (0 < end[0] - start[0] <= _NEIGHBOUR and self._is_free(start, end, boxes)):
            return _s_curve(start, end)
        return spline

    def _is_free(self, start: Point, end: Point, own_boxes: tuple[int | None, int | None]) -> bool:
        """Whether nothing stands between two points, in the rectangle that they span."""
        top, bottom = sorted((start[1], end[1]))
        return not any(
            rect.x < end[0] and start[0] < rect.x + rect.width and rect.y < bottom and top < rect.y + rect.height
            for rect in self._obstacles(own_boxes)
        )

    def _obstacles(self, own_boxes: tuple[int | None, int | None]) -> Iterator[Rect]:
        yield from (rect for index, rect in enumerate(self._layout.boxes) if index not in own_boxes)
        yield from self._layout.steps


def _is_below(source: Rect, target: Rect) -> bool:
    return abs(source.x - target.x) < 1 and source.y < target.y


def _s_curve(start: Point, end: Point) -> tuple[Point, ...]:
    base = (end[0] - _TIP, end[1])
    middle = (start[0] + base[0]) / 2
    return (start, (middle, start[1]), (middle, base[1]), base, end)
