"""Everything at once: jobs of all shapes while workers die, connections break, files are damaged and disks fill up.

Each storm prints its seed. To run others, or one of them again with more jobs:

    SPARK_KERNEL_CHAOS_SEEDS=10-40 SPARK_KERNEL_CHAOS_JOBS=200 python -m pytest tests/faults/test_chaos.py -k storm -s
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark import SparkConf, StorageLevel

from spark_kernel.common import events
from spark_kernel.common.errors import JobFailedError
from spark_kernel.core.context import SparkContext
from spark_kernel.resource_managers.sessions import session_members
from tests.support.chaos import scratch_of, storm
from tests.support.clusters import Leftovers, until
from tests.support.small_disk import small_disk

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

JOBS = int(os.environ.get("SPARK_KERNEL_CHAOS_JOBS", "100"))


def seeds() -> Iterator[int]:
    for part in os.environ.get("SPARK_KERNEL_CHAOS_SEEDS", "11").split(","):
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


@pytest.mark.parametrize("seed", list(seeds()))
def test_every_job_of_a_storm_ends_and_nothing_is_left(seed: int, tmp_path: Path) -> None:
    sys.stdout.write(f"seed {seed}\n")
    with storm(tmp_path / "storm", seed) as made:
        ended = made.run(JOBS)
        made.settle()
        made.assert_rules_were_kept(ended)
        until(lambda: not made.files_left(), f"seed {seed}: the removal of {made.files_left()}", 30)
    sys.stdout.write(f"seed {seed}: {made.story()}\n")


class TestAFullDisk:
    @pytest.fixture
    def disk(self, tmp_path: Path) -> Iterator[Path]:
        with small_disk(tmp_path / "disk", 6) as disk:
            yield disk

    @pytest.fixture
    def sc(self, disk: Path) -> Iterator[SparkContext]:
        conf = SparkConf().setMaster("local-cluster[2,1,512]").setAppName("full disk")
        with SparkContext(conf=conf.set("spark.local.dir", str(disk))) as sc:
            yield sc

    def test_the_error_names_the_folder_and_what_to_do_and_other_jobs_go_on(self, sc, disk) -> None:
        def texts(count):
            return sc.range(count, numSlices=4).map(lambda n: (n % 7, f"{n:06d}" * 100))

        for _ in range(2):
            # The failed dataset is still there: what it shuffled must not take the room of others.
            large = texts(30_000).groupByKey(3)
            with pytest.raises(JobFailedError, match="No space left on device") as failure:
                large.count()
            first_line = str(failure.value).splitlines()[0]
            assert str(disk) in first_line
            assert "set spark.local.dir to a folder on a larger disk" in first_line
            assert "groupByKey at " in str(failure.value)
            assert texts(2000).groupByKey(3).mapValues(len).values().sum() == 2000

    def test_a_dataset_that_is_cached_in_memory_does_not_need_the_disk(self, sc, disk) -> None:
        texts = sc.range(20_000, numSlices=4).map(lambda n: f"{n:06d}" * 100)
        assert texts.persist(StorageLevel.MEMORY_AND_DISK).count() == 20_000
        with pytest.raises(JobFailedError, match="No space left on device"):
            texts.map(lambda text: text).persist(StorageLevel.DISK_ONLY).count()
        assert texts.map(len).sum() == 20_000 * 600


class TestTheSchedulerIsKilled:
    def test_the_job_ends_with_one_clear_error_and_the_next_start_works(self, tmp_path: Path) -> None:
        begun = tmp_path / "begun"

        def wait(n):
            begun.touch()
            threading.Event().wait(300)

        with SparkContext("local-cluster[2,1,512]", "doomed") as sc:
            sc.range(2, numSlices=2).count()
            processes = sc.session.manager.describe()["processes"]
            leftovers = Leftovers(processes["supervisor"], scratch_of(processes["supervisor"]))
            errors: list[BaseException] = []
            ended: list[events.Event] = []
            sc.events.listen(lambda event: ended.append(event) if isinstance(event, events.JobEnded) else None)
            job = threading.Thread(target=lambda: errors.append(_error_of(sc.range(2, numSlices=2).map(wait))))
            job.start()
            until(begun.exists, "the begin of a task", 60)
            os.kill(processes["scheduler"], signal.SIGKILL)
            job.join(60)
            assert not job.is_alive()
            assert [event.outcome for event in ended] == ["failed"]
            for error in (errors[0], _error_of(sc.range(3))):
                first_line = str(error).splitlines()[0]
                assert isinstance(error, JobFailedError)
                assert first_line.startswith("The cluster is gone: ")
                assert "start another one with SparkContext.getOrCreate() (in a notebook: %spark start)" in first_line
            until(lambda: not session_members(leftovers.session), "the end of all processes", 30)
        leftovers.assert_gone()
        with SparkContext("local-cluster[2,1,512]", "another") as sc:
            assert sc.range(10).sum() == 45


def _error_of(rdd) -> BaseException:
    try:
        rdd.collect()
    except Exception as error:
        return error
    raise AssertionError("the job succeeded")
