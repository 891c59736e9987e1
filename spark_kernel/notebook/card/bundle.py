"""The finished run card as one mimebundle that needs no kernel and no front end of ours.

JupyterLab with our renderer shows the JSON, others the HTML, GitHub and PDF exports the PNG, terminals the text. There
is no widget and no SVG among them on purpose: a widget hides all the rest when its model is gone, and SVG is never
chosen beside HTML but doubles the size. The same events give the same bundle.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from spark_kernel.notebook.card.amounts import count_text
from spark_kernel.notebook.card.drawing import Drawing, draw
from spark_kernel.notebook.card.html import to_html
from spark_kernel.notebook.card.layout import LAYOUTS, SECONDS, Layout, LayoutCache, lay_out
from spark_kernel.notebook.card.layout_client import GRAPHVIZ, GraphvizError, GraphvizProcess
from spark_kernel.notebook.card.picture import Detail, Picture
from spark_kernel.notebook.card.png import to_png
from spark_kernel.notebook.card.run_json import MIME, CardJson, RunJson
from spark_kernel.notebook.card.svg import to_svg
from spark_kernel.notebook.card.text_tree import text_tree

_log = logging.getLogger(__name__)

MOST_SVG_CHARACTERS = 200_000
MOST_NODES = 400
MOST_STAGES = 200
MOST_JOBS = 200

MimeBundle = dict[str, Any]


@dataclass(frozen=True)
class Pictures:
    """The picture of a run in its saved forms."""

    picture: Picture | None = None
    drawing: Drawing | None = None
    svg: str | None = None
    png: bytes | None = None


def make_pictures(
    run: RunJson, graphviz: GraphvizProcess = GRAPHVIZ, cache: LayoutCache = LAYOUTS, seconds: float = SECONDS
) -> Pictures:
    """Lay out and draw the run; whatever can't be made in time is left out. Blocks for a few seconds at worst."""

    def place(detail: Detail | None) -> tuple[Picture, Layout] | None:
        return lay_out(run, graphviz=graphviz, cache=cache, seconds=seconds, detail=detail)

    details: tuple[Detail | None, ...] = (None, "stages")
    for detail in details:
        if (placed := place(detail)) is None:
            break
        picture, drawing, svg = _drawn(run, placed)
        if len(svg) <= MOST_SVG_CHARACTERS:
            coarser = place if picture.detail == "steps" else None
            return Pictures(picture, drawing, svg, _png(run, drawing, graphviz, seconds, coarser))
        if picture.detail != "steps":
            break
    return Pictures()


def _drawn(run: RunJson, placed: tuple[Picture, Layout]) -> tuple[Picture, Drawing, str]:
    picture, layout = placed
    drawing = draw(run, picture, layout)
    return picture, drawing, to_svg(drawing, run["run_id"])


def _png(
    run: RunJson,
    drawing: Drawing,
    graphviz: GraphvizProcess,
    seconds: float,
    coarser: Callable[[Detail], tuple[Picture, Layout] | None] | None,
) -> bytes | None:
    try:
        image = to_png(drawing, graphviz, seconds)
        if image is None and coarser is not None and (coarse := coarser("stages")) is not None:
            image = to_png(draw(run, *coarse), graphviz, seconds)
    except GraphvizError as error:
        _log.info("the card has no PNG: %s", error)
        return None
    return image


def final_bundle(run: RunJson, pictures: Pictures) -> MimeBundle:
    """What is saved in the notebook, by mime type; ``pictures`` may be empty."""
    card = _card(run, pictures)
    size = (pictures.drawing.width, pictures.drawing.height) if pictures.drawing is not None else (0.0, 0.0)
    alt = f"Graph of the stages of {pictures.drawing.title if pictures.drawing is not None else run['title']}"
    bundle: MimeBundle = {
        MIME: card,
        "text/html": to_html(run, pictures.svg, size, alt, card["left_out"]),
        "text/plain": text_tree(run),
    }
    if pictures.png is not None:
        bundle["image/png"] = base64.b64encode(pictures.png).decode()
    return bundle


def _card(run: RunJson, pictures: Pictures) -> CardJson:
    left_out = []
    if pictures.picture is None:
        if run["stages"]:
            left_out.append("There is no picture of this run: it is too large to draw, or Graphviz was not available.")
    elif pictures.picture.left_out:
        left_out.append(pictures.picture.left_out)
    nodes, stages, jobs = run["nodes"][-MOST_NODES:], run["stages"][-MOST_STAGES:], run["jobs"][-MOST_JOBS:]
    for kept, whole, noun in (
        (nodes, run["nodes"], "dataset"),
        (stages, run["stages"], "stage"),
        (jobs, run["jobs"], "job"),
    ):
        if len(kept) < len(whole):
            missing = count_text(len(whole) - len(kept), f"earliest {noun}")
            left_out.append(f"The details of the {missing} are not kept.")
    known = {node["node_id"] for node in nodes}
    boxes = pictures.picture.boxes if pictures.picture is not None else ()
    return {
        "version": run["version"],
        "run_id": run["run_id"],
        "title": run["title"],
        "cell": run["cell"],
        "outcome": run["outcome"],
        "message": run["message"],
        "started": run["started"],
        "ended": run["ended"],
        "jobs": jobs,
        "stages": stages,
        "nodes": nodes,
        "edges": [edge for edge in run["edges"] if edge["parent"] in known and edge["child"] in known],
        "svg": pictures.svg,
        "boxes": [{"stage_id": box.stage_id, "stage_ids": list(box.stage_ids)} for box in boxes],
        "left_out": left_out,
    }
