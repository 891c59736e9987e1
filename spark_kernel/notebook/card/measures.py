"""Sizes of the picture's parts, in points, and the width of text.

Text is measured by a table, not by the fonts of this machine: the same run gets the same picture everywhere, and no
font has to be installed where the kernel runs. The table is Helvetica's, whose widths Arial and Liberation Sans
share.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from spark_kernel.notebook.card.picture import Box, Step

FONT: Final = "Helvetica,Arial,Liberation Sans,DejaVu Sans,sans-serif"
TITLE_SIZE: Final = 12.0
DETAIL_SIZE: Final = 10.0
STEP_HEIGHT: Final = 38.0
STEP_GAP: Final = 18.0
"""Room for the arrow between two steps of a column."""
CLOSED_HEIGHT: Final = 56.0
HEADER_HEIGHT: Final = 30.0
PADDING: Final = 10.0
MARK_WIDTH: Final = 18.0
"""Room for the state's sign in front of a box's title."""
REUSED: Final = " · reused"
"""Follows the count of tasks of a box whose output a later stage found done."""
SLACK: Final = 1.06
"""Browsers may not have the font: other common ones are a little wider."""

# Widths of the characters from space to tilde, in thousandths of the font size.
_WIDTHS: Final[Sequence[int]] = (
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278,
    556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556,
    1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778,
    667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556,
    333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556,
    556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
)  # fmt: skip
_BOLD: Final = 1.07


def text_width(text: str, size: float, bold: bool = False) -> float:
    """Points that ``text`` needs at a font size.

    >>> round(text_width("reduceByKey", 10), 1)
    59.5
    """
    thousandths = sum(
        _WIDTHS[ord(char) - 32] if " " <= char <= "~" else 600 if char < "\u2e80" else 1000 for char in text
    )
    return thousandths / 1000 * size * (_BOLD if bold else 1.0)


def _rounded(width: float) -> float:
    """Up to the next multiple of 8, so that "Stage 5" and "Stage 6" are of one size and share a layout."""
    return math.ceil(width / 8) * 8.0


def step_width(step: Step) -> float:
    """Points for a step, when it says as much as it may."""
    detail = step.detail
    if step.persisted_partitions is not None:
        detail += step.cached_text(step.persisted_partitions)
    text = max(text_width(step.title, TITLE_SIZE, bold=True), text_width(detail, DETAIL_SIZE))
    return _rounded(max(96.0, text * SLACK + 2 * PADDING))


def column_size(steps: Sequence[Step], box: Box | None = None) -> tuple[float, float]:
    """Width and height of steps that stand below each other; alone in a box, they are as wide as its title."""
    alone = header_width(box) if box is not None and len(box.columns) == 1 else 0.0
    return max(alone, *map(step_width, steps)), len(steps) * (STEP_HEIGHT + STEP_GAP) - STEP_GAP


def count_width(box: Box) -> float:
    """Points for the count of tasks, when it says as much as it may."""
    text = f"{box.tasks:,}/{box.tasks:,}{REUSED if len(box.stage_ids) > 1 and box.is_shuffled else ''}"
    return text_width(text, DETAIL_SIZE, bold=True) * SLACK


def header_width(box: Box) -> float:
    """Points for a box's title line: sign, title, count of tasks."""
    return _rounded(MARK_WIDTH + text_width(box.title, TITLE_SIZE, bold=True) * SLACK + 16 + count_width(box))


def closed_width(box: Box) -> float:
    """Points for a box that is drawn without its steps."""
    summary = text_width(box.summary, DETAIL_SIZE) * SLACK
    return _rounded(max(header_width(box), summary) + 2 * PADDING)
