"""Cells in the real kernel, on a real cluster: what a front end gets back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.kernels import Reply, RunningKernel, kernel

pytestmark = pytest.mark.cluster

CARD = "application/vnd.spark-kernel.run.v1+json"


@pytest.fixture(scope="module")
def spark() -> Iterator[RunningKernel]:
    with kernel("--SparkKernel.master=local[2]") as running:
        yield running


def card(reply: Reply) -> dict[str, Any]:
    """The only run card below a cell."""
    (found,) = [shown[CARD] for shown in reply.displays if CARD in shown]
    assert isinstance(found, dict)
    return found


def test_sc_exists_in_the_first_cell() -> None:
    with kernel("--SparkKernel.master=local[2]") as fresh:
        reply = fresh.run("sc.parallelize(range(10)).map(lambda x: x * x).collect()")
        assert reply.status == "ok"
        assert reply.result == "[0, 1, 4, 9, 16, 25, 36, 49, 64, 81]"


def test_the_kernel_says_what_it_is(spark: RunningKernel) -> None:
    content = spark.client.kernel_info(reply=True, timeout=30)["content"]
    assert content["language_info"]["name"] == "python"
    assert content["implementation"] == "spark-kernel"
    assert "%%spark" in content["banner"]
    assert "kernel subshells" in content["supported_features"]


def test_every_job_of_a_spark_cell_is_on_one_card(spark: RunningKernel) -> None:
    reply = spark.run(
        "%%spark --name 'two jobs'\n"
        "numbers = sc.parallelize(range(100), 4)\n"
        "pairs = numbers.map(lambda n: (n % 3, n))\n"
        "sums = pairs.reduceByKey(lambda a, b: a + b)\n"
        "total = sums.count() + numbers.count()\n"
        "total"
    )
    assert reply.result == "103"
    run = card(reply)
    assert run["title"] == "two jobs"
    assert run["outcome"] == "succeeded"
    assert [job["name"] for job in run["jobs"]] == ["count", "count"]
    names = {node["name"]: node["line"] for node in run["nodes"] if node["name"]}
    assert names == {"numbers": 2, "pairs": 3, "sums": 4}
    assert {"text/html", "text/plain"} <= set(next(shown for shown in reply.displays if CARD in shown))


def test_a_plain_cell_has_a_card_too(spark: RunningKernel) -> None:
    run = card(spark.run("counted = sc.parallelize([1, 2, 3])\ncounted.count()"))
    assert run["nodes"][-1]["name"] == "counted"
    assert run["jobs"][0]["place"].endswith("line 2")


def test_a_lazy_last_value_shows_its_graph_and_first_rows(spark: RunningKernel) -> None:
    reply = spark.run("%%spark --limit 3\nsquares = sc.parallelize(range(50), 4).map(lambda n: n * n)\nsquares")
    assert {job["name"] for job in card(reply)["jobs"]} == {"preview"}
    texts = [shown["text/plain"] for shown in reply.displays if CARD not in shown]
    assert texts == ["first 3 rows of squares (more with --limit N)\n0\n1\n4"]


def test_plan_runs_nothing(spark: RunningKernel, tmp_path: Path) -> None:
    reply = spark.run(
        "%%spark --plan\n"
        "pairs = sc.parallelize(range(8), 4).map(lambda n: (n % 2, n))\n"
        "sums = pairs.groupByKey()\n"
        f"sums.saveAsTextFile({str(tmp_path / 'out')!r})\n"
        "n = sums.count()\n"
        "print(n)"
    )
    assert reply.status == "ok"
    assert not (tmp_path / "out").exists()
    run = card(reply)
    assert run["outcome"] == "planned"
    assert {job["outcome"] for job in run["jobs"]} == {"planned"}
    assert {stage["state"] for stage in run["stages"]} == {"planned"}
    assert "line 5: count would run 2 stages with 8 tasks" in reply.text
    assert "line 6: not compiled, needs the result of line 5 (n)" in reply.text


def test_a_failing_function_shows_the_users_line_and_nothing_of_ours(spark: RunningKernel) -> None:
    reply = spark.run(
        "%%spark\n"
        "numbers = sc.parallelize(['1', '2', 'three', '4'], 2)\n"
        "def parse(text):\n"
        "    return int(text)\n"
        "parsed = numbers.map(parse)\n"
        "parsed.collect()"
    )
    assert reply.error == "JobFailedError"
    lines = reply.traceback.splitlines()
    assert lines[0] == "ValueError: invalid literal for int() with base 10: 'three'"
    assert any("in map at cell [" in line and line.endswith("line 5") for line in lines)
    assert any("partition 1, attempt" in line for line in lines)
    assert "  record: 'three'" in lines
    assert any(line.endswith("line 4, in parse") for line in lines)
    assert "    return int(text)" in lines
    assert "parsed.collect()" in reply.traceback
    assert "spark_kernel" not in reply.traceback
    assert card(reply)["outcome"] == "failed"


def test_every_frame_is_there_for_those_who_ask(spark: RunningKernel) -> None:
    spark.run("sc.parallelize([0]).map(lambda x: 1 / x).collect()")
    assert "spark_kernel" in spark.run("%spark last --traceback").text


def test_a_wrong_path_shows_the_line(spark: RunningKernel) -> None:
    reply = spark.run("%%spark\nlines = sc.textFile('/no/such/file')\nlines.count()")
    assert reply.error == "PathNotFoundError"
    assert "/no/such/file" in reply.traceback
    assert "spark_kernel" not in reply.traceback


def test_the_last_run_is_told_to_machines(spark: RunningKernel) -> None:
    spark.run("%%spark\nsc.parallelize(range(6), 3).count()")
    run = json.loads(spark.run("%spark last --json").text)
    assert run["stages"][0]["tasks"] == {
        "total": 3,
        "waiting": 0,
        "running": 0,
        "succeeded": 3,
        "failed": 0,
        "retried": 0,
    }


def test_status_storage_and_jobs_answer(spark: RunningKernel) -> None:
    spark.run("%%spark\nkept = sc.parallelize(range(6), 3).cache()\nkept.count()")
    assert "local[2]" in spark.run("%spark status").text
    assert "kept" in spark.run("%spark storage").text
    assert "count" in spark.run("%spark jobs").text


def test_flags_and_names_are_completed(spark: RunningKernel) -> None:
    spark.run("dataset_of_words = sc.parallelize(['a'])")
    assert spark.complete("%%spark --pl") == ["--plan"]
    assert "status" in spark.complete("%spark st")
    assert "dataset_of_words" in spark.complete("%%spark\ndataset_of_w")
    assert any(word.endswith("textFile") for word in spark.complete("sc.textF"))


def test_another_master_serves_later_cells() -> None:
    with kernel("--SparkKernel.master=local[2]") as moving:
        assert moving.run("%%spark --master local[1]\nsc.parallelize(range(3)).sum()").result == "3"
        assert moving.run("sc.master, sc.parallelize(range(4)).sum()").result == "('local[1]', 6)"


def test_pyspark_programs_run_unchanged(spark: RunningKernel) -> None:
    reply = spark.run(
        "from pyspark import SparkContext, SparkConf\n"
        "context = SparkContext.getOrCreate(SparkConf().setAppName('mine'))\n"
        "context is sc, context.parallelize([1, 2]).sum()"
    )
    assert reply.result == "(True, 3)"


def test_settings_and_master_come_from_the_kernels_options() -> None:
    settings = "--SparkKernel.settings=spark.kernel.card=off"
    with kernel("--SparkKernel.master=inline", settings) as quiet:
        reply = quiet.run("%%spark\nsc.parallelize([1]).count()")
        assert reply.result == "1"
        assert reply.displays == []
        assert reply.text == ""


def test_a_master_that_is_none_is_told_in_the_first_cell() -> None:
    with kernel("--SparkKernel.master=lokal[2]") as wrong:
        reply = wrong.run("sc.parallelize([1]).count()")
        assert reply.status == "error"
        assert "lokal[2]" in reply.traceback
        assert wrong.run("%spark start inline").status == "ok"
        assert wrong.run("sc.parallelize([1]).count()").result == "1"


def test_shell_commands_work_in_a_spark_cell(spark: RunningKernel) -> None:
    reply = spark.run(
        "%%spark\nwords = !echo to be\n!echo or \\\n  not\nsc.parallelize(words).flatMap(str.split).collect()"
    )
    assert reply.result == "['to', 'be']"
    assert reply.text.split() == ["or", "not"]
    assert card(reply)["jobs"][0]["place"].endswith("line 5")


def test_exit_inside_a_function_is_pythons(spark: RunningKernel) -> None:
    reply = spark.run("sc.parallelize([1]).map(lambda n: exit(3)).collect()")
    assert reply.traceback.startswith("SystemExit: 3")


def test_a_function_that_refers_to_the_notebook_is_refused(spark: RunningKernel) -> None:
    reply = spark.run("sc.parallelize([1]).map(lambda n: get_ipython()).collect()")
    assert "refers to the notebook itself" in reply.traceback
