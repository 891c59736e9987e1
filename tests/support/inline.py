"""A context without a cluster, for tests of the API: jobs run in this process, in milliseconds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pyspark import SparkConf

from spark_kernel.core.context import SparkContext


@contextmanager
def inline_context(**settings: str) -> Iterator[SparkContext]:
    """``inline_context(spark_task_maxFailures="2")``: settings with underscores for dots."""
    conf = SparkConf().setMaster("inline").setAppName("test")
    for name, value in settings.items():
        conf.set(name.replace("_", "."), value)
    with SparkContext(conf=conf) as sc:
        yield sc
