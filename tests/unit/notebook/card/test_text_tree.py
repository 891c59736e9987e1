"""The run card as text, against what a person should read."""

from __future__ import annotations

import unicodedata

import pytest

from spark_kernel.common.events import TaskMetrics
from spark_kernel.notebook.card.model import RunModel
from spark_kernel.notebook.card.text_tree import text_tree
from tests.support.run_events import (
    RunEvents,
    dense_lineage,
    failed_run,
    iterated_run,
    join_with_skipped_stage,
    long_lineage,
    running_word_count,
    snapshot,
    word_count,
)


def test_a_finished_run() -> None:
    assert (
        text_tree(snapshot(word_count()))
        == """\
✓ word count · cell [3] · 1 job · 2 stages · 3.6 s
└─ ✓ collect at cell [3], line 5 · 3.6 s
   ├─ ✓ Stage 0  ████████████████ 8/8    3.2 s
   │    lines: textFile → words: flatMap → map
   │    read 2.5 MB, 60,000 rows · shuffle write 192 kB, 7,200 rows
   └─ ✓ Stage 1  ████████████████ 4/4   400 ms
        stage 0 ⇒ counts: reduceByKey
        shuffle read 96 kB, 3,600 rows · result 3.6 kB"""
    )


def test_a_barrier_stage_says_that_it_is_one_and_how_often_it_was_begun() -> None:
    run = snapshot(word_count())
    run["stages"][0].update(barrier=True, attempt=1)
    run["stages"][1].update(barrier=True)
    lines = text_tree(run).splitlines()
    assert [line.rpartition("  ")[2] for line in lines if "Stage" in line] == ["barrier, attempt 2", "barrier"]


def test_a_run_that_goes_on() -> None:
    run = running_word_count()
    assert (
        text_tree(snapshot(run), now=run.now + 0.7)
        == """\
▶ word count · cell [3] · 1 job · 2 stages · 3/12 tasks · 2.2 s
└─ ▶ collect at cell [3], line 5 · 2.2 s
   ├─ ▶ Stage 0  ██████▒▒▒▒░░░░░░ 3/8    2.2 s  2 running, 1 retried
   │    lines: textFile → words: flatMap → map
   │    read 930 kB, 22,500 rows · shuffle write 72 kB, 2,700 rows
   └─ ○ Stage 1  ░░░░░░░░░░░░░░░░ 0/4
        stage 0 ⇒ counts: reduceByKey"""
    )


def test_two_jobs_with_a_skipped_stage_and_a_cached_dataset() -> None:
    assert (
        text_tree(snapshot(join_with_skipped_stage()))
        == """\
✓ orders per city · cell [3] · 2 jobs · 6 stages · 3.8 s
├─ ✓ count at cell [3], line 5 · 2.3 s
│  ├─ ✓ Stage 0  ████████████████ 6/6    2.0 s
│  │    orders: textFile → parsed: map (cached 6/6)
│  │    read 1.9 MB, 45,000 rows · shuffle write 144 kB, 5,400 rows
│  └─ ✓ Stage 1  ████████████████ 3/3   300 ms
│       stage 0 ⇒ totals: reduceByKey
│       shuffle read 72 kB, 2,700 rows · result 2.7 kB
└─ ✓ collect at cell [3], line 10 · 1.5 s
   ├─ ⤼ Stage 2  skipped: its output is already there
   ├─ ✓ Stage 3  ████████████████ 3/3   400 ms
   │    stage 2 ⇒ totals: reduceByKey
   │    shuffle read 72 kB, 2,700 rows · result 2.7 kB
   ├─ ✓ Stage 4  ████████████████ 2/2   600 ms
   │    customers: textFile → cities: map
   │    read 620 kB, 15,000 rows · shuffle write 48 kB, 1,800 rows
   └─ ✓ Stage 5  ████████████████ 3/3   500 ms
        stage 3, 4 ⇒ join → joined: join → best: filter
        shuffle read 72 kB, 2,700 rows · result 2.7 kB"""
    )


def test_a_failed_run_says_where_and_why() -> None:
    assert (
        text_tree(snapshot(failed_run()))
        == """\
✗ cell [7] · 1 job · 2 stages · failed · 1.9 s
  stage 1 failed at cell [7], line 4: ZeroDivisionError: division by zero
└─ ✗ collect at cell [7], line 5 · 1.9 s
   ├─ ✓ Stage 0  ████████████████ 4/4   700 ms
   │    numbers: parallelize → map
   │    read 1.2 MB, 30,000 rows · shuffle write 96 kB, 3,600 rows
   └─ ✗ Stage 1  ████████░░░░░░░░ 2/4    1.2 s  1 failed, 3 retried
        stage 0 ⇒ groups: groupByKey → ratios: mapValues
        shuffle read 48 kB, 1,800 rows · result 1.8 kB
        ✗ partition 2 failed 4 times: ZeroDivisionError: division by zero"""
    )


def test_a_planned_run() -> None:
    run = RunEvents()
    job = run.job(run.shuffle("groupByKey", run.node("map", name="pairs")))
    run.end_job(job, "planned")
    run.end_run("planned")
    assert (
        text_tree(snapshot(run))
        == """\
◇ cell [3] · 1 job · 2 stages · planned
└─ ◇ collect at cell [3], line 9
   ├─ ◇ Stage 0  4 tasks
   │    pairs: map
   └─ ◇ Stage 1  4 tasks
        stage 0 ⇒ groupByKey"""
    )


def test_a_plan_without_a_job() -> None:
    run = RunEvents()
    model = RunModel(run.run_id, title="lazy", cell=3)
    model.add_plan(run.plan(run.node("map", run.node("range"))))
    assert (
        text_tree(model.to_json())
        == """\
▶ lazy · cell [3] · 1 stage
└─ ◇ Stage 0  4 tasks
     range → map"""
    )


def test_a_stage_that_failed_and_is_tried_again_says_so() -> None:
    run = RunEvents()
    run.job(run.node("map"))
    run.submit(0)
    run.end_stage(0, "failed", "worker-1 is gone", retry=True)
    assert "! worker-1 is gone" in text_tree(snapshot(run))


def test_repeated_steps_are_counted() -> None:
    assert "parallelize → 9 x map" not in text_tree(snapshot(long_lineage(3)))
    assert "stage 0 ⇒ reduceByKey → 9 x map" in text_tree(snapshot(long_lineage(20)))


def test_a_long_run_is_cut_and_says_so() -> None:
    tree = text_tree(snapshot(long_lineage(500)))
    assert "… 26 earlier stages: 26 ○ waiting" in tree
    assert len(tree.splitlines()) < 80


def test_many_jobs_are_cut_and_say_so() -> None:
    run = RunEvents()
    data = run.node("range")
    for _ in range(30):
        run.end_job(run.job(data, "count"))
    assert text_tree(snapshot(run)).splitlines()[-1] == "└─ … 18 more jobs: 18 ✓ succeeded"


def test_skipped_stages_that_follow_each_other_share_a_line() -> None:
    tree = text_tree(snapshot(iterated_run(20)))
    assert (
        tree[tree.index("└─ ✓ collect") :]
        == """\
└─ ✓ collect at cell [3], line 5 · 100 ms
   ├─ ⤼ Stages 21 to 40  skipped: their outputs are already there
   └─ ✓ Stage 41  ████████████████ 4/4   100 ms
        stage 40 ⇒ state: reduceByKey
        shuffle read 96 kB, 3,600 rows · result 3.6 kB"""
    )


@pytest.mark.parametrize("run", [join_with_skipped_stage(), dense_lineage(60), long_lineage(300, 100)])
@pytest.mark.parametrize("width", [100, 60])
def test_every_line_fits_the_width(run: RunEvents, width: int) -> None:
    assert all(len(line) <= width for line in text_tree(snapshot(run), width=width).splitlines())


def test_wide_characters_count_twice_and_control_characters_are_taken_out() -> None:
    run = RunEvents(title="evil\x1b[31m\ntitle")
    run.job(run.node("map", name="数据" * 40))
    lines = text_tree(snapshot(run)).splitlines()
    assert lines[0].startswith("▶ evil?[31m title ·")
    columns = [sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in line) for line in lines]
    assert max(columns) <= 100


def test_a_straggler_is_pointed_out() -> None:
    run = RunEvents()
    run.job(run.node("map"))
    run.submit(0)
    for partition, seconds in enumerate([0.5, 0.6, 0.5, 9.0]):
        run.start(0, partition)
        run.end(0, partition, metrics=TaskMetrics(run_seconds=seconds))
    assert "slowest task 9.0 s, median 550 ms" in text_tree(snapshot(run))
