"""Plain text tables, readable in a notebook, a terminal and by a screen reader. For ``%spark`` and the command line."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence


def text_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Columns as wide as their widest cell; numbers to the right, text to the left.

    >>> print(text_table(["job", "action"], [(0, "count"), (12, "collect")]))
    job  action
      0  count
     12  collect
    """
    body = [[shown(cell) for cell in row] for row in rows]
    numeric = [bool(body) and all(is_number(row[column]) for row in body) for column in range(len(header))]
    widths = [max(len(row[column]) for row in [list(header), *body]) for column in range(len(header))]
    lines = []
    for row in [list(header), *body]:
        cells = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        )
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def fact_list(facts: Iterable[tuple[str, object]]) -> str:
    """Names and values, one pair a line, the values under each other.

    >>> print(fact_list([("master", "local[2]"), ("cores", 2)]))
    master  local[2]
    cores   2
    """
    pairs = [(name, shown(value)) for name, value in facts]
    width = max((len(name) for name, _ in pairs), default=0)
    return "\n".join(f"{name:<{width}}  {value}".rstrip() for name, value in pairs)


def shown(value: object, width: int = 200) -> str:
    """One cell of a table: one line, at most ``width`` characters.

    >>> shown(None), shown(1.25), shown("two\\nlines")
    ('-', '1.2', 'two lines')
    """
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.1f}"
    return textwrap.shorten(str(value), width, placeholder="…") or "-"


def is_number(text: str) -> bool:
    """Whether a cell belongs to the right of its column.

    >>> is_number("12"), is_number("1.5 s"), is_number("-"), is_number("local")
    (True, True, True, False)
    """
    return text == "-" or text[:1].isdigit()
