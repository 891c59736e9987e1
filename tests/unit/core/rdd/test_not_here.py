"""What this release can't do says so, and names another way."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature

import pytest
from pyspark.errors import PySparkNotImplementedError

ON_DATASETS = ["toDF"]
ON_DATASETS += ["saveAsHadoopFile", "saveAsHadoopDataset", "saveAsNewAPIHadoopFile", "saveAsNewAPIHadoopDataset"]
ON_CONTEXTS = ["hadoopFile", "hadoopRDD", "newAPIHadoopFile", "newAPIHadoopRDD"]


@pytest.mark.parametrize("name", ON_DATASETS)
def test_of_datasets(sc, name) -> None:
    with pytest.raises(PySparkNotImplementedError, match=r"(no JVM here|This release has no)[^.]*\. [A-Z].*\.$"):
        call(getattr(sc.parallelize([1]), name))


@pytest.mark.parametrize("name", ON_CONTEXTS)
def test_of_contexts(sc, name) -> None:
    with pytest.raises(PySparkNotImplementedError, match=r"(no JVM here|This release has no)[^.]*\. [A-Z].*\.$"):
        call(getattr(sc, name))


def call(method: Callable[..., object]) -> None:
    """Call it with something for each argument that it must have."""
    parameters = signature(method).parameters.values()
    method(*["x" for each in parameters if each.default is each.empty and each.kind is each.POSITIONAL_OR_KEYWORD])
