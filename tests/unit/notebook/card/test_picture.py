"""What is drawn of a run: which boxes, steps and links, and how much of a large one."""

from __future__ import annotations

from dataclasses import replace

from spark_kernel.notebook.card.box_status import box_statuses
from spark_kernel.notebook.card.compose import MOST_BOXES, MOST_STEPS, make_picture
from spark_kernel.notebook.card.model import RunModel
from spark_kernel.notebook.card.picture import Picture
from tests.support.run_events import (
    RunEvents,
    dense_lineage,
    join_with_skipped_stage,
    long_lineage,
    rounds_over_cached_links,
    snapshot,
    word_count,
)


def picture_of(run: RunEvents) -> Picture:
    picture = make_picture(snapshot(run))
    assert picture is not None
    return picture


def test_each_stage_is_a_box_with_its_datasets_as_steps() -> None:
    picture = picture_of(word_count())
    assert [(box.title, [step.title for step in box.steps]) for box in picture.boxes] == [
        ("Stage 0 · map", ["textFile", "flatMap", "map"]),
        ("Stage 1 · reduceByKey", ["reduceByKey"]),
    ]
    assert [step.detail for step in picture.steps] == [
        "lines · 8 partitions",
        "words · 8 partitions",
        "8 partitions",
        "counts · 4 partitions",
    ]
    assert [step.place for step in picture.steps][:2] == ["cell [3], line 2", "cell [3], line 3"]


def test_links_are_narrow_within_a_stage_and_shuffles_between_stages() -> None:
    links = picture_of(word_count()).links
    assert [(link.key, link.kind, link.source_box, link.target_box) for link in links] == [
        ("edge0-1", "narrow", 0, 0),
        ("edge1-2", "narrow", 0, 0),
        ("edge2-3", "shuffle", 0, 1),
    ]


def test_a_picture_does_not_depend_on_how_far_the_run_is() -> None:
    run = word_count()
    model = RunModel(run.run_id)
    seen = []
    for event in run.events:
        model.apply(event)
        seen.append(make_picture(model.to_json()))
    drawn = [picture for picture in seen if picture is not None]
    assert len(drawn) > 20
    assert all(picture == drawn[0] for picture in drawn)


def test_a_stage_that_finds_its_output_done_shares_the_box_of_the_one_that_made_it() -> None:
    run = join_with_skipped_stage()
    picture = picture_of(run)
    shared = picture.boxes[0]
    assert (shared.title, shared.stage_ids) == ("Stages 0, 2 · map", (0, 2))
    status = box_statuses(picture, snapshot(run))[0]
    assert (status.state, status.succeeded, status.total, status.is_reused) == ("succeeded", 6, 6, True)
    assert [link.target_box for link in picture.links if link.source_box == 0 and link.kind == "shuffle"] == [1, 2]


def test_a_dataset_that_two_stages_compute_is_a_step_in_each() -> None:
    totals = [step for step in picture_of(join_with_skipped_stage()).steps if "totals" in step.detail]
    assert [step.key for step in totals] == ["node2", "node2-stage3"]


def test_what_one_line_made_is_one_step() -> None:
    picture = picture_of(rounds_over_cached_links(1))
    middle = picture.boxes[1]
    assert [(step.title, step.detail) for step in middle.steps] == [
        ("partitionBy", "links · 4 partitions"),
        ("mapValues", "ranks · 4 partitions"),
        ("join", "4 partitions · 4 steps"),
    ]
    inside = [(link.source, link.target) for link in picture.links if link.source_box == link.target_box == 1]
    links, ranks, join = (step.key for step in middle.steps)
    assert sorted(set(inside)) == sorted({(links, ranks), (links, join), (ranks, join)})


def test_a_line_called_again_and_again_is_one_step() -> None:
    run = RunEvents()
    state = run.node("parallelize", line=1)
    for _ in range(100):
        state = run.node("map", state, name="state", line=2)
    run.job(run.node("filter", state, line=3))
    assert [step.title for step in picture_of(run).steps] == ["parallelize", "map", "filter"]


def test_steps_of_one_line_stay_apart_where_another_way_leads_around() -> None:
    run = RunEvents()
    first = run.node("union", run.node("range"), line=2)
    again = run.node("union", run.node("map", first, line=2), first, line=2)
    run.job(again)
    assert [step.title for step in picture_of(run).steps] == ["range", "union", "map", "union"]


def test_a_persisted_step_of_a_line_stays_visible() -> None:
    run = RunEvents()
    kept = run.node("map", name="kept", line=2)
    run.persist(kept)
    run.job(run.node("map", kept, name="kept", line=2))
    assert [step.persisted_partitions for step in picture_of(run).steps] == [4, None]


def test_the_origin_of_a_persisted_dataset_is_drawn_once() -> None:
    picture = picture_of(rounds_over_cached_links(5))
    from_pages = [link.target_box for link in picture.links if link.source_box == 0]
    assert from_pages == [1]
    assert [link.target_box for link in picture.links if link.kind == "shuffle"] == [1, 2, 3, 4, 5, 6]


def test_an_action_called_again_shares_a_box() -> None:
    run = RunEvents()
    data = run.node("map", run.node("range"))
    for _ in range(5):
        job = run.job(data, "count")
        run.run_stage(run.stage_of(data))
        run.end_job(job)
    (box,) = picture_of(run).boxes
    assert box.stage_ids == (0, 1, 2, 3, 4)
    assert box.title == "Stages 0 to 4 · map"
    status = box_statuses(picture_of(run), snapshot(run))[0]
    assert (status.state, status.succeeded, status.total) == ("succeeded", 20, 20)


def test_two_shuffles_of_one_dataset_are_two_boxes() -> None:
    run = RunEvents()
    data = run.node("map")
    for shuffled in (run.shuffle("groupByKey", data), run.shuffle("reduceByKey", data)):
        run.job(shuffled)
    assert [box.title for box in picture_of(run).boxes] == [
        "Stage 0 · map",
        "Stage 1 · groupByKey",
        "Stage 2 · map",
        "Stage 3 · reduceByKey",
    ]


def test_a_box_shows_the_most_urgent_state_of_its_stages() -> None:
    run = RunEvents()
    data = run.node("range")
    first = run.job(data)
    run.run_stage(0)
    run.end_job(first)
    run.job(data)
    run.submit(1)
    run.start(1, 0)
    status = box_statuses(picture_of(run), snapshot(run))[0]
    assert (status.state, status.succeeded, status.running, status.total) == ("running", 4, 1, 8)


def test_chains_of_steps_stand_in_columns_and_branches_beside_them() -> None:
    run = RunEvents()
    left = run.node("map", run.node("range"))
    right = run.node("filter", run.node("range"))
    run.job(run.node("map", run.node("union", left, right)))
    (box,) = picture_of(run).boxes
    assert box.columns == ((0, 1), (2, 3), (4, 5))


def test_what_no_stage_computes_is_a_loose_step() -> None:
    model = RunModel("app-1/run-1")
    run = RunEvents()
    child = run.node("map", run.node("range"))
    graph = run.plan(child)
    model.add_plan(replace(graph, stages=(replace(graph.stages[0], node_ids=(child,)),)))
    picture = make_picture(model.to_json())
    assert picture is not None
    assert [step.title for step in picture.loose] == ["range"]
    assert [(link.source, link.source_box) for link in picture.links] == [("node0", None)]


def test_a_run_without_stages_has_no_picture() -> None:
    assert make_picture(RunModel("app-1/run-1").to_json()) is None


def test_too_many_steps_close_the_boxes() -> None:
    picture = picture_of(long_lineage(MOST_STEPS + 1, 20))
    assert picture.detail == "stages"
    assert picture.steps == ()
    assert picture.boxes[1].summary == "reduceByKey → … → map"
    assert [(link.source, link.target) for link in picture.links[:2]] == [("stage0", "stage1"), ("stage1", "stage2")]
    assert picture.left_out == ("The picture shows the 16 stages only: the 301 datasets in them are too many to draw.")


def test_too_many_stages_join_chains_into_boxes_that_can_be_read() -> None:
    picture = picture_of(long_lineage((MOST_BOXES + 20) * 2, 2))
    assert picture.detail == "chains"
    assert [box.title for box in picture.boxes[:2]] == ["Stages 0 to 4", "Stages 5 to 9"]
    assert len(picture.boxes) == 20
    assert len(picture.links) == 19
    assert "too many to draw one by one" in picture.left_out


def test_stages_that_branch_too_much_are_drawn_by_job() -> None:
    run = RunEvents()
    source = run.node("range")
    for _ in range(3):
        branches = [run.shuffle("groupByKey", source) for _ in range(50)]
        run.job(run.shuffle("join", *branches))
    picture = picture_of(run)
    assert picture.detail == "jobs"
    assert len(picture.boxes) == 3
    assert all(box.summary.endswith("stages") for box in picture.boxes)


def test_a_run_of_very_many_jobs_has_no_picture() -> None:
    run = RunEvents()
    for _ in range(MOST_BOXES + 10):
        run.job(run.node("range"))
    assert make_picture(snapshot(run)) is None


def test_a_tangle_is_drawn_as_its_stage() -> None:
    assert [box.summary for box in picture_of(dense_lineage(500)).boxes] == ["parallelize → … → union"]
