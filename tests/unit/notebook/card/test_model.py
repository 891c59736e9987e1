"""The run card's model: what a run caused, folded from events in any order of arrival."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_kernel.common.call_sites import CallSite
from spark_kernel.common.event_json import from_json, to_json
from spark_kernel.common.events import (
    BlockUpdated,
    DatasetNamed,
    Event,
    JobEnded,
    JobSubmitted,
    RunStarted,
    StageSubmitted,
    TaskEnded,
    TaskMetrics,
    TaskStarted,
    Unpersisted,
)
from spark_kernel.notebook.card.model import RunModel, read_runs
from spark_kernel.notebook.card.run_json import STAGE_STATES, RunJson, StageJson
from tests.support.run_events import (
    READ,
    RunEvents,
    failed_run,
    join_with_skipped_stage,
    running_word_count,
    word_count,
)


def fold(events: list[Event], run_id: str = "app-1/run-1", everything: bool = False) -> RunJson:
    model = RunModel(run_id, everything=everything)
    for event in events:
        model.apply(event)
    return model.to_json()


def stage(run: RunJson, stage_id: int) -> StageJson:
    return next(stage for stage in run["stages"] if stage["stage_id"] == stage_id)


def tasks(run: RunJson, stage_id: int) -> dict[str, int]:
    return dict(stage(run, stage_id)["tasks"])


def test_a_finished_run_says_what_each_stage_did() -> None:
    run = fold(word_count().events)
    assert (run["title"], run["cell"], run["outcome"]) == ("word count", 3, "succeeded")
    assert run["jobs"] == [
        {
            "job_id": 0,
            "name": "collect",
            "place": "cell [3], line 5",
            "outcome": "succeeded",
            "message": "",
            "stages": [0, 1],
            "started": 100.0,
            "ended": pytest.approx(103.6),
        }
    ]
    assert [(s["state"], s["tasks"]["succeeded"], s["parents"]) for s in run["stages"]] == [
        ("succeeded", 8, []),
        ("succeeded", 4, [0]),
    ]
    assert stage(run, 0)["metrics"]["records_read"] == 8 * 7500
    assert stage(run, 0)["metrics"]["peak_memory_bytes"] == 120_000_000
    assert [(n["operation"], n["name"], n["stage_ids"]) for n in run["nodes"]] == [
        ("textFile", "lines", [0]),
        ("flatMap", "words", [0]),
        ("map", None, [0]),
        ("reduceByKey", "counts", [1]),
    ]
    assert [(e["parent"], e["child"], e["kind"]) for e in run["edges"]] == [
        (0, 1, "narrow"),
        (1, 2, "narrow"),
        (2, 3, "shuffle"),
    ]


def test_a_barrier_stage_is_known_as_one() -> None:
    submitted = next(event for event in word_count().events if isinstance(event, JobSubmitted))
    first, second = submitted.graph.stages
    stages = (dataclasses.replace(first, barrier=True), second)
    graph = dataclasses.replace(submitted.graph, stages=stages)
    folded = fold([dataclasses.replace(submitted, graph=graph)])
    assert [each["barrier"] for each in folded["stages"]] == [True, False]


def test_a_running_stage_counts_each_partition_once() -> None:
    run = fold(running_word_count().events)
    assert tasks(run, 0) == {"total": 8, "waiting": 3, "running": 2, "succeeded": 3, "failed": 0, "retried": 1}
    assert stage(run, 1)["state"] == "waiting"
    assert run["ended"] is None


def test_a_failed_partition_counts_as_failed_until_it_is_tried_again() -> None:
    run = RunEvents()
    run.job(run.node("range", partitions=2))
    run.submit(0)
    run.start(0, 0)
    run.end(0, 0, "failed")
    assert tasks(fold(run.events), 0)["failed"] == 1
    run.start(0, 0, attempt=1)
    assert tasks(fold(run.events), 0) | {"running": 1, "failed": 0, "retried": 1} == tasks(fold(run.events), 0)


def test_a_failed_run_keeps_what_was_done_and_why_it_ended() -> None:
    run = fold(failed_run().events)
    assert run["outcome"] == "failed"
    assert "division by zero" in run["message"]
    assert tasks(run, 1) == {"total": 4, "waiting": 1, "running": 0, "succeeded": 2, "failed": 1, "retried": 3}
    assert stage(run, 1)["state"] == "failed"


def test_two_speculative_attempts_are_one_running_partition() -> None:
    run = RunEvents()
    run.job(run.node("range", partitions=2))
    run.submit(0)
    run.start(0, 0)
    run.start(0, 0, attempt=1, speculative=True)
    assert tasks(fold(run.events), 0)["running"] == 1
    run.end(0, 0)
    run.end(0, 0, "cancelled", attempt=1)
    assert tasks(fold(run.events), 0) == {
        "total": 2,
        "waiting": 1,
        "running": 0,
        "succeeded": 1,
        "failed": 0,
        "retried": 0,
    }


def test_a_second_stage_attempt_repeats_only_what_was_lost() -> None:
    run = RunEvents()
    mapped = run.node("map", partitions=4)
    run.job(run.shuffle("groupByKey", mapped))
    run.run_stage(0)
    run.submit(1)
    run.start(1, 0)
    run.end(1, 0, "fetch_failed", message="worker-1 is gone")
    run.end_stage(1, "failed", "worker-1 is gone", retry=True)
    run.submit(0, tasks=1)
    halfway = fold(run.events)
    assert tasks(halfway, 0) == {"total": 4, "waiting": 1, "running": 0, "succeeded": 3, "failed": 0, "retried": 0}
    assert (stage(halfway, 1)["state"], stage(halfway, 1)["message"]) == ("waiting", "worker-1 is gone")
    run.start(0, 2)
    run.end(0, 2)
    run.end_stage(0)
    run.run_stage(1)
    run.end_job(0)
    done = fold(run.events)
    assert [s["state"] for s in done["stages"]] == ["succeeded", "succeeded"]
    assert [s["tasks"]["retried"] for s in done["stages"]] == [1, 1]
    assert [s["attempt"] for s in done["stages"]] == [1, 1]


def test_late_events_of_an_earlier_stage_attempt_change_the_metrics_only() -> None:
    run = RunEvents()
    run.job(run.node("range", partitions=2))
    run.submit(0)
    run.start(0, 0)
    late = TaskEnded(run.now, 1, 0, 0, 0, 0, "worker-0", "succeeded", READ)
    run.submit(0)
    run.events.append(late)
    done = fold(run.events)
    assert tasks(done, 0)["waiting"] == 2
    assert stage(done, 0)["metrics"]["records_read"] == READ.records_read


def test_a_stage_that_found_partitions_present_counts_them_as_done() -> None:
    run = RunEvents()
    run.job(run.node("range", partitions=10))
    run.submit(0, tasks=3)
    assert tasks(fold(run.events), 0) | {"total": 10, "succeeded": 7, "waiting": 3} == tasks(fold(run.events), 0)


def test_jobs_of_one_run_share_datasets_and_stages() -> None:
    run = fold(join_with_skipped_stage().events)
    assert [job["stages"] for job in run["jobs"]] == [[0, 1], [2, 3, 4, 5]]
    assert [s["state"] for s in run["stages"]] == [
        "succeeded",
        "succeeded",
        "skipped",
        "succeeded",
        "succeeded",
        "succeeded",
    ]
    assert [n["stage_ids"] for n in run["nodes"] if n["operation"] == "reduceByKey"] == [[1, 3]]
    assert len(run["nodes"]) == 8


def test_a_stage_that_ran_stays_done_when_a_later_job_skips_it() -> None:
    run = RunEvents()
    run.job(run.node("range", partitions=2))
    run.run_stage(0)
    run.end_job(0)
    submitted = next(event for event in run.events if isinstance(event, JobSubmitted))
    skipped = dataclasses.replace(submitted.graph.stages[0], skipped=True)
    again = dataclasses.replace(submitted, job_id=1, graph=dataclasses.replace(submitted.graph, stages=(skipped,)))
    assert stage(fold([*run.events, again]), 0)["state"] == "succeeded"


def test_a_held_job_is_planned_and_so_are_its_stages() -> None:
    run = RunEvents()
    job = run.job(run.shuffle("groupByKey", run.node("map")))
    run.end_job(job, "planned")
    run.end_run("planned")
    planned = fold(run.events)
    assert (planned["outcome"], planned["jobs"][0]["outcome"]) == ("planned", "planned")
    assert [s["state"] for s in planned["stages"]] == ["planned", "planned"]


def test_a_plan_without_a_job_can_be_drawn() -> None:
    run = RunEvents()
    graph = run.plan(run.shuffle("groupByKey", run.node("map")))
    model = RunModel("app-1/run-1")
    model.add_plan(graph)
    assert [s["state"] for s in model.to_json()["stages"]] == ["planned", "planned"]


def test_a_cancelled_job_leaves_nothing_running() -> None:
    run = running_word_count()
    run.end_job(0, "cancelled", "interrupted")
    run.end_run("cancelled", "interrupted")
    cancelled = fold(run.events)
    assert [s["state"] for s in cancelled["stages"]] == ["cancelled", "cancelled"]
    assert tasks(cancelled, 0)["running"] == 0
    assert tasks(cancelled, 0)["succeeded"] == 3


def test_a_stage_that_another_job_still_needs_survives_the_end_of_one() -> None:
    run = RunEvents()
    run.job(run.node("range", partitions=2))
    submitted = run.events[-1]
    assert isinstance(submitted, JobSubmitted)
    run.events.append(dataclasses.replace(submitted, job_id=1))
    run.submit(0)
    run.events.append(JobEnded(run.now, 0, "cancelled"))
    assert stage(fold(run.events), 0)["state"] == "running"


def test_events_of_other_runs_are_ignored() -> None:
    mine, other = word_count(), failed_run().events
    model = RunModel("somebody else's")
    assert not any(model.apply(event) for event in [*mine.events, *other])
    assert model.to_json()["jobs"] == []


def test_a_dataset_can_get_its_name_before_and_after_the_job() -> None:
    run = RunEvents()
    first, second = run.node("range"), run.node("map", 0)
    early = DatasetNamed(99.0, first, "numbers")
    run.job(second)
    named = fold([run.events[0], early, *run.events[1:], DatasetNamed(101.0, second, "squares")])
    assert [node["name"] for node in named["nodes"]] == ["numbers", "squares"]


def test_cached_partitions_follow_the_blocks() -> None:
    run = RunEvents()
    node = run.node("map", partitions=4, storage_level="Memory 1x", cached=1)
    run.job(node)

    def cached(*more: Event) -> int:
        return fold([*run.events, *more])["nodes"][0]["cached_partitions"]

    stored = [BlockUpdated(101.0, node, partition, "worker-0", 100, 0) for partition in (1, 2)]
    copy = BlockUpdated(102.0, node, 1, "worker-1", 100, 0)
    dropped = BlockUpdated(103.0, node, 1, "worker-0", 0, 0)
    assert cached() == 1
    assert cached(*stored) == 3
    assert cached(*stored, copy, dropped) == 3
    assert cached(*stored, dropped) == 2
    assert cached(*stored, Unpersisted(104.0, node)) == 0


def test_task_seconds_are_those_of_successful_tasks() -> None:
    run = RunEvents()
    run.job(run.node("range", partitions=5))
    run.submit(0)
    for partition, seconds in enumerate([3.0, 1.0, 4.0, 10.0]):
        run.start(0, partition)
        outcome = "failed" if seconds == 10.0 else "succeeded"
        run.end(0, partition, outcome, metrics=TaskMetrics(run_seconds=seconds))
    assert stage(fold(run.events), 0)["task_seconds"] == {"min": 1.0, "median": 3.0, "max": 4.0}


def test_a_log_without_its_beginning_still_gives_a_card() -> None:
    events = [event for event in word_count().events if not isinstance(event, (RunStarted, JobSubmitted))]
    run = fold(events, everything=True)
    assert run["outcome"] == "succeeded"
    assert [s["tasks"]["succeeded"] for s in run["stages"]] == [8, 4]


def test_a_stage_whose_start_was_missed_counts_its_tasks() -> None:
    events = [event for event in word_count().events if not isinstance(event, StageSubmitted)]
    assert [s["tasks"]["succeeded"] for s in fold(events)["stages"]] == [8, 4]


def test_an_event_log_reads_back_into_one_model_per_run() -> None:
    first, second = word_count(), failed_run()
    second_events = [
        dataclasses.replace(event, run_id="app-1/run-2") if hasattr(event, "run_id") else event
        for event in shifted(second.events, 10)
    ]
    log = [from_json(json.loads(json.dumps(to_json(event)))) for event in [*first.events, *second_events]]
    runs = read_runs(log)
    assert [run.run_id for run in runs] == ["app-1/run-1", "app-1/run-2"]
    assert runs[0].to_json() == fold(first.events)
    assert runs[1].to_json()["outcome"] == "failed"
    assert [len(run.to_json()["stages"]) for run in runs] == [2, 2]


def test_jobs_outside_any_run_share_a_model() -> None:
    run = word_count()
    events = [
        dataclasses.replace(event, run_id=None) if isinstance(event, JobSubmitted) else event
        for event in run.events[1:-1]
    ]
    (model,) = read_runs(events)
    assert model.run_id is None
    assert model.to_json()["stages"][0]["state"] == "succeeded"


def shifted(events: list[Event], by: int) -> list[Event]:
    """The same run with other job and stage ids, as the next run of an application has."""
    moved: list[Event] = []
    for event in events:
        if isinstance(event, JobSubmitted):
            stages = tuple(
                dataclasses.replace(
                    info, stage_id=info.stage_id + by, parents=tuple(parent + by for parent in info.parents)
                )
                for info in event.graph.stages
            )
            event = dataclasses.replace(event, graph=dataclasses.replace(event.graph, stages=stages))
        for field in ("job_id", "stage_id"):
            if hasattr(event, field):
                event = dataclasses.replace(event, **{field: getattr(event, field) + by})
        moved.append(event)
    return moved


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_loss_and_any_order_of_events_keep_the_counts_consistent(data: st.DataObject) -> None:
    whole = data.draw(
        st.sampled_from([word_count, running_word_count, join_with_skipped_stage, failed_run, tangled_attempts])
    )().events
    kept = data.draw(st.lists(st.sampled_from(range(len(whole))), unique=True, max_size=len(whole)))
    events = [whole[index] for index in (kept if data.draw(st.booleans()) else sorted(kept))]
    model = RunModel("app-1/run-1", everything=data.draw(st.booleans()))
    for event in events:
        model.apply(event)
        check_invariants(model.to_json())


@pytest.mark.parametrize("make", [word_count, join_with_skipped_stage, failed_run])
def test_every_prefix_of_a_run_keeps_the_counts_consistent(make: object) -> None:
    assert callable(make)
    model = RunModel("app-1/run-1")
    for event in make().events:
        model.apply(event)
        check_invariants(model.to_json())


def tangled_attempts() -> RunEvents:
    run = RunEvents()
    run.job(run.shuffle("groupByKey", run.node("map", partitions=3), partitions=2))
    run.submit(0)
    for partition in range(3):
        run.start(0, partition)
    run.end(0, 1, "executor_lost")
    run.submit(0, tasks=2)
    run.start(0, 1, attempt=1)
    run.end(0, 1, "failed", attempt=1)
    run.submit(0, tasks=1)
    run.start(0, 1)
    run.end(0, 1)
    run.end_stage(0)
    run.run_stage(1)
    run.submit(1, tasks=1)
    run.end_job(0, "cancelled")
    run.end_run("cancelled")
    return run


def check_invariants(run: RunJson) -> None:
    for info in run["stages"]:
        counts = info["tasks"]
        parts = [counts["waiting"], counts["running"], counts["succeeded"], counts["failed"]]
        assert sum(parts) == counts["total"]
        assert min(*parts, counts["retried"]) >= 0
        assert info["state"] in STAGE_STATES
        assert info["state"] == "running" or counts["running"] == 0
    if run["outcome"] != "running":
        assert all(job["outcome"] != "running" for job in run["jobs"])


def test_a_call_site_outside_a_notebook_is_shown_by_file() -> None:
    run = RunEvents()
    node = run.node("range")
    run.job(node)
    submitted = run.events[-1]
    assert isinstance(submitted, JobSubmitted)
    site = CallSite("count", "/home/ada/etl.py", 12)
    assert fold([dataclasses.replace(submitted, call_site=site)])["jobs"][0]["place"] == "etl.py:12"


def test_a_task_beyond_the_announced_partitions_enlarges_the_stage() -> None:
    run = RunEvents()
    run.job(run.node("range", partitions=1))
    run.submit(0)
    run.start(0, 0)
    extra = TaskStarted(run.now, 9, 0, 0, 5, 0, "worker-0")
    assert tasks(fold([*run.events, extra]), 0)["total"] == 2
