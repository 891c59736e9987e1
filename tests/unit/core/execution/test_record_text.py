"""Records in one short line."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from dataclasses import dataclass

import pytest

from spark_kernel.core.execution.record_text import MAX_CHARACTERS, record_text

Point = namedtuple("Point", "x y")


@dataclass
class Page:
    number: int
    text: str


class Rude:
    def __repr__(self) -> str:
        raise ValueError("none of your business")


class Endless:
    """Would need gigabytes to show itself in full."""

    def __repr__(self) -> str:
        return "x" * 1000


@pytest.mark.parametrize(
    ("record", "text"),
    [
        (5, "5"),
        ("a\nb", "'a\\nb'"),
        (("k", [1, 2]), "('k', [1, 2])"),
        ({"id": 7}, "{'id': 7}"),
        (Point(1, "y"), "Point(x=1, y='y')"),
        (Page(1, "t"), "Page(number=1, text='t')"),
        (OrderedDict(a=1), repr(OrderedDict(a=1))),
        (None, "None"),
        (list(range(20)), "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ...]"),
    ],
)
def test_small_records_are_shown_as_python_does(record, text: str) -> None:
    assert record_text(record) == text


@pytest.mark.parametrize(
    "record",
    [
        "x" * 10**7,
        b"x" * 10**7,
        bytearray(10**7),
        memoryview(bytes(10**7)),
        [["x" * 10**7] * 100] * 100,
        Page(1, "x" * 10**7),
        Point("x" * 10**7, None),
        dict.fromkeys(range(10**5), "x" * 10**4),
        Endless(),
    ],
    ids=lambda record: type(record).__name__,
)
def test_large_records_are_cut(record) -> None:
    assert len(record_text(record)) <= MAX_CHARACTERS


def test_integers_of_more_digits_than_python_prints_are_described() -> None:
    assert record_text(10**5000) == "<an integer of 16610 bits>"


def test_records_that_refuse_to_be_shown_are_named() -> None:
    assert "Rude" in record_text(Rude())
    assert "Rude" in record_text([1, Rude()])


def test_records_that_contain_themselves_are_shown() -> None:
    record: list = []
    record.append(record)
    assert record_text(record).startswith("[[")
