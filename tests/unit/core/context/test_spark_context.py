"""The rules of the constructor, one active context, and the end of life."""

from __future__ import annotations

import pickle
import re
import sys
import warnings

import pytest
from pyspark import SparkConf

from spark_kernel.common import events
from spark_kernel.common.errors import ContextError, MasterUrlError, SettingsError
from spark_kernel.core.context import SparkContext
from spark_kernel.core.context.context_session import ContextSession
from tests.support.inline import inline_context


def test_arguments_count_more_than_the_conf() -> None:
    conf = SparkConf().setMaster("local[7]").setAppName("from conf").set("spark.executorEnv.COLOR", "red")
    with SparkContext("inline", "from argument", conf=conf, environment={"SHAPE": "round"}) as sc:
        assert (sc.master, sc.appName) == ("inline", "from argument")
        assert sc.environment == {"COLOR": "red", "SHAPE": "round"}
        assert conf.get("spark.master") == "local[7]"


def test_the_conf_of_a_context_tells_what_it_is() -> None:
    with SparkContext("inline", "named") as sc:
        conf = dict(sc.getConf().getAll())
        assert conf["spark.app.id"] == sc.applicationId
        assert (conf["spark.app.name"], conf["spark.master"], conf["spark.executor.id"]) == (
            "named",
            "inline",
            "driver",
        )
        assert int(conf["spark.app.startTime"]) == sc.startTime
        sc.getConf().set("spark.app.name", "changed")
        assert sc.getConf().get("spark.app.name") == "named"


def test_a_second_context_is_refused_with_the_place_of_the_first() -> None:
    with SparkContext("inline", "first"):
        place = re.escape(
            f"{__file__}:{test_a_second_context_is_refused_with_the_place_of_the_first.__code__.co_firstlineno + 1}"
        )
        existing = r"existing SparkContext\(app=first, master=inline\)"
        message = rf"Cannot run multiple SparkContexts at once; {existing} created by __init__ at {place} "
        with pytest.raises(ValueError, match=message):
            SparkContext("inline", "second")


def test_get_or_create_gives_the_active_one() -> None:
    with SparkContext("inline", "first") as sc:
        assert SparkContext.getOrCreate() is sc
        assert SparkContext.getOrCreate(SparkConf().setMaster("local[9]")) is sc
    other = SparkContext.getOrCreate(SparkConf().setMaster("inline").setAppName("other"))
    assert other is not sc
    assert other.appName == "other"
    other.stop()


def test_a_context_that_could_not_be_made_leaves_none_behind() -> None:
    with pytest.raises(MasterUrlError, match=r"local\[4\]"):
        SparkContext("local(4)", "wrong")
    with pytest.raises(SettingsError, match=r"spark\.default\.parallelism"):
        SparkContext(conf=SparkConf().setMaster("inline").set("spark.default.parallelism", "many"))
    assert SparkContext._active_spark_context is None


def test_stop_can_be_called_twice_and_ends_everything() -> None:
    heard = []
    sc = SparkContext("inline", "brief")
    sc.events.listen(heard.append)
    rdd = sc.parallelize([1])
    sc.stop()
    sc.stop()
    assert sc.stopped
    # The background start may have announced its executor meanwhile.
    assert [type(event) for event in heard if not isinstance(event, events.ExecutorAdded)] == [events.ApplicationEnded]
    assert repr(sc) == "<SparkContext master=inline appName=brief>"
    uses = [rdd.count, rdd.cache, lambda: rdd.map(str), lambda: sc.parallelize([1]), lambda: sc.broadcast(1)]
    uses += [lambda: sc.accumulator(0), lambda: sc.textFile("x"), sc.cancelAllJobs, lambda: sc.scale(2)]
    for use in uses:
        with pytest.raises(ContextError, match=r"was stopped.*getOrCreate"):
            use()


def test_a_context_refuses_to_be_pickled() -> None:
    with inline_context() as sc, pytest.raises(ContextError, match="CONTEXT_ONLY_VALID_ON_DRIVER"):
        pickle.dumps(sc)


def test_a_task_may_not_make_a_context() -> None:
    with inline_context() as sc:
        rdd = sc.parallelize([1]).map(lambda x: SparkContext("inline", "inner"))
        with pytest.raises(Exception, match="CONTEXT_ONLY_VALID_ON_DRIVER"):
            rdd.collect()


def test_settings_without_effect_are_kept_and_named_in_one_warning() -> None:
    conf = SparkConf().setMaster("inline").set("spark.task.maxFailure", "3").set("spark.fun", "yes")
    conf.set("spark.excludeOnFailure.enabled", "true")
    with pytest.warns(UserWarning, match="settings without effect here") as seen:
        sc = SparkContext(conf=conf)
    (warning,) = seen
    assert str(warning.message).splitlines()[1:] == [
        "  spark.excludeOnFailure.enabled: No worker is left out for its failures; one that dies is replaced.",
        "  spark.fun: not known here",
        "  spark.task.maxFailure (did you mean spark.task.maxFailures?)",
    ]
    assert sc.getConf().get("spark.fun") == "yes"
    sc.stop()


def test_what_the_context_sets_itself_is_not_warned_about() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with SparkContext("inline", "quiet"):
            pass


def test_system_properties_are_defaults_of_later_contexts() -> None:
    SparkContext.setSystemProperty("spark.default.parallelism", "6")
    try:
        assert SparkContext.getSystemProperty("spark.default.parallelism") == "6"
        with SparkContext("inline", "x") as sc:
            assert sc.defaultParallelism == 6
    finally:
        del SparkContext._system_properties["spark.default.parallelism"]


def test_system_properties_that_are_no_settings_stay_out_of_the_conf() -> None:
    assert SparkContext.getSystemProperty("SPARK_SUBMIT") == "true"
    assert SparkContext.getSystemProperty("nothing.of.that.name") is None
    with SparkContext("inline", "x") as sc:
        assert not sc.getConf().contains("SPARK_SUBMIT")


@pytest.mark.parametrize(
    ("master", "setting", "cores"),
    [
        ("inline", None, 1),
        ("local[3]", None, 3),
        ("local[3,2]", None, 3),
        ("local-cluster[2,2,512]", None, 4),
        ("local[3]", "5", 5),
    ],
)
def test_default_parallelism_needs_no_cluster(master, setting, cores) -> None:
    settings = {"spark.master": master, "spark.app.name": "x"} | (
        {"spark.default.parallelism": setting} if setting else {}
    )
    assert ContextSession("app-x", settings).defaultParallelism == cores


def test_min_partitions_are_two_at_most() -> None:
    with inline_context(spark_default_parallelism="5") as sc:
        assert (sc.defaultParallelism, sc.defaultMinPartitions) == (5, 2)


def test_the_notebook_shows_version_master_and_name() -> None:
    with SparkContext("inline", "shown") as sc:
        html = sc._repr_html_()
        assert all(text in html for text in ("SparkContext", f"v{sc.version}", "inline", "shown"))


def test_a_wrong_log_level_is_refused() -> None:
    with inline_context() as sc, pytest.raises(Exception, match="Supplied level LOUD did not match one of"):
        sc.setLogLevel("LOUD")


def test_what_programs_read_off_a_context_to_know_its_python() -> None:
    with inline_context() as sc:
        assert sc.pythonExec == sys.executable
        assert sc.pythonVer == ".".join(map(str, sys.version_info[:2]))
