"""The first rows of a dataset, as a table under the cell."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

from spark_kernel.notebook.magics.tables import text_table

CELL_WIDTH = 200
"""Characters of one value; what is longer is cut in the middle."""

_STYLE = "text-align:left;padding:2px 12px 2px 0"


class Preview:
    """Rows of a dataset, for a person.

    Pairs and other tuples of one length become columns, as do the fields of named rows.

    >>> Preview([("to", 2), ("be", 2)], complete=False, name="counts", limit=2)
    first 2 rows of counts (more with --limit N)
    _1    _2
    'to'   2
    'be'   2
    """

    def __init__(self, rows: Sequence[Any], complete: bool, name: str, limit: int) -> None:
        self.rows = list(rows)
        self.complete = complete
        self.name = name
        self.limit = limit

    @property
    def title(self) -> str:
        """What is shown, in words."""
        if not self.rows:
            return f"{self.name} is empty" if self.complete else f"no rows of {self.name}"
        rows = f"{len(self.rows)} row{'s' if len(self.rows) > 1 else ''}"
        return f"all {rows} of {self.name}" if self.complete else f"first {rows} of {self.name} (more with --limit N)"

    def __repr__(self) -> str:
        if not self.rows:
            return self.title
        columns, rows = self._table()
        if columns == ["value"]:
            return "\n".join([self.title, *(row[0] for row in rows)])
        return f"{self.title}\n{text_table(columns, rows)}"

    def _repr_html_(self) -> str:
        columns, rows = self._table()
        head = "".join(f'<th style="{_STYLE}">{html.escape(column)}</th>' for column in columns)
        body = "".join(
            "<tr>" + "".join(f'<td style="{_STYLE}"><code>{html.escape(cell)}</code></td>' for cell in row) + "</tr>"
            for row in rows
        )
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if rows else ""
        return f"<div><p>{html.escape(self.title)}</p>{table}</div>"

    def _table(self) -> tuple[list[str], list[list[str]]]:
        columns = _columns(self.rows)
        if columns is None:
            return ["value"], [[_short(row)] for row in self.rows]
        return columns, [[_short(value) for value in row] for row in self.rows]


def _columns(rows: list[Any]) -> list[str] | None:
    """The columns of the rows, or None when they are not all tuples of one length."""
    if not rows or not all(isinstance(row, tuple) and len(row) == len(rows[0]) > 0 for row in rows):
        return None
    fields = getattr(rows[0], "__fields__", None) or getattr(rows[0], "_fields", None)
    return list(fields) if fields else [f"_{number}" for number in range(1, len(rows[0]) + 1)]


def _short(value: object) -> str:
    try:
        text = repr(value)
    except Exception as error:
        # A record whose repr fails must not hide the other ones.
        text = f"<{type(value).__name__} whose repr raises {type(error).__name__}>"
    if len(text) <= CELL_WIDTH:
        return text.replace("\n", " ")
    half = (CELL_WIDTH - 1) // 2
    return f"{text[:half]}…{text[-half:]}".replace("\n", " ")
