"""Profiles of the stages that jobs run, collected by PySpark's profilers."""

from __future__ import annotations

import pstats
from operator import add

import pytest
from pyspark import BasicProfiler, SparkConf
from pyspark.errors import PySparkRuntimeError

from spark_kernel.core.context import SparkContext
from tests.support.inline import inline_context


class Seen(BasicProfiler):
    """Says which functions of this module it has seen."""

    def show(self, id: int) -> None:
        stats = self.stats()
        names = {name for _, _, name in stats.stats} if stats else set()
        print(id, *sorted(names & {"to_pair", "times_two"}))  # noqa: T201


def to_pair(x: int) -> tuple[int, int]:
    return x % 3, x


def times_two(x: int) -> int:
    return 2 * x


@pytest.fixture
def sc():
    conf = SparkConf().set("spark.python.profile", "true").set("spark.default.parallelism", "2")
    with SparkContext("inline", "profiled", conf=conf, profiler_cls=Seen) as context:
        yield context
        context.profiler_collector.profilers = []


def shown(sc, capsys) -> list[str]:
    sc.show_profiles()
    return capsys.readouterr().out.splitlines()


def test_the_example_of_pysparks_documentation(sc, capsys) -> None:
    sc.parallelize(range(1000)).map(times_two).take(10)
    sc.parallelize(range(1000)).count()
    assert shown(sc, capsys) == ["1 times_two", "3"]


def test_both_sides_of_a_shuffle_have_the_ids_that_spark_gives_them(sc, capsys) -> None:
    sc.parallelize(range(10)).map(to_pair).reduceByKey(add).mapValues(times_two).collect()
    assert shown(sc, capsys) == ["1 to_pair", "5 times_two"]


def test_a_profile_is_shown_once_and_a_second_job_adds_to_it(sc, capsys) -> None:
    rdd = sc.parallelize(range(4)).map(times_two)
    rdd.collect()
    assert shown(sc, capsys) == ["1 times_two"]
    rdd.collect()
    assert shown(sc, capsys) == []
    (_, profiler, _) = sc.profiler_collector.profilers[0]
    calls = {name: count for (_, _, name), (count, *_) in profiler.stats().stats.items()}
    assert calls["times_two"] == 8


def test_profiles_are_dumped_one_file_a_dataset(sc, tmp_path, capsys) -> None:
    sc.parallelize(range(4)).map(times_two).count()
    sc.dump_profiles(str(tmp_path / "new"))
    stats = pstats.Stats(str(tmp_path / "new" / "rdd_1.pstats"))
    assert any(name == "times_two" for _, _, name in stats.stats)
    assert shown(sc, capsys) == []


def test_without_the_setting_there_is_nothing_to_show(tmp_path) -> None:
    with inline_context() as sc:
        sc.parallelize([1]).count()
        for ask in (sc.show_profiles, lambda: sc.dump_profiles(str(tmp_path))):
            with pytest.raises(PySparkRuntimeError, match=r"\[INCORRECT_CONF_FOR_PROFILE\]"):
                ask()


def test_profiles_of_memory_are_for_udfs_only_as_in_spark(capsys) -> None:
    with pytest.warns(UserWarning, match="RDDs have none"):
        sc = SparkContext(conf=SparkConf().setMaster("inline").set("spark.python.profile.memory", "true"))
    with sc:
        sc.parallelize([1]).count()
        assert shown(sc, capsys) == []


def test_a_failing_function_is_blamed_as_without_a_profile(sc) -> None:
    with pytest.raises(Exception, match=r"ZeroDivisionError[\s\S]*in map at") as raised:
        sc.parallelize([1, 0]).map(lambda x: 1 // x).collect()
    assert "profiler.py" not in str(raised.value)


def test_another_serializer_is_said_to_have_no_effect() -> None:
    from pyspark import MarshalSerializer

    with pytest.warns(UserWarning, match=r"MarshalSerializer\(\).*records are pickled"):
        SparkContext("inline", "x", serializer=MarshalSerializer()).stop()
