"""The word that a mistyped word was probably meant to be. Used by the magics and by the command line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A sentence to end an error message with: the nearest known word, or all of them when none is near.

    >>> did_you_mean("--plam", ["--plan", "--name", "--limit"])
    'Did you mean --plan?'
    >>> did_you_mean("--quick", ["--plan", "-o"])
    'Known are: --plan, -o.'
    """
    choices = list(known)
    near = difflib.get_close_matches(word, choices, n=1, cutoff=0.5) or [
        choice for choice in choices if len(word) > 2 and choice.startswith(word)
    ]
    return f"Did you mean {near[0]}?" if near else f"Known are: {', '.join(choices)}."
