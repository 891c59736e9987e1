"""The first rows of a dataset, as a table."""

from __future__ import annotations

from collections import namedtuple

from spark_kernel.notebook.previews import CELL_WIDTH, Preview

Point = namedtuple("Point", ["x", "y"])


def test_plain_values_are_listed() -> None:
    assert repr(Preview([1, "a"], True, "rdd", 10)) == "all 2 rows of rdd\n1\n'a'"


def test_tuples_of_one_length_become_columns() -> None:
    lines = repr(Preview([("a", 1), ("b", 20)], False, "counts", 2)).splitlines()
    assert lines == ["first 2 rows of counts (more with --limit N)", "_1   _2", "'a'   1", "'b'  20"]


def test_the_fields_of_named_rows_are_the_columns() -> None:
    assert repr(Preview([Point(1, 2)], True, "points", 10)).splitlines()[1].split() == ["x", "y"]


def test_tuples_of_different_lengths_are_listed() -> None:
    assert repr(Preview([(1,), (1, 2)], True, "rdd", 10)).splitlines()[1:] == ["(1,)", "(1, 2)"]


def test_an_empty_dataset_says_so() -> None:
    assert repr(Preview([], True, "rdd", 10)) == "rdd is empty"
    assert "<table" not in Preview([], True, "rdd", 10)._repr_html_()


def test_long_values_are_cut_and_stay_on_one_line() -> None:
    (_, row) = repr(Preview(["x" * 10_000], True, "rdd", 10)).splitlines()
    assert len(row) <= CELL_WIDTH


def test_html_in_values_is_text() -> None:
    html = Preview(["<script>alert(1)</script>"], True, "<b>", 10)._repr_html_()
    assert "<script>" not in html
    assert "<b>" not in html


def test_a_record_whose_repr_fails_does_not_hide_the_others() -> None:
    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError("no")

    assert repr(Preview([Broken(), 2], True, "rdd", 10)).splitlines()[1:] == [
        "<Broken whose repr raises RuntimeError>",
        "2",
    ]
