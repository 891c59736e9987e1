"""What operations on datasets mean, in plain Python: the oracle of the differential tests."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from typing import Any

Pairs = list[tuple[Any, Any]]


def same(left: Iterable[Any], right: Iterable[Any]) -> bool:
    """Whether both hold the same elements as often, in any order. Lists count as tuples."""
    return Counter(map(frozen, left)) == Counter(map(frozen, right))


def frozen(value: Any) -> Any:
    """The value with lists as tuples, PySpark's iterables of values too."""
    if type(value).__name__ == "ResultIterable" or isinstance(value, (list, tuple)):
        return tuple(frozen(item) for item in value)
    return value


def grouped(pairs: Pairs) -> dict[Any, list[Any]]:
    """Key -> its values, in order."""
    groups: dict[Any, list[Any]] = defaultdict(list)
    for key, value in pairs:
        groups[key].append(value)
    return dict(groups)


def combined(pairs: Pairs, function: Callable[[Any, Any], Any]) -> dict[Any, Any]:
    """Key -> its values put together."""
    result: dict[Any, Any] = {}
    for key, value in pairs:
        result[key] = function(result[key], value) if key in result else value
    return result


def joined(left: Pairs, right: Pairs, keep_left: bool = False, keep_right: bool = False) -> Pairs:
    """Every combination of values of a key; None for the missing side where that is kept."""
    lefts, rights = grouped(left), grouped(right)
    result = []
    for key in dict.fromkeys([*lefts, *rights]):
        some_left = lefts.get(key) or ([None] if keep_right else [])
        some_right = rights.get(key) or ([None] if keep_left else [])
        result += [(key, (a, b)) for a in some_left for b in some_right]
    return result
