"""Path lists and patterns as Hadoop writes them. Pure: nothing here looks at a storage. Called by `inputs`.

    ,          separates paths, outside of braces
    ?  *       any one character; any number of them; never "/"
    [ab] [a-c] one of these characters;  [^ab] or [!ab]: none of them
    {x,y}      either; may be nested and may contain "/"
    \\c         the character c itself

Source of the rules: org.apache.hadoop.mapred.FileInputFormat (getPathStrings) and org.apache.hadoop.fs.GlobPattern,
compared with Spark 4.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from spark_kernel.common.errors import StorageError


def split_paths(text: str) -> list[str]:
    """The paths of a comma-separated list; commas inside braces belong to the pattern.

    >>> split_paths("/a,/b/{1,2}/c")
    ['/a', '/b/{1,2}/c']

    Raises StorageError for an empty path.
    """
    paths = _split_at_commas(text)
    if "" in paths:
        raise StorageError(f"an empty path in {text!r}; expected a path, or several with one comma between them")
    return paths


def expand_braces(pattern: str) -> list[str]:
    """Every pattern that ``pattern`` stands for, without braces, in order and each once.

    >>> expand_braces("a{b,c{d,e}}")
    ['ab', 'acd', 'ace']

    Raises StorageError when a brace is not closed.
    """
    # A pattern waits until its first brace is opened up; what comes out may have more of them.
    waiting, expanded = [pattern], []
    while waiting:
        current = waiting.pop()
        span = _first_braces(current)
        if span is None:
            expanded.append(current)
        else:
            before, inside, after = current[: span[0]], current[span[0] + 1 : span[1]], current[span[1] + 1 :]
            waiting.extend(before + choice + after for choice in reversed(_split_at_commas(inside)))
    return list(dict.fromkeys(expanded))


def is_pattern(component: str, wildcards: str = "*?[") -> bool:
    """Whether a part of a path may match several names.

    >>> is_pattern("part-*"), is_pattern(r"what\\?")
    (True, False)
    """
    return any(char in wildcards for char in re.sub(r"\\.", "", component, flags=re.DOTALL))


def unescape(component: str) -> str:
    r"""The name that a component without wildcards means.

    >>> unescape(r"\{x\}")
    '{x}'
    """
    return re.sub(r"\\(.)", r"\1", component, flags=re.DOTALL)


def component_matcher(component: str, wildcards: str = "*?[") -> re.Pattern[str]:
    """The regular expression for the names that one component of a pattern matches in full.

    >>> bool(component_matcher("[^a]?.txt").fullmatch("bc.txt"))
    True

    Raises StorageError when a bracket is not closed or a range runs backwards.
    """
    translated, at = [], 0
    while at < len(component):
        char = component[at]
        if char == "\\" and at + 1 < len(component):
            translated.append(re.escape(component[at + 1]))
            at += 2
        elif char == "[" and char in wildcards:
            text, at = _translate_class(component, at)
            translated.append(text)
        else:
            known = {"*": ".*", "?": "."} if char in wildcards else {}
            translated.append(known.get(char, re.escape(char)))
            at += 1
    try:
        return re.compile("".join(translated), re.DOTALL)
    except re.error as error:
        raise StorageError(f"can't understand the pattern {component}: {error}") from error


def _split_at_commas(text: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for at, char in _unescaped(text):
        if char == "{":
            depth += 1
        elif char == "}":
            depth -= 1
        elif char == "," and depth <= 0:
            parts.append(text[start:at])
            start = at + 1
    return [*parts, text[start:]]


def _first_braces(pattern: str) -> tuple[int, int] | None:
    """Where the first group of braces opens and closes."""
    opened, depth = -1, 0
    for at, char in _unescaped(pattern):
        if char == "{":
            opened = at if depth == 0 else opened
            depth += 1
        elif char == "}" and depth > 0:
            depth -= 1
            if depth == 0:
                return opened, at
    if depth:
        raise StorageError(rf"a '{{' is not closed in the pattern {pattern}; write \{{ for the character itself")
    return None


def _unescaped(pattern: str) -> Iterator[tuple[int, str]]:
    """Every character that no backslash stands before, and its place."""
    return ((found.start(), found[0]) for found in re.finditer(r"\\.|.", pattern, re.DOTALL) if len(found[0]) == 1)


def _translate_class(component: str, opened: int) -> tuple[str, int]:
    """The regular expression for the brackets opened at ``opened``, and the place after them."""
    negated = component[opened + 1 : opened + 2] in ("^", "!")
    first = opened + 1 + negated
    closed = next((at for at, char in _unescaped(component) if char == "]" and at > first), None)
    if closed is None:
        raise StorageError(rf"a '[' is not closed in the pattern {component}; write \[ for the character itself")
    members = re.sub(r"\\?([^\\-])", lambda found: re.escape(found[1]), component[first:closed], flags=re.DOTALL)
    return f"[{'^' if negated else ''}{members}]", closed + 1
