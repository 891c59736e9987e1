"""``from pyspark import ...`` finds what the client leaves out."""

from __future__ import annotations

import importlib
import sys

import pytest

from spark_kernel.core.context import SparkContext, pyspark_names


@pytest.mark.parametrize("module", pyspark_names.NAMES)
def test_names_are_where_programs_look_for_them(module) -> None:
    found = importlib.import_module(module)
    assert {name: getattr(found, name) for name in pyspark_names.NAMES[module]} == dict(pyspark_names.NAMES[module])


def test_the_usual_imports() -> None:
    from pyspark import RDD, Accumulator, Broadcast, SparkConf, StorageLevel, TaskContext  # noqa: F401
    from pyspark import SparkContext as Imported
    from pyspark.context import SparkContext as FromModule

    assert Imported is FromModule is SparkContext


def test_no_module_says_that_there_is_a_jvm() -> None:
    from pyspark.util import is_remote_only

    assert "pyspark.core" not in sys.modules
    assert is_remote_only()
