"""The card of a cell that runs hundreds of jobs, each of which lists what it skips."""

from __future__ import annotations

from spark_kernel.common.call_sites import CallSite
from spark_kernel.common.events import (
    JobEnded,
    JobGraph,
    JobSubmitted,
    NodeInfo,
    StageEnded,
    StageInfo,
    StagesAdded,
    StageSubmitted,
)
from spark_kernel.notebook.card.compose import make_picture
from spark_kernel.notebook.card.model import MOST_SKIPPED, RunModel, read_runs
from spark_kernel.notebook.card.text_tree import text_tree

SITE = CallSite("count", "lesson.py", 3)
SKIPPED = 50


def node(node_id: int) -> NodeInfo:
    return NodeInfo(node_id, "reduceByKey", SITE, 2)


def job(number: int):
    """The events of one round: fifty stages are skipped, one runs."""
    first = number * (SKIPPED + 1)
    nodes = range(number, number + SKIPPED + 1)
    stages = tuple(
        StageInfo(first + i, "shuffle_map", "reduceByKey", (node_id,), (), 2, skipped=i < SKIPPED)
        for i, node_id in enumerate(nodes)
    )
    yield JobSubmitted(float(number), number, "run", SITE, JobGraph(tuple(map(node, nodes)), (), stages))
    yield StageSubmitted(number + 0.1, first + SKIPPED, 0, 2)
    yield StageEnded(number + 0.2, first + SKIPPED, 0, "succeeded")
    yield JobEnded(number + 0.3, number, "succeeded")


def looped(jobs: int) -> RunModel:
    model = RunModel("run", "a loop")
    for number in range(jobs):
        for event in job(number):
            assert model.apply(event)
    return model


def test_the_stages_that_ran_are_kept_and_the_latest_of_those_that_were_skipped() -> None:
    run = looped(500).to_json()
    states = [stage["state"] for stage in run["stages"]]
    assert states.count("succeeded") == 500
    assert states.count("skipped") == MOST_SKIPPED
    known = {stage["stage_id"] for stage in run["stages"]}
    assert all(set(job["stages"]) <= known for job in run["jobs"])
    assert len(run["jobs"][-1]["stages"]) == SKIPPED + 1
    assert len(run["jobs"][0]["stages"]) == 1


def test_five_hundred_jobs_are_drawn_and_told_in_a_few_lines() -> None:
    run = looped(500).to_json()
    assert len(text_tree(run).splitlines()) < 200
    picture = make_picture(run)
    assert picture is None or len(picture.boxes) <= 80


def test_a_job_that_runs_keeps_what_it_skips() -> None:
    model = looped(20)
    submitted = next(job(20))
    model.apply(submitted)
    for number in range(21, 60):
        for event in job(number):
            model.apply(event)
    assert all(model.knows_stage(stage.stage_id) for stage in submitted.graph.stages)
    assert model.apply(JobEnded(99.0, 20, "succeeded"))


def test_a_stage_that_comes_later_belongs_to_its_job() -> None:
    late = StageInfo(900, "shuffle_map", "reduceByKey", (7,), (), 2)
    events = [*list(job(0))[:1], StagesAdded(1.0, 0, JobGraph((node(7),), (), (late,)))]
    (run,) = read_runs([*events, StageSubmitted(1.1, 900, 0, 2)])
    told = run.to_json()
    assert told["jobs"][0]["stages"][-1] == 900
    assert [stage["state"] for stage in told["stages"] if stage["stage_id"] == 900] == ["running"]
