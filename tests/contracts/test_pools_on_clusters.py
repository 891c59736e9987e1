"""Jobs of several threads on the same slots: whose tasks begin, told by events and gates and by no clock."""

from __future__ import annotations

import pytest
from pyspark import SparkConf

from spark_kernel.common import events
from spark_kernel.core.context import SparkContext
from tests.support.watching import Gate, InThread, Watch

pytestmark = pytest.mark.cluster


POOLS = "<allocations><pool name='vip'><schedulingMode>FIFO</schedulingMode><minShare>2</minShare></pool></allocations>"


@pytest.fixture(scope="module", params=["FIFO", "FAIR"])
def mode(request):
    return request.param


@pytest.fixture(scope="module")
def sc(mode, tmp_path_factory):
    pools = tmp_path_factory.mktemp("pools") / "pools.xml"
    pools.write_text(POOLS)
    conf = SparkConf().setMaster("local[2]").setAppName("pools").set("spark.scheduler.mode", mode)
    with SparkContext(conf=conf.set("spark.scheduler.allocation.file", str(pools))) as context:
        yield context


@pytest.fixture
def jobs(sc, tmp_path):
    return Jobs(sc, tmp_path)


class Jobs:
    """Jobs in threads of their own, whose tasks wait at a gate."""

    def __init__(self, sc, folder) -> None:
        self.sc = sc
        self.folder = folder
        self.watch = Watch(sc)

    def start(self, name: str, tasks: int, pool: str | None = None) -> InThread:
        """Returns when the job's stage was submitted."""
        gate = Gate(self.folder / name)

        def job():
            self.sc.setLocalProperty("spark.scheduler.pool", pool)
            self.sc.setJobDescription(name)
            return self.sc.parallelize(range(tasks), tasks).map(lambda x: (gate.wait(), x)[1]).count()

        started = InThread(job)
        self.watch.wait_for(lambda: self.stages(name) and self.open_stages() >= self.stages(name), f"{name} submitted")
        return started

    def open_gate(self, name: str) -> None:
        Gate(self.folder / name).open()

    def stages(self, name: str) -> set[int]:
        jobs = self.watch.of(events.JobSubmitted, description=name)
        return {stage.stage_id for job in jobs for stage in job.graph.stages}

    def open_stages(self) -> set[int]:
        return {event.stage_id for event in self.watch.of(events.StageSubmitted)}

    def begun(self, *names: str) -> list[str]:
        """The names of the jobs whose tasks have begun, one for each task, in order."""
        names_of = {stage: name for name in names for stage in self.stages(name)}
        return [names_of[event.stage_id] for event in self.watch.of(events.TaskStarted) if event.stage_id in names_of]

    def wait_begun(self, count: int, *names: str) -> list[str]:
        self.watch.wait_for(lambda: len(self.begun(*names)) >= count, f"{count} tasks of {names}")
        return self.begun(*names)[:count]


def occupied(jobs: Jobs) -> InThread:
    """Both slots are taken by a job whose gate is called ``before``."""
    before = jobs.start("before", tasks=2)
    jobs.wait_begun(2, "before")
    return before


def test_slots_that_get_free_are_shared_by_pools_or_go_to_the_first_job(mode, jobs) -> None:
    running = [occupied(jobs), jobs.start("first", 4, pool="a"), jobs.start("second", 4, pool="b")]
    jobs.open_gate("before")
    begun = jobs.wait_begun(2, "first", "second")
    assert sorted(begun) == (["first", "second"] if mode == "FAIR" else ["first", "first"])
    for name in ("first", "second"):
        jobs.open_gate(name)
    assert [each.result() for each in running] == [2, 4, 4]


def test_a_later_job_uses_slots_that_the_first_one_leaves_free(jobs) -> None:
    first, second = jobs.start("first", tasks=1), jobs.start("second", tasks=3)
    jobs.wait_begun(2, "first", "second")
    jobs.open_gate("second")
    assert second.result() == 3
    jobs.open_gate("first")
    assert first.result() == 1


def test_a_pool_of_the_file_gets_its_minimum_share_first_where_there_are_pools(mode, jobs) -> None:
    running = [occupied(jobs), jobs.start("usual", 4), jobs.start("important", 4, pool="vip")]
    jobs.open_gate("before")
    first = "important" if mode == "FAIR" else "usual"
    assert jobs.wait_begun(2, "usual", "important") == [first, first]
    for name in ("usual", "important"):
        jobs.open_gate(name)
    assert [each.result() for each in running] == [2, 4, 4]


def test_whole_programs_run_side_by_side(sc) -> None:
    words = sc.parallelize([f"w{i % 17}" for i in range(3000)], 20)
    threads = [
        InThread(lambda: dict(words.map(lambda w: (w, 1)).reduceByKey(lambda a, b: a + b, 5).collect()))
        for _ in range(3)
    ]
    for each in threads:
        assert sum(each.result().values()) == 3000
    assert sc.parallelize(range(3000), 300).sum() == sum(range(3000))
    kept = sc.parallelize(range(100), 4).cache()
    assert [kept.sum(), kept.sum(), kept.map(lambda x: bytes(10_000)).map(len).sum()] == [4950, 4950, 1_000_000]
    assert len(sc.parallelize(range(6), 6).map(lambda x: bytes(200_000)).collect()) == 6
