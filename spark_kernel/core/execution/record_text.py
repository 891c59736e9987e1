"""A record in one short line, for messages: bounded work whatever it is, and it never raises."""

from __future__ import annotations

import reprlib
from collections import deque
from dataclasses import fields, is_dataclass
from typing import Any

MAX_CHARACTERS = 200
_MAX_BITS = 1000
_ITEMS = 10
_LEVELS = 4


class _Short(reprlib.Repr):
    """Looks at the beginning of long strings and at the first items of containers only, those of subclasses too."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = _LEVELS
        self.maxtuple = self.maxlist = self.maxdict = self.maxset = self.maxfrozenset = self.maxdeque = _ITEMS
        self.maxother = MAX_CHARACTERS

    def repr1(self, x: Any, level: int) -> str:
        if isinstance(x, (str, bytes, bytearray, memoryview)):
            return _beginning(x)
        if isinstance(x, int) and not isinstance(x, bool) and x.bit_length() > _MAX_BITS:
            return f"<an integer of {x.bit_length()} bits>"
        if is_dataclass(x) and not isinstance(x, type) and _has_generated_repr(x):
            return self._fields(x, [each.name for each in fields(x) if each.repr], level)
        if isinstance(x, tuple) and hasattr(type(x), "_fields"):
            return self._fields(x, list(getattr(x, "_fields", ())), level)
        for kind, method in _CONTAINERS.items():
            if isinstance(x, kind) and type(x).__repr__ is kind.__repr__:
                text: str = getattr(self, method)(x, level)
                return text
        return super().repr1(x, level)

    def _fields(self, x: Any, names: list[str], level: int) -> str:
        if level <= 0:
            return f"{type(x).__name__}(...)"
        inside = ", ".join(f"{name}={self.repr1(getattr(x, name, None), level - 1)}" for name in names[:_ITEMS])
        return f"{type(x).__name__}({inside})"


_CONTAINERS: dict[Any, str] = {
    tuple: "repr_tuple",
    list: "repr_list",
    dict: "repr_dict",
    set: "repr_set",
    frozenset: "repr_frozenset",
    deque: "repr_deque",
}


def _has_generated_repr(x: Any) -> bool:
    # The decorator names what it generates after the class itself, and marks it with the guard that it wraps around.
    return hasattr(type(x).__repr__, "__wrapped__")


def _beginning(value: str | bytes | bytearray | memoryview) -> str:
    start = value[:MAX_CHARACTERS]
    text = repr(bytes(start) if isinstance(start, memoryview) else start)
    return text + "..." if len(value) > MAX_CHARACTERS else text


def record_text(record: Any) -> str:
    """``repr(record)``, at most 200 characters; long strings and containers are looked at from the outside only.

    >>> record_text({"id": 7})
    "{'id': 7}"
    >>> len(record_text("x" * 10_000_000))
    200
    """
    try:
        text = " ".join(_Short().repr(record).split("\n"))
    except Exception as error:
        text = f"<{type(record).__name__} whose repr raised {type(error).__name__}>"
    return text if len(text) <= MAX_CHARACTERS else text[: MAX_CHARACTERS - 3] + "..."
