"""The drawing as SVG, with states as CSS classes: legible as an image on light and dark pages, and themable inline.

Ids: every element of a run has the prefix ``run_dom_id(run_id)``: ``<prefix>-stage<ID>``, ``<prefix>-node<ID>``,
``<prefix>-edge<P>-<C>``. A dataset that several boxes compute has the suffix ``-stage<ID>`` from its second place on.

Classes:

    svg.sk-graph                    the whole; inherits the variables below from whatever it stands in
    g.sk-stage.sk-<state>           a box; <state> is waiting, running, succeeded, failed, cancelled, skipped or
                                    planned; its ``style`` sets ``--sk-done``, the finished part from 0 to 1
      rect.sk-box  path.sk-head
      text.sk-title  text.sk-count  ``Stage 3 · map`` and ``5/8``
      rect.sk-track  rect.sk-done   the progress bar
      text.sk-summary               what a closed box says instead of its steps
      path.sk-mark.sk-for-<state>   the state's sign; a live picture has all of them, and its class shows one
    g.sk-step.sk-plain|-persisted|-cached, .sk-faded when its stage is skipped
      rect.sk-card  text.sk-operation  text.sk-detail  tspan.sk-cached-count
    g.sk-link.sk-narrow|-shuffle, .sk-faded
      path.sk-line  polygon.sk-tip  rect.sk-pill  text.sk-amount

Variables that a page may set on any ancestor: ``--sk-waiting`` and so on for each state, ``--sk-narrow``,
``--sk-shuffle``, ``--sk-step-fill``, ``--sk-step-border``, ``--sk-step-text``, ``--sk-step-detail``,
``--sk-cached-fill``, ``--sk-cached-border``. A renderer that follows a run changes the state's class, ``--sk-done``
and the text of ``sk-count``, and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import singledispatch
from html import escape

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
from spark_kernel.notebook.card.measures import FONT
from spark_kernel.notebook.card.run_json import STAGE_STATES

# Signs in a square from 0 to 10; paths, because fonts differ and may lack them.
_MARKS = {
    "waiting": "M8.5 5a3.5 3.5 0 1 1-7 0a3.5 3.5 0 1 1 7 0Z",
    "running": "M2.5 1.5L8.5 5L2.5 8.5Z",
    "succeeded": "M1 5.5L4 8.5L9 2",
    "failed": "M2 2L8 8M8 2L2 8",
    "cancelled": "M9 5a4 4 0 1 1-8 0a4 4 0 1 1 8 0ZM2.2 7.8L7.8 2.2",
    "skipped": "M1 7.5C2 2.5 7 2 8.6 6.4M9 3V7H5.2",
    "planned": "M5 1L9 5L5 9L1 5Z",
}


def run_dom_id(run_id: str) -> str:
    """What the ids of a run's elements begin with; safe in HTML, CSS and SVG.

    >>> run_dom_id("app-20261122133505-9f3c/run-3")
    'sk-app-20261122133505-9f3c-run-3'
    """
    return "sk-" + re.sub(r"[^A-Za-z0-9_-]", "-", run_id)


def to_svg(drawing: Drawing, run_id: str, *, live: bool = False) -> str:
    """``drawing`` as one SVG element. ``live`` adds what is needed to change states later by CSS alone."""
    prefix = run_dom_id(run_id)
    width, height = f"{drawing.width:.0f}", f"{drawing.height:.0f}"
    body = "".join(_group(group, prefix, live) for group in drawing.groups)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" id="{prefix}-graph" class="sk-graph" width="{width}" '
        f'height="{height}" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(drawing.title)}">'
        f"<style>{STYLE}</style>{body}</svg>"
    )


def _group(group: Group, prefix: str, live: bool) -> str:
    classes = f"sk-{group.kind} sk-{group.state}{' sk-faded' if group.faded and group.kind != 'stage' else ''}"
    extra = ""
    if group.kind == "stage" and not live:
        extra = f' style="--sk-done:{group.done:.3g}"'
    tooltip = f"<title>{escape(group.tooltip)}</title>" if group.tooltip else ""
    states: Sequence[str] = STAGE_STATES if live else (group.state,)
    shapes = "".join(_mark(shape, states) if isinstance(shape, MarkShape) else _shape(shape) for shape in group.shapes)
    return f'<g id="{prefix}-{escape(group.key)}" class="{classes}"{extra}>{tooltip}{shapes}</g>'


def _mark(mark: MarkShape, states: Sequence[str]) -> str:
    scale = mark.size / 10
    place = f"translate({_n(mark.x - mark.size / 2)} {_n(mark.y - mark.size / 2)})"
    if scale != 1:
        place += f" scale({_n(scale)})"
    return "".join(f'<path class="sk-mark sk-for-{s}" transform="{place}" d="{_MARKS[s]}"/>' for s in states)


@singledispatch
def _shape(shape: Shape) -> str:
    raise TypeError(f"no SVG for {type(shape).__name__}")


@_shape.register
def _(shape: RectShape) -> str:
    rect = shape.rect
    if shape.only_top:
        return f'<path class="sk-{shape.role}" d="{_top_rounded(rect, shape.radius)}"/>'
    return (
        f'<rect class="sk-{shape.role}" x="{_n(rect.x)}" y="{_n(rect.y)}" width="{_n(rect.width)}" '
        f'height="{_n(rect.height)}" rx="{_n(shape.radius)}"/>'
    )


@_shape.register
def _(shape: TextShape) -> str:
    suffix = f'<tspan class="sk-cached-count">{escape(shape.suffix)}</tspan>' if shape.suffix else ""
    return f'<text class="sk-{shape.role}" x="{_n(shape.x)}" y="{_n(shape.y)}">{escape(shape.text)}{suffix}</text>'


@_shape.register
def _(shape: CurveShape) -> str:
    start, *rest = shape.points
    return f'<path class="sk-{shape.role}" d="M{_pair(start)}C{" ".join(map(_pair, rest))}"/>'


@_shape.register
def _(shape: TipShape) -> str:
    return f'<polygon class="sk-{shape.role}" points="{" ".join(map(_pair, shape.points))}"/>'


def _top_rounded(rect: Rect, radius: float) -> str:
    corner = f"a{_n(radius)} {_n(radius)} 0 0 1 {_n(radius)} "
    bottom = _n(rect.y + rect.height)
    across = _n(rect.x + rect.width - radius)
    return f"M{_n(rect.x)} {bottom}V{_n(rect.y + radius)}{corner}-{_n(radius)}H{across}{corner}{_n(radius)}V{bottom}Z"


def _pair(point: Point) -> str:
    return f"{_n(point[0])},{_n(point[1])}"


def _n(value: float) -> str:
    """A coordinate with one decimal at most."""
    return f"{value:.1f}".removesuffix(".0")


def _style() -> Iterator[str]:
    yield f".sk-graph{{max-width:none;font-family:{FONT}}}"
    light = {
        "fill": palette.STEP_FILL,
        "border": palette.STEP_BORDER,
        "text": palette.STEP_TEXT,
        "detail": palette.STEP_DETAIL,
        "cached-fill": palette.CACHED_FILL,
        "cached-border": palette.CACHED_BORDER,
    }
    dark = {
        "fill": palette.DARK_STEP_FILL,
        "border": palette.DARK_STEP_BORDER,
        "text": palette.DARK_STEP_TEXT,
        "detail": palette.DARK_STEP_DETAIL,
        "cached-fill": palette.DARK_CACHED_FILL,
        "cached-border": palette.DARK_CACHED_BORDER,
    }
    # Own defaults under other names, so that what an ancestor sets is not overwritten here.
    yield f".sk-graph{{{''.join(f'--skd-{name}:{colour};' for name, colour in light.items())}}}"
    yield "@media (prefers-color-scheme:dark){.sk-graph{"
    yield "".join(f"--skd-{name}:{colour};" for name, colour in dark.items()) + "}}"
    for state, colour in palette.STATE_COLOURS.items():
        yield f".sk-graph .sk-{state}{{--sk-state:var(--sk-{state},{colour})}}"
        yield f".sk-graph .sk-{state}>.sk-for-{state}{{display:inline}}"
    yield _SHAPES


_SHAPES = (
    ".sk-box{fill:var(--sk-state);fill-opacity:.09;stroke:var(--sk-state);stroke-opacity:.75;stroke-width:var(--sk-border,1.2)}"
    ".sk-head{fill:var(--sk-state)}"
    ".sk-running{--sk-border:2}"
    ".sk-graph .sk-mark{display:none;fill:none;stroke:#fff;stroke-width:1.8;stroke-linecap:round;stroke-linejoin:round}"
    ".sk-graph .sk-for-running{fill:#fff}"
    ".sk-title{font-size:12px;font-weight:bold;fill:#fff}"
    ".sk-count{font-size:10px;font-weight:bold;fill:#fff;text-anchor:end}"
    ".sk-track{fill:#fff;fill-opacity:.3}"
    ".sk-done{fill:#fff;transform-box:fill-box;transform:scaleX(var(--sk-done,0));transition:transform .25s}"
    ".sk-succeeded>.sk-track,.sk-succeeded>.sk-done,.sk-skipped>.sk-track,.sk-skipped>.sk-done,"
    ".sk-planned>.sk-track,.sk-planned>.sk-done{display:none}"
    ".sk-faded{opacity:.5}"
    ".sk-skipped>.sk-box,.sk-planned>.sk-box{stroke-dasharray:5 4;stroke-opacity:1}"
    ".sk-summary{font-size:10px;text-anchor:middle;fill:var(--sk-step-detail,var(--skd-detail))}"
    ".sk-card{fill:var(--sk-step-fill,var(--skd-fill));stroke:var(--sk-step-border,var(--skd-border))}"
    ".sk-operation{font-size:12px;font-weight:bold;text-anchor:middle;fill:var(--sk-step-text,var(--skd-text))}"
    ".sk-detail{font-size:10px;text-anchor:middle;fill:var(--sk-step-detail,var(--skd-detail))}"
    ".sk-cached>.sk-card{fill:var(--sk-cached-fill,var(--skd-cached-fill));stroke-width:2}"
    ".sk-cached>.sk-card,.sk-persisted>.sk-card{stroke:var(--sk-cached-border,var(--skd-cached-border))}"
    ".sk-persisted>.sk-card{stroke-dasharray:4 3}"
    ".sk-cached-count{font-weight:bold}"
    f".sk-link{{--sk-line:var(--sk-narrow,{palette.NARROW})}}"
    f".sk-shuffle{{--sk-line:var(--sk-shuffle,{palette.SHUFFLE})}}"
    ".sk-line{fill:none;stroke:var(--sk-line);stroke-width:1.4}"
    ".sk-shuffle>.sk-line{stroke-width:2.6}"
    ".sk-tip{fill:var(--sk-line);stroke:var(--sk-line);stroke-linejoin:round}"
    ".sk-pill{fill:var(--sk-step-fill,var(--skd-fill));stroke:var(--sk-line)}"
    ".sk-amount{font-size:10px;text-anchor:middle;fill:var(--sk-step-text,var(--skd-text))}"
    ".sk-stage:hover>.sk-box,.sk-step:hover>.sk-card{stroke-width:2.5}"
    "@media (prefers-reduced-motion:no-preference){"
    ".sk-for-running{animation:sk-pulse 1.4s infinite}}@keyframes sk-pulse{50%{opacity:.35}}"
)

STYLE = "".join(_style())
"""The style sheet of every picture. The same text in each, so that several on one page agree."""
