"""A record in one short line, for messages: bounded work whatever it is, and it never raises."""

from __future__ import annotations

import reprlib
from typing import Any

MAX_CHARACTERS = 200


class _Short(reprlib.Repr):
    """Looks at the ends of long strings and at the first items of containers only."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 4
        self.maxtuple = self.maxlist = self.maxarray = self.maxdict = self.maxset = self.maxfrozenset = 10
        self.maxdeque = 10
        self.maxstring = self.maxlong = self.maxother = MAX_CHARACTERS

    def repr_bytes(self, value: bytes, level: int) -> str:
        return _shortened(repr(value[:MAX_CHARACTERS]), len(value) > MAX_CHARACTERS)

    def repr_str(self, value: str, level: int) -> str:
        return _shortened(repr(value[:MAX_CHARACTERS]), len(value) > MAX_CHARACTERS)

    def repr_int(self, value: int, level: int) -> str:
        return repr(value) if value.bit_length() < 1000 else f"<an integer of {value.bit_length()} bits>"


def _shortened(text: str, cut: bool) -> str:
    return text + "..." if cut else text


def record_text(record: Any) -> str:
    """``repr(record)``, at most 200 characters; long strings and containers are looked at from the outside only.

    >>> record_text({"id": 7})
    "{'id': 7}"
    >>> len(record_text("x" * 10_000_000))
    200
    """
    try:
        text = _Short().repr(record)
    except Exception as error:
        text = f"<{type(record).__name__} whose repr raised {type(error).__name__}>"
    return text if len(text) <= MAX_CHARACTERS else text[: MAX_CHARACTERS - 3] + "..."
