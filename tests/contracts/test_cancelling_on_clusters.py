"""Cancelling by group, by tag and all: the chosen jobs end, the others go on, and the tracker shows it."""

from __future__ import annotations

import pytest
from pyspark import SparkConf

from spark_kernel.common import events
from spark_kernel.common.errors import JobCancelledError
from spark_kernel.core.context import SparkContext
from tests.support.watching import Gate, InThread, Watch

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def sc():
    with SparkContext(conf=SparkConf().setMaster("local[3]").setAppName("cancelling")) as context:
        yield context


@pytest.fixture
def watch(sc):
    return Watch(sc)


def start(sc, watch: Watch, gate: Gate, name: str, label) -> InThread:
    """A job of one task that waits at the gate; returns when the task runs."""

    def job():
        sc.setJobDescription(name)
        label()
        return sc.parallelize([name], 1).map(lambda x: (gate.wait(), x)[1]).collect()

    thread = InThread(job)
    (submitted,) = watch.wait_for_events(1, events.JobSubmitted, description=name)
    watch.wait_for_events(1, events.TaskStarted, stage_id=submitted.graph.stages[0].stage_id)
    return thread


@pytest.mark.parametrize("interrupt", [False, True])
def test_a_group_is_cancelled_and_other_jobs_go_on(sc, watch, tmp_path, interrupt) -> None:
    gate = Gate(tmp_path / "gate")
    doomed = start(sc, watch, gate, "doomed", lambda: sc.setJobGroup("mine", "doomed", interrupt))
    other = start(sc, watch, gate, "other", lambda: sc.setJobGroup("theirs", "other"))
    sc.cancelJobGroup("mine")
    with pytest.raises(JobCancelledError, match="cancelled with its group 'mine'"):
        doomed.result()
    tracker = sc.statusTracker()
    assert [tracker.getJobInfo(job).status for job in tracker.getJobIdsForGroup("theirs")[-1:]] == ["RUNNING"]
    assert [tracker.getJobInfo(job).status for job in tracker.getJobIdsForGroup("mine")[-1:]] == ["FAILED"]
    gate.open()
    assert other.result() == ["other"]


def test_a_group_that_was_cancelled_takes_later_jobs(sc, watch, tmp_path) -> None:
    doomed = start(sc, watch, Gate(tmp_path / "never"), "doomed", lambda: sc.setJobGroup("again", "doomed"))
    sc.cancelJobGroup("again")
    with pytest.raises(JobCancelledError):
        doomed.result()

    def later():
        sc.setJobGroup("again", "later")
        return sc.parallelize(range(4), 2).sum()

    assert InThread(later).result() == 6


def test_jobs_with_a_tag_are_cancelled_and_those_without_go_on(sc, watch, tmp_path) -> None:
    gate = Gate(tmp_path / "gate")
    both = start(sc, watch, gate, "both", lambda: (sc.addJobTag("a"), sc.addJobTag("b")))
    one = start(sc, watch, gate, "one", lambda: sc.addJobTag("a"))
    none = start(sc, watch, gate, "none", lambda: None)
    sc.cancelJobsWithTag("b")
    with pytest.raises(JobCancelledError, match="cancelled with its tag 'b'"):
        both.result()
    sc.cancelJobsWithTag("b")
    gate.open()
    assert (one.result(), none.result()) == (["one"], ["none"])


def test_after_cancelling_all_jobs_none_is_active_and_no_stage(sc, watch, tmp_path) -> None:
    gate = Gate(tmp_path / "never")
    threads = [start(sc, watch, gate, f"job {i}", lambda: None) for i in range(2)]
    # A job whose tasks still wait for a slot, and one in its map stage.
    wide = InThread(lambda: sc.parallelize(range(50), 50).map(lambda x: (gate.wait(), (x, x))[1]).groupByKey().count())
    watch.wait_for_events(3, events.StageSubmitted)
    tracker = sc.statusTracker()
    assert len(tracker.getActiveJobsIds()) == 3
    sc.cancelAllJobs()
    assert (tracker.getActiveJobsIds(), tracker.getActiveStageIds()) == ([], [])
    for thread in (*threads, wide):
        with pytest.raises(JobCancelledError, match="cancelled with all jobs"):
            thread.result()
    assert sc.parallelize(range(6), 6).sum() == 15
