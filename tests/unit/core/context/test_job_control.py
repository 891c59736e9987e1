"""Jobs: labels of each thread, cancelling by label, holding back, watching."""

from __future__ import annotations

import threading
from operator import add

import pytest
from pyspark import InheritableThread, inheritable_thread_target
from pyspark.errors import IllegalArgumentException

from spark_kernel.common import events
from spark_kernel.common.errors import ActionHeldError, JobCancelledError, JobFailedError
from tests.support.inline import inline_context


@pytest.fixture
def sc():
    with inline_context() as context:
        yield context


@pytest.fixture
def submitted(sc):
    heard = []
    sc.events.listen(lambda event: heard.append(event) if isinstance(event, events.JobSubmitted) else None)
    return heard


def in_thread(target, kind=threading.Thread) -> None:
    thread = kind(target=target)
    thread.start()
    thread.join(10)


def test_labels_belong_to_the_thread(sc, submitted) -> None:
    sc.setJobGroup("mine", "what I do")
    sc.parallelize([1]).count()
    in_thread(lambda: sc.parallelize([1]).count())
    sc.setJobDescription(None)
    sc.parallelize([1]).count()
    assert [(job.group, job.description) for job in submitted] == [("mine", "what I do"), (None, None), ("mine", None)]


def test_some_threads_inherit_labels(sc, submitted) -> None:
    sc.setJobGroup("mine", "")
    wrapped = inheritable_thread_target(lambda: sc.parallelize([1]).count())
    thread = InheritableThread(target=lambda: sc.parallelize([1]).count())
    sc.setJobGroup("later", "")
    in_thread(wrapped)
    thread.start()
    thread.join(10)
    assert [job.group for job in submitted] == ["mine", "later"]


def test_local_properties_reach_tasks(sc) -> None:
    from pyspark import TaskContext

    sc.setLocalProperty("color", "red")
    assert sc.getLocalProperty("color") == "red"
    seen = sc.parallelize([1, 2], 2).map(lambda x: TaskContext.get().getLocalProperty("color")).collect()
    assert seen == ["red", "red"]
    sc.setLocalProperty("color", None)
    assert sc.getLocalProperty("color") is None
    assert sc.parallelize([1]).map(lambda x: TaskContext.get().getLocalProperty("color")).collect() == [None]


def test_a_task_knows_what_it_is(sc) -> None:
    from pyspark import TaskContext

    facts = sc.parallelize(range(3), 3).map(
        lambda x: (TaskContext.get().partitionId(), TaskContext.get().attemptNumber(), TaskContext.get().cpus())
    )
    assert facts.collect() == [(0, 0, 1), (1, 0, 1), (2, 0, 1)]
    assert TaskContext.get() is None


def test_tags(sc) -> None:
    sc.addJobTag("a")
    sc.addJobTag("b")
    assert sc.getJobTags() == {"a", "b"}
    sc.removeJobTag("a")
    assert sc.getJobTags() == {"b"}
    sc.clearJobTags()
    assert sc.getJobTags() == set()
    for tag, words in [("", "empty string"), ("a,b", "','")]:
        with pytest.raises(IllegalArgumentException, match=words):
            sc.addJobTag(tag)


@pytest.mark.parametrize(
    "cancel",
    [
        lambda sc, job_id: sc.cancelJobGroup("endless"),
        lambda sc, job_id: sc.cancelJobsWithTag("tagged"),
        lambda sc, job_id: sc.cancelJob(job_id),
        lambda sc, job_id: sc.cancel_run("run-1", "because"),
        lambda sc, job_id: sc.cancelAllJobs(),
        lambda sc, job_id: sc.stop(),
    ],
    ids=["group", "tag", "job", "run", "all", "stop"],
)
def test_running_jobs_are_cancelled_by_any_label(sc, cancel) -> None:
    started = threading.Event()
    sc.events.listen(lambda event: started.set() if isinstance(event, events.TaskStarted) else None)
    errors = []

    def endless() -> None:
        sc.setJobGroup("endless", "")
        sc.addJobTag("tagged")
        try:
            with sc.run("run-1"):
                sc.parallelize([1]).foreach(spin)
        except JobCancelledError as error:
            errors.append(error)

    thread = threading.Thread(target=endless)
    thread.start()
    assert started.wait(10)
    (job_id,) = sc.active_jobs()
    cancel(sc, job_id)
    thread.join(10)
    assert [error.job_id for error in errors] == [job_id]
    assert sc.active_jobs() == []


def spin(x) -> None:
    while True:
        x += 1


def test_cancelling_what_does_not_run_does_nothing(sc) -> None:
    sc.cancelJobGroup("nobody")
    sc.cancelJob(99)
    assert sc.parallelize([1]).count() == 1


def test_jobs_of_a_run_say_so(sc, submitted) -> None:
    with sc.run("run-7"):
        sc.parallelize([1]).count()
    sc.parallelize([1]).count()
    assert [job.run_id for job in submitted] == ["run-7", None]


def test_held_actions_are_planned_and_announced(sc, submitted) -> None:
    ended, ran = [], []
    sc.events.listen(lambda event: ended.append(event.outcome) if isinstance(event, events.JobEnded) else None)
    sc.events.listen(lambda event: ran.append(event) if isinstance(event, events.TaskStarted) else None)
    with sc.hold_actions(), pytest.raises(ActionHeldError):
        sc.parallelize([(1, 2)], 2).reduceByKey(add).collect()
    assert len(submitted[0].graph.stages) == 2
    assert (ended, ran) == (["planned"], [])
    assert sc.parallelize([1]).count() == 1


def test_a_plan_runs_nothing(sc, submitted) -> None:
    graph = sc.plan(sc.parallelize([(1, 2)], 3).groupByKey(2).mapValues(len))
    assert [stage.tasks for stage in graph.stages] == [3, 2]
    assert submitted == []


def test_a_preview_is_one_action(sc, submitted) -> None:
    assert sc.preview(sc.parallelize(range(3)), 5) == ([0, 1, 2], True)
    assert sc.preview(sc.parallelize(range(6)), 5) == ([0, 1, 2, 3, 4], False)
    assert {job.call_site.function for job in submitted} == {"preview"}


def test_run_job_runs_the_partitions_it_is_given(sc) -> None:
    rdd = sc.parallelize(range(8), 4)
    assert sc.runJob(rdd, lambda it: [sum(it)], [3, 0, 3]) == [13, 1, 13]
    with pytest.raises(IllegalArgumentException, match=r"non-existent partition: 4\. Total number of partitions: 4"):
        sc.runJob(rdd, lambda it: it, [4])


def test_the_status_tracker_counts_tasks(sc) -> None:
    sc.parallelize([(1, 1)], 3).reduceByKey(add, 2).count()
    with pytest.raises(JobFailedError):
        sc.parallelize([0]).map(lambda x: 1 // x).collect()
    tracker = sc.statusTracker()
    good, bad = (tracker.getJobInfo(job_id) for job_id in tracker.getJobIdsForGroup())
    assert (good.status, bad.status) == ("SUCCEEDED", "FAILED")
    shapes = [tracker.getStageInfo(stage_id)[3:] for stage_id in sorted(good.stageIds)]
    assert shapes == [(3, 0, 3, 0), (2, 0, 2, 0)]
    assert tracker.getStageInfo(bad.stageIds[0]).numFailedTasks == 1
    assert (tracker.getActiveJobsIds(), tracker.getActiveStageIds()) == ([], [])
    assert (tracker.getJobInfo(99), tracker.getStageInfo(99)) == (None, None)
    assert [info.host for info in tracker.getExecutorInfos()] != []
