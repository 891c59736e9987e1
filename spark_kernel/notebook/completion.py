"""What the Tab key offers behind ``%%spark`` and ``%spark``, and inside a ``%%spark`` cell.

IPython's own completer knows variables that exist. Added here: flags and their values, subcommands, and the variables
that the cell itself assigns further up, which don't exist before it has run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from IPython.core.completer import SimpleCompletion, context_matcher

from spark_kernel.notebook.magics.flags import CELL_FLAGS, Flag
from spark_kernel.notebook.magics.spark_line import COMMANDS, SparkLine

_CELL_LINE = re.compile(r"\s*%%spark(\s.*)$")
_LINE_MAGIC = re.compile(r"\s*%spark(\s.*)$")
_ASSIGNED = re.compile(r"^\s*((?:[^\W\d]\w*\s*,\s*)*[^\W\d]\w*)\s*(?::[^=\n]+)?=(?!=)", re.MULTILINE)
_DEFINED = re.compile(r"^\s*(?:async\s+)?(?:def|class)\s+(\w+)|^\s*for\s+(\w+)\s+in\b", re.MULTILINE)


def words_for(before: str, above: str, line: SparkLine) -> tuple[list[str], str] | None:
    """The completions at the end of ``before``, the current line up to the cursor, and the text that they replace.

    ``above`` holds the lines of the cell above it. None where this package has nothing to say.
    """
    for pattern, offer in ((_CELL_LINE, _cell_words), (_LINE_MAGIC, _line_words)):
        match = pattern.match(before)
        if match:
            words = match[1].split()
            typed = "" if match[1][-1].isspace() else words.pop()
            offered = offer(words, typed, line)
            return sorted(word for word in offered if word.startswith(typed)), typed
    if re.match(r"\s*(?:%%\S+[^\n]*\n\s*)*%%spark\b", above):
        typed = re.search(r"(?<![.\w])\w*$", before)
        if typed and typed[0]:
            return sorted(name for name in names_assigned_in(above) if name.startswith(typed[0])), typed[0]
    return None


def names_assigned_in(source: str) -> set[str]:
    """The names that the lines of an unfinished cell bind.

    >>> sorted(names_assigned_in("%%spark\\nwords = lines.map(f)\\na, b = split()\\ndef clean(x):\\n    y == 1"))
    ['a', 'b', 'clean', 'words']
    """
    names = {name.strip() for group in _ASSIGNED.findall(source) for name in group.split(",")}
    return names | {name for groups in _DEFINED.findall(source) for name in groups if name}


def spark_matcher(line: SparkLine) -> Any:
    """A matcher for ``shell.Completer.custom_matchers``."""

    @context_matcher(identifier="spark_kernel")  # type: ignore[untyped-decorator, unused-ignore]
    def match(context: Any) -> dict[str, Any]:
        lines = context.full_text.split("\n")
        found = words_for(context.text_until_cursor, "\n".join(lines[: context.cursor_line]), line)
        if found is None:
            return {"completions": []}
        words, typed = found
        in_magic_line = context.text_until_cursor.lstrip().startswith("%")
        return {
            "completions": [SimpleCompletion(word, type="magic" if in_magic_line else "instance") for word in words],
            "matched_fragment": typed,
            # Behind a magic nothing but its own words makes sense; in the cell's code IPython's words do as well.
            "suppress": in_magic_line and bool(words),
        }

    return match


def _cell_words(words: list[str], typed: str, line: SparkLine) -> Iterable[str]:
    return _flag_words(CELL_FLAGS, words, typed)


def _line_words(words: list[str], typed: str, line: SparkLine) -> Iterable[str]:
    if not words:
        return COMMANDS
    command = COMMANDS.get(words[0])
    if command is None:
        return ()
    return [*_flag_words(command.flags, words[1:], typed), *command.suggestions(line)]


def _flag_words(flags: Iterable[Flag], words: list[str], typed: str) -> list[str]:
    """Flags that are not there yet, or the values of the flag that waits for one."""
    flags = list(flags)
    by_spelling = {spelling: flag for flag in flags for spelling in flag.spellings}
    waiting = by_spelling.get(words[-1]) if words else None
    if waiting is not None and waiting.value is not None:
        return list(waiting.suggestions)
    name, has_value, _ = typed.partition("=")
    if has_value and name in by_spelling:
        return [f"{name}={value}" for value in by_spelling[name].suggestions]
    used = {by_spelling[word.partition("=")[0]].field for word in words if word.partition("=")[0] in by_spelling}
    return [spelling for flag in flags if flag.field not in used for spelling in flag.spellings]
