"""The run card as HTML: a headline that folds, the picture as an image, and a table of the stages.

The subset of HTML that JupyterLab's sanitiser, GitHub and nbconvert leave alone: no script, no style element, no
inline SVG; `ALLOWED_TAGS` and `ALLOWED_ATTRIBUTES` say what is used, and a test holds them against the sanitiser's
list. Every text that comes from the user's code or data is escaped. `stage_table` is also shown while the run goes on.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from html import escape
from typing import Literal

from spark_kernel.notebook.card.amounts import bytes_text, count_text, rough_count, seconds_text
from spark_kernel.notebook.card.palette import STATE_COLOURS
from spark_kernel.notebook.card.picture import stages_title
from spark_kernel.notebook.card.run_json import RunJson, StageJson
from spark_kernel.notebook.card.stage_texts import (
    FLOW_LABELS,
    MARKS,
    elapsed_text,
    flows,
    plain,
    run_headline,
    shortened,
    skew_note,
    skipped_text,
    task_notes,
    with_skipped_together,
)

ALLOWED_TAGS = frozenset(
    {"div", "details", "summary", "strong", "span", "p", "table", "thead", "tbody", "tr", "th", "td", "img", "progress"}
)
ALLOWED_ATTRIBUTES = frozenset({"open", "style", "alt", "src", "width", "height", "value", "max", "title", "colspan"})

MOST_ROWS = 60
"""Stages in the table; a longer run shows its end, and says so."""
_LEFT = "text-align:left;padding:2px 8px"
_LOOKS = {
    "left": f"{_LEFT};white-space:nowrap",
    "right": "text-align:right;padding:2px 8px;white-space:nowrap",
}
_WIDE = 1200
"""Pictures up to this width are shrunk to the page; wider ones would become illegible and are scrolled."""


def to_html(run: RunJson, svg: str | None, size: tuple[float, float], alt: str, left_out: Sequence[str]) -> str:
    """The card of a finished run. ``svg`` is its picture of that size in points, ``alt`` says what is on it."""
    parts = [f'<summary style="cursor:pointer">{headline(run)}</summary>']
    if run["message"]:
        colour = STATE_COLOURS["failed" if run["outcome"] == "failed" else "cancelled"]
        bar = f"margin:4px 0;padding:2px 8px;border-left:3px solid {colour}"
        parts.append(f'<p style="{bar}">{_text(run["message"], 500)}</p>')
    if svg is not None:
        parts.append(_image(svg, size, alt))
    parts.extend(f'<p style="opacity:0.75">{escape(sentence)}</p>' for sentence in left_out)
    parts.append(stage_table(run))
    return f'<div><details open="">{"".join(parts)}</details></div>'


def headline(run: RunJson, now: float | None = None) -> str:
    """The run in one line; ``now`` gives the elapsed time of one that goes on."""
    title, *rest = run_headline(run, now)
    about = "".join(f" · {escape(part)}" for part in rest)
    return f"{_badge(run['outcome'])} <strong>{escape(title)}</strong>{about}"


def _badge(state: str) -> str:
    """The sign of a state, white on its colour: legible on any page."""
    look = f"background-color:{STATE_COLOURS[state]};color:#ffffff;border-radius:4px;padding:0 5px"
    return f'<span title="{state}" style="{look}">{MARKS[state]}</span>'


def _image(svg: str, size: tuple[float, float], alt: str) -> str:
    width, height = size
    data = base64.b64encode(svg.encode()).decode()
    style = "max-width:100%;height:auto" if width <= _WIDE else "max-width:none"
    return (
        f'<div style="overflow-x:auto;margin:6px 0"><img src="data:image/svg+xml;base64,{data}" alt="{escape(alt)}" '
        f'width="{width:.0f}" height="{height:.0f}" style="{style}"></div>'
    )


def stage_table(run: RunJson, now: float | None = None, most_rows: int = MOST_ROWS) -> str:
    """One row for each stage, with only those columns that some stage fills."""
    groups = with_skipped_together(run["stages"])
    shown = groups[-most_rows:]
    present = {label for group in shown for stage in group for label, _, _ in flows(stage)}
    labels = [label for label in FLOW_LABELS if label in present]
    headings = ["", "Stage", "Tasks", "", "Time", *(label.capitalize() for label in labels), ""]
    rows = [_row(group, labels, now) for group in shown]
    if len(shown) < len(groups):
        text = f"… {count_text(sum(map(len, groups[:-most_rows])), 'earlier stage')} not listed"
        rows.insert(0, f'<tr><td colspan="{len(headings)}" style="{_LEFT}">{text}</td></tr>')
    head = "".join(_cell("th", heading, "left" if heading == "Stage" else "right") for heading in headings)
    return (
        '<div style="overflow-x:auto"><table style="border-collapse:collapse;font-size:12px;line-height:1.4">'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _row(group: Sequence[StageJson], labels: Sequence[str], now: float | None) -> str:
    stage = group[0]
    tasks = stage["tasks"]
    name = f"{stage['stage_id']}: {_text(stage['name'], 60)}"
    if stage["state"] == "skipped":
        if len(group) > 1:
            name = stages_title([each["stage_id"] for each in group])
        return (
            f"<tr>{_cell('td', _badge('skipped'))}{_cell('td', name, 'left')}"
            f'<td colspan="{len(labels) + 4}" style="{_LEFT}">{skipped_text(group)}</td></tr>'
        )
    done = f"{tasks['succeeded']:,}/{tasks['total']:,}" if stage["state"] != "planned" else f"{tasks['total']:,}"
    bar = f'<progress value="{tasks["succeeded"]}" max="{max(tasks["total"], 1)}" style="width:90px"></progress>'
    amounts = {label: _flow(size, records) for label, size, records in flows(stage)}
    cells = [
        _cell("td", _badge(stage["state"])),
        _cell("td", name, "left"),
        *(_cell("td", text) for text in (done, bar, _time(stage, now))),
        *(_cell("td", amounts.get(label, "")) for label in labels),
        _cell("td", "; ".join(_notes(stage)), "left"),
    ]
    row = f"<tr>{''.join(cells)}</tr>"
    if stage["message"]:
        message = f'<td colspan="{len(cells) - 1}" style="{_LEFT}">{_text(stage["message"], 300)}</td>'
        row += f"<tr>{_cell('td', '')}{message}</tr>"
    return row


def _time(stage: StageJson, now: float | None) -> str:
    seconds = stage["task_seconds"]
    text = elapsed_text(stage, now)
    if seconds is None:
        return text
    spread = ", ".join(f"{name} {seconds_text(seconds[name])}" for name in ("min", "median", "max"))
    return f'<span title="task time: {spread}">{text}</span>'


def _flow(size: float, records: float) -> str:
    parts = [bytes_text(size)] if size else []
    if records:
        parts.append(f'<span title="{count_text(records, "row")}">{rough_count(records)} rows</span>')
    return " · ".join(parts)


def _notes(stage: StageJson) -> Iterator[str]:
    yield from task_notes(stage)
    if note := skew_note(stage):
        yield note


def _cell(tag: str, content: str, look: Literal["left", "right"] = "right") -> str:
    return f'<{tag} style="{_LOOKS[look]}">{content}</{tag}>'


def _text(text: str, width: int) -> str:
    return escape(shortened(plain(text), width))
