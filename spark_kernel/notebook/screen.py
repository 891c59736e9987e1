"""The few ways in which the notebook layer puts something before the user's eyes, apart from run cards."""

from __future__ import annotations

import sys


def say(text: str) -> None:
    """Write lines of plain text under the cell, or to the terminal."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
