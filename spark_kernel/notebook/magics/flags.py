"""What may stand behind ``%%spark``, as one table: the parser, ``-h`` and the completion all read it.

The subcommands of ``%spark`` have a table of their own (`spark_line.py`) and use this parser for their flags.
"""

from __future__ import annotations

import keyword
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from spark_kernel.common.errors import SettingsError
from spark_kernel.notebook.nearest import did_you_mean

MASTERS = ("local[*]", "local[2]", "local-cluster[2,1,1024]", "inline", "dask://")
"""Master URLs to offer; every other form is accepted as well."""


@dataclass(frozen=True)
class Flag:
    """One flag of a magic."""

    name: str
    """As the user types it."""
    field: str
    """Key of its value in the parsed flags."""
    help: str
    value: str | None = None
    """What its value is called in the help; None for a switch."""
    convert: Callable[[str], object] = str
    """Turns the typed value into the parsed one; raises SettingsError saying what was expected."""
    short: str | None = None
    """A second spelling."""
    suggestions: tuple[str, ...] = ()
    """Values to offer while the user types."""

    @property
    def spellings(self) -> tuple[str, ...]:
        """Every way to write it."""
        return (self.name,) if self.short is None else (self.short, self.name)


@dataclass(frozen=True)
class CellOptions:
    """The flags of one ``%%spark`` cell."""

    plan: bool = False
    output: str | None = None
    name: str | None = None
    master: str | None = None
    no_card: bool = False
    limit: int = 10
    """Rows of a preview."""
    help: bool = False


def variable_name(text: str) -> str:
    """``text`` if it can be the name of a variable.

    Raises SettingsError when it can't.
    """
    if not text.isidentifier() or keyword.iskeyword(text):
        raise SettingsError(f"{text!r} can't be the name of a variable; use letters, digits and _")
    return text


def row_count(text: str) -> int:
    """``text`` as a number of rows, 0 or more.

    Raises SettingsError when it is none.
    """
    if not text.isdecimal():
        raise SettingsError(f"{text!r} is not a number of rows; use 0 or a positive integer")
    return int(text)


CELL_FLAGS = (
    Flag("--plan", "plan", "compile and draw the cell; Python statements run, actions don't"),
    Flag("-o", "output", "also hand the cell's last value to you under NAME", value="NAME", convert=variable_name),
    Flag("--name", "name", "title of the run card", value="TEXT"),
    Flag("--master", "master", "use the cluster at URL, for this and later cells", value="URL", suggestions=MASTERS),
    Flag("--no-card", "no_card", "show no run card for this cell"),
    Flag("--limit", "limit", "rows in a preview (10)", value="N", convert=row_count),
    Flag("--help", "help", "show this text", short="-h"),
)
"""The flags of ``%%spark``."""


def cell_options(line: str) -> CellOptions:
    """The flags behind ``%%spark``.

    >>> cell_options("--plan --limit 3 --name 'word count'")
    CellOptions(plan=True, output=None, name='word count', master=None, no_card=False, limit=3, help=False)

    Raises SettingsError for an unknown flag, a missing or unusable value, or a stray word.
    """
    values, words = parse_flags(line, CELL_FLAGS, "%%spark")
    if words:
        raise SettingsError(
            f"%%spark: {words[0]!r} is not a flag; code begins on the next line. Known are: {', '.join(_names())}."
        )
    return CellOptions(**values)


def parse_flags(line: str, flags: Sequence[Flag], command: str) -> tuple[dict[str, Any], list[str]]:
    """The values of the flags in ``line`` by field, and the words that are no flags.

    ``command`` is what the error messages call the magic. Raises SettingsError as `cell_options` does.
    """
    by_spelling = {spelling: flag for flag in flags for spelling in flag.spellings}
    values: dict[str, Any] = {}
    words: list[str] = []
    rest = iter(_split(line, command))
    for word in rest:
        if not word.startswith("-"):
            words.append(word)
            continue
        spelling, has_value, attached = word.partition("=")
        flag = by_spelling.get(spelling)
        if flag is None:
            raise SettingsError(f"{command} has no flag {spelling}. {did_you_mean(spelling, by_spelling)}")
        values[flag.field] = _value(flag, attached if has_value else None, rest, command)
    return values, words


def describe_flags(flags: Sequence[Flag]) -> str:
    """The table as help text, one line per flag."""
    left = [", ".join(flag.spellings) + (f" {flag.value}" if flag.value else "") for flag in flags]
    width = max(map(len, left))
    return "\n".join(f"  {head:<{width}}  {flag.help}" for head, flag in zip(left, flags, strict=True))


def _names() -> list[str]:
    return [flag.name for flag in CELL_FLAGS]


def _split(line: str, command: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as error:
        raise SettingsError(f"{command}: {error} in {line.strip()!r}; close the quotes") from error


def _value(flag: Flag, attached: str | None, rest: Iterator[str], command: str) -> object:
    if flag.value is None:
        if attached is not None:
            raise SettingsError(f"{command}: {flag.name} takes no value, but got {attached!r}")
        return True
    text = attached if attached is not None else next(rest, None)
    # `--name --plan` is a forgotten value; one that begins with a dash can be written as --name=-x.
    if not text or (attached is None and text.startswith("-")):
        raise SettingsError(f"{command}: {flag.name} needs a value: {flag.name} {flag.value}")
    try:
        return flag.convert(text)
    except SettingsError as error:
        raise SettingsError(f"{command}: {flag.name}: {error}") from None
