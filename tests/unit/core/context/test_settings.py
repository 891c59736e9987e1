"""The table of settings: what is read, what is told, and that the README says the same."""

from __future__ import annotations

import ast
import re
import warnings
from pathlib import Path

import pytest
from pyspark import SparkConf
from pyspark.resource import ResourceProfileBuilder, TaskResourceRequests

from spark_kernel.common.errors import JobFailedError, SettingsError
from spark_kernel.core.context import SparkContext, settings
from spark_kernel.core.context.scheduling import limits_of, pools_of_xml, speculation_of, turns_of
from spark_kernel.core.context.settings_table import SETTINGS
from spark_kernel.core.execution.pools import Pool, Pools
from spark_kernel.core.scheduler.speculation import Speculation
from spark_kernel.storage.documents import write_text
from spark_kernel.storage.options import StorageOptions
from tests.support.inline import inline_context

README = Path(__file__).parent.parent.parent.parent.parent / "README.md"
PACKAGE = README.parent / "spark_kernel"
NAME = re.compile(r"spark(\.\w+)+")
HERE = {"spark.master": "local[2]"}


def test_the_readme_lists_the_settings_that_have_an_effect() -> None:
    assert settings.as_markdown() in README.read_text(encoding="utf-8"), (
        "write what spark_kernel.core.context.settings.as_markdown() returns into the README"
    )


def test_every_setting_that_the_code_names_is_in_the_table() -> None:
    names = {
        node.value
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and NAME.fullmatch(node.value)
    }
    assert "spark.master" in names
    families = tuple(setting.name for setting in SETTINGS if setting.is_family)
    # What the code completes to a name, such as a common beginning, counts as well.
    unknown = [name for name in names if not any(each.name.startswith(name) for each in SETTINGS)]
    assert [name for name in sorted(unknown) if not name.startswith(families)] == []


def test_every_default_can_be_read_and_no_setting_is_listed_twice() -> None:
    for setting in SETTINGS:
        if setting.default is not None:
            setting.read(setting.default)
    names = [setting.name for setting in SETTINGS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("spark.speculation", "maybe"),
        ("spark.speculation.quantile", "1.5"),
        ("spark.speculation.multiplier", "-1"),
        ("spark.speculation.interval", "soon"),
        ("spark.driver.maxResultSize", "much"),
        ("spark.scheduler.mode", "LIFO"),
        ("spark.locality.wait", "0.5s"),
        ("spark.task.maxFailures", "0"),
        ("spark.ui.retainedJobs", "none"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        settings.check({name: value})


def warned(given: dict[str, str]) -> list[str]:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        settings.warn_of_idle(given)
    return [line.strip() for warning in seen for line in str(warning.message).splitlines()[1:]]


def test_settings_that_do_nothing_are_told_with_the_reason() -> None:
    (line,) = warned({"spark.task.reaper.enabled": "true"})
    assert line.startswith("spark.task.reaper.enabled: A cancelled task is always interrupted")
    assert warned({"spark.rdd.compress": "False"}) == ["spark.rdd.compress: Data is stored and sent as it is."]
    assert warned({"spark.rdd.compress": "True", "spark.python.worker.reuse": "true"}) == [], "as if they were not set"
    assert warned({"spark.ui.retainedJobs": "5", "spark.sql.ansi.enabled": "false"}) == []


def test_limits() -> None:
    assert limits_of(HERE).result_bytes == 1 << 30
    limits = limits_of(
        {
            "spark.master": "dask://host:1",
            "spark.driver.maxResultSize": "10m",
            "spark.task.maxFailures": "7",
            "spark.stage.maxConsecutiveAttempts": "2",
        }
    )
    assert (limits.result_bytes, limits.task_failures, limits.stage_attempts) == (10 << 20, 7, 2)
    assert limits_of({**HERE, "spark.driver.maxResultSize": "0"}).result_bytes == 0
    assert limits_of({**HERE, "spark.driver.maxResultSize": "4096"}).result_bytes == 4096, "a bare number is in bytes"


def test_speculation() -> None:
    prefix = "spark.speculation"
    given = {
        prefix: "true",
        f"{prefix}.interval": "250",
        f"{prefix}.multiplier": "1.5",
        f"{prefix}.quantile": "0.5",
        f"{prefix}.minTaskRuntime": "2s",
        f"{prefix}.task.duration.threshold": "1min",
    }
    assert speculation_of(given) == Speculation(0.25, 1.5, 0.5, 2.0, 60.0)
    assert speculation_of({**given, prefix: "false"}) is None


def turns(**given: str):
    return turns_of({name.replace("_", "."): value for name, value in given.items()}, StorageOptions())


def test_the_wait_for_data() -> None:
    assert turns().locality_wait == 3.0
    assert turns(spark_locality_wait="0").locality_wait == 0.0
    assert turns(spark_locality_wait="0", spark_locality_wait_process="200ms").locality_wait == 0.2


ALLOCATIONS = """<?xml version="1.0"?>
<allocations>
  <pool name="etl"><schedulingMode>FAIR</schedulingMode><weight>2</weight><minShare>3</minShare></pool>
  <pool name="odd"><schedulingMode>LIFO</schedulingMode><weight>heavy</weight><minShare>-1</minShare></pool>
</allocations>"""


def test_pools_come_from_sparks_file_and_what_it_gets_wrong_is_as_by_default() -> None:
    pools = pools_of_xml(ALLOCATIONS)
    assert pools == {"etl": Pool("etl", "FAIR", 2, 3), "odd": Pool("odd")}
    write_text("memory://settings/fairscheduler.xml", ALLOCATIONS, StorageOptions())
    named = {"spark_scheduler_allocation_file": "memory://settings/fairscheduler.xml"}
    assert turns(spark_scheduler_mode="fair", **named).pools == Pools("FAIR", pools)
    assert turns(**named).pools == Pools("FIFO"), "without FAIR nobody looks at the file"
    write_text("memory://settings/broken.xml", "<allocations>", StorageOptions())
    with pytest.raises(SettingsError, match=r"spark\.scheduler\.allocation\.file"):
        turns(spark_scheduler_mode="FAIR", spark_scheduler_allocation_file="memory://settings/broken.xml")


def test_a_job_whose_results_are_too_large_fails_with_what_spark_says() -> None:
    with inline_context(spark_driver_maxResultSize="100k") as sc:
        words = sc.parallelize(["x" * 30_000] * 8, 8)
        with pytest.raises(JobFailedError, match="serialized results of 4 tasks") as failure:
            words.collect()
        assert " KiB) is bigger than spark.driver.maxResultSize (100.0 KiB)" in str(failure.value)
        assert words.count() == 8
        assert len(words.take(2)) == 2


def test_the_status_tracker_remembers_as_much_as_it_is_told_to() -> None:
    with inline_context(spark_ui_retainedJobs="2", spark_ui_retainedStages="3") as sc:
        for _ in range(4):
            sc.parallelize([1]).count()
        assert sc.statusTracker().getJobIdsForGroup() == [2, 3]
        stages = [sc.statusTracker().getStageInfo(stage_id) is not None for stage_id in range(4)]
        assert stages == [False, True, True, True]


def test_default_parallelism_is_that_of_datasets_and_of_reducers() -> None:
    with inline_context(spark_default_parallelism="5") as sc:
        pairs = sc.parallelize([(1, 1), (2, 2)])
        assert (sc.defaultParallelism, pairs.getNumPartitions()) == (5, 5)
        assert sc.parallelize([(1, 1)], 2).reduceByKey(max).getNumPartitions() == 5


@pytest.mark.parametrize(("allowed", "attempts"), [(None, 1), ("3", 3)])
def test_a_task_is_tried_as_often_as_it_may_fail(allowed: str | None, attempts: int) -> None:
    given = {} if allowed is None else {"spark_task_maxFailures": allowed}
    with inline_context(**given) as sc, pytest.raises(JobFailedError, match=f"after {attempts} attempt"):
        sc.parallelize([0]).map(lambda x: 1 // x).collect()


def test_files_and_archives_of_the_settings_are_added(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "b.txt").write_text("b")
    conf = SparkConf().setMaster("inline").set("spark.files", f"{tmp_path}/a.txt, {tmp_path}/b.txt")
    with SparkContext(conf=conf) as sc:
        assert [url.rpartition("/")[2] for url in sc.listFiles] == ["a.txt", "b.txt"]


def test_binary_files_share_partitions_as_they_are_told_to(tmp_path: Path) -> None:
    for number in range(6):
        (tmp_path / f"{number}.bin").write_bytes(b"x" * 1000)
    with inline_context(spark_files_openCostInBytes="0", spark_files_maxPartitionBytes="2000") as sc:
        assert sc.binaryFiles(str(tmp_path), 1).getNumPartitions() == 3


def test_profiles_of_one_stage_are_merged_when_that_is_asked_for() -> None:
    one, other = (ResourceProfileBuilder().require(TaskResourceRequests().cpus(1)).build for _ in range(2))
    with inline_context(spark_scheduler_resource_profileMergeConflicts="true") as sc:
        assert sc.parallelize([1], 1).withResources(one).map(str).withResources(other).collect() == ["1"]
