"""Settings of a context that only a cluster of worker processes can show: web pages, and profiles of its tasks."""

from __future__ import annotations

import urllib.request

import pytest
from pyspark import SparkConf

from spark_kernel.core.context import SparkContext

pytestmark = pytest.mark.cluster


def note(x: int) -> int:
    return x + 1


@pytest.fixture(scope="module")
def sc():
    # Two tasks at once in one process, where Python's profiler can watch one only.
    conf = SparkConf().setMaster("local-cluster[1,2,1024]").setAppName("watched")
    conf.set("spark.ui.enabled", "true").set("spark.python.profile", "true")
    with SparkContext(conf=conf) as context:
        yield context
        context.profiler_collector.profilers = []


def test_the_web_pages_are_there_as_soon_as_they_are_asked_for(sc) -> None:
    assert sc.uiWebUrl.startswith("http://127.0.0.1:")
    with urllib.request.urlopen(sc.uiWebUrl, timeout=30) as page:
        assert page.status == 200
    assert f'href="{sc.uiWebUrl}"' in sc._repr_html_()


def test_tasks_that_share_a_process_are_profiled_one_after_the_other(sc) -> None:
    assert sorted(sc.parallelize(range(8), 4).map(note).collect()) == list(range(1, 9))
    (_, profiler, _) = sc.profiler_collector.profilers[-1]
    calls = {name: count for (_, _, name), (count, *_) in profiler.stats().stats.items()}
    assert calls["note"] == 8
