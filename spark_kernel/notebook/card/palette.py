"""Colours of the picture, chosen once for `svg` (as CSS), `png`, `html` and `widget`.

Each colour of a state carries white text with a contrast of at least 4.5, and stands out from a white and from a black
page. Text never stands on the page itself: a saved picture does not know whether the page is light or dark.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

STATE_COLOURS: Final[Mapping[str, str]] = {
    "waiting": "#64748b",
    "running": "#2563eb",
    "succeeded": "#15803d",
    "failed": "#dc2626",
    "cancelled": "#b45309",
    "skipped": "#6b7280",
    "planned": "#6d5bd0",
}
NARROW: Final = "#7a869a"
SHUFFLE: Final = "#a855f7"

STEP_FILL: Final = "#ffffff"
STEP_BORDER: Final = "#b6c2d1"
STEP_TEXT: Final = "#0f172a"
STEP_DETAIL: Final = "#475569"
CACHED_FILL: Final = "#d5f5f0"
CACHED_BORDER: Final = "#0d9488"

DARK_STEP_FILL: Final = "#1e293b"
DARK_STEP_BORDER: Final = "#475569"
DARK_STEP_TEXT: Final = "#f1f5f9"
DARK_STEP_DETAIL: Final = "#cbd5e1"
DARK_CACHED_FILL: Final = "#134e4a"
DARK_CACHED_BORDER: Final = "#2dd4bf"
