"""The run card as HTML: readable, escaped, and in the subset that sanitisers keep."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from spark_kernel.notebook.card.html import ALLOWED_ATTRIBUTES, ALLOWED_TAGS, headline, stage_table, to_html
from tests.support.run_events import (
    RunEvents,
    failed_run,
    iterated_run,
    join_with_skipped_stage,
    long_lineage,
    running_word_count,
    snapshot,
    word_count,
)


class Reader(HTMLParser):
    """Collects tags, attributes, rows and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.rows: list[list[str]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.extend(attrs)
        if tag != "img":
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.rows and ("td" in self.open or "th" in self.open):
            self.rows[-1][-1] += data


def card(run: RunEvents, svg: str | None = "<svg/>", left_out: tuple[str, ...] = ()) -> str:
    return to_html(snapshot(run), svg, (400, 200), "the graph", left_out)


def test_the_table_says_what_each_stage_did() -> None:
    assert Reader(stage_table(snapshot(word_count()))).rows == [
        ["", "Stage", "Tasks", "", "Time", "Read", "Shuffle read", "Shuffle write", "Result", ""],
        ["✓", "0: map at cell [3], line 4", "8/8", "", "3.2 s", "2.5 MB · 60k rows", "", "192 kB · 7.2k rows", "", ""],
        ["✓", "1: reduceByKey at cell [3], line 4", "4/4", "", "400 ms", "", "96 kB · 3.6k rows", "", "3.6 kB", ""],
    ]


def test_skipped_stages_say_so() -> None:
    assert "skipped: its output is already there" in Reader(stage_table(snapshot(join_with_skipped_stage()))).rows[3]


def test_skipped_stages_that_follow_each_other_share_a_row() -> None:
    rows = Reader(stage_table(snapshot(iterated_run(20)))).rows
    assert len(rows) == 1 + 21 + 2
    assert rows[-2][1:] == ["Stages 21 to 40", "skipped: their outputs are already there"]


def test_failures_and_retries_are_told() -> None:
    html = Reader(card(failed_run()))
    assert "stage 1 failed at cell [7], line 4: ZeroDivisionError: division by zero" in html.text
    assert html.rows[2][-1] == "1 failed; 3 retried"
    assert html.rows[3] == ["", "partition 2 failed 4 times: ZeroDivisionError: division by zero"]


def test_the_headline_says_how_far_a_run_is() -> None:
    run = running_word_count()
    assert Reader(headline(snapshot(run), now=run.now)).text == (
        "▶ word count · cell [3] · 1 job · 2 stages · 3/12 tasks · 1.5 s"
    )


@pytest.mark.parametrize("make", [word_count, running_word_count, join_with_skipped_stage, failed_run])
def test_only_tags_and_attributes_of_the_subset_are_used(make: object) -> None:
    assert callable(make)
    reader = Reader(card(make(), left_out=("something",)))
    assert set(reader.tags) <= ALLOWED_TAGS
    assert {name for name, _ in reader.attributes} <= ALLOWED_ATTRIBUTES
    assert reader.open == []


def test_the_picture_is_an_image_with_an_alternative_text() -> None:
    attributes = dict(Reader(card(word_count())).attributes)
    assert attributes["src"] == "data:image/svg+xml;base64,PHN2Zy8+"
    assert attributes["alt"] == "the graph"


def test_a_picture_that_is_wider_than_a_page_is_scrolled_rather_than_shrunk() -> None:
    wide = to_html(snapshot(word_count()), "<svg/>", (3000, 200), "", ())
    assert "max-width:none" in wide
    assert "max-width:100%" in card(word_count())


def test_hostile_names_and_messages_are_escaped() -> None:
    evil = '<img src=x onerror="alert(1)">'
    run = RunEvents(title=evil)
    job = run.job(run.node(evil, name=evil), action=evil)
    run.submit(0)
    run.end_stage(0, "failed", evil)
    run.end_job(job, "failed", evil)
    run.end_run("failed", evil)
    reader = Reader(to_html(snapshot(run), "<svg/>", (10, 10), evil, [evil]))
    assert reader.tags.count("img") == 1
    assert not [name for name, _ in reader.attributes if name.startswith("on")]
    assert evil in reader.text


def test_a_long_run_lists_its_end_and_says_how_many_are_missing() -> None:
    rows = Reader(stage_table(snapshot(long_lineage(200, 2)), most_rows=10)).rows
    assert len(rows) == 12
    assert rows[1] == ["… 90 earlier stages not listed"]
    assert rows[-1][1].startswith("99: ")
