"""The functions that generated programs hand to steps and actions. At the top level of a module, so that they have
names to print and travel to executors."""

from __future__ import annotations

from typing import Any

from tests.support.parity import plain


def text_of(x: Any) -> str:
    return repr(plain(x))


def size_of(x: Any) -> int:
    return len(text_of(x))


def is_long(x: Any) -> bool:
    return size_of(x) % 2 == 0


def itself(x: Any) -> Any:
    return x


def twice(x: Any) -> list[Any]:
    return [x, x]


def now_and_then(x: Any) -> list[Any]:
    return [x] * (size_of(x) % 3)


def more(x: Any) -> Any:
    return x + 1


def negative(x: Any) -> Any:
    return -x


def remainder(x: Any) -> Any:
    return x % 3


def shout(x: str) -> str:
    return x.upper()


def letters(x: str) -> list[str]:
    return list(x[:3])


def swapped(pair: Any) -> Any:
    return pair[1], pair[0]


def backwards(records: Any) -> Any:
    return reversed(list(records))


def in_order(records: Any) -> list[Any]:
    return sorted(records, key=text_of)


def how_many(records: Any) -> list[int]:
    return [sum(1 for _ in records)]


def with_partition(index: int, records: Any) -> Any:
    return ((index, record) for record in records)


def joined_text(left: Any, right: Any) -> str:
    return f"({plain(left)}+{plain(right)})"


def larger(left: Any, right: Any) -> Any:
    return max(left, right)


def minus(left: Any, right: Any) -> Any:
    return left - right


def plus(left: Any, right: Any) -> Any:
    return left + right


def in_a_list(value: Any) -> list[Any]:
    return [value]


def put_in(values: list[Any], value: Any) -> list[Any]:
    values.append(value)
    return values


def put_all(values: list[Any], others: list[Any]) -> list[Any]:
    values.extend(others)
    return values


def partition_by_text(key: Any) -> int:
    return len(repr(key))


def partition_by_nothing(key: Any) -> int:
    return -5
