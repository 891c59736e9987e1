"""What this release can't do says so, and names another way."""

from __future__ import annotations

import pytest
from pyspark.errors import PySparkNotImplementedError

ON_DATASETS = ["toDF", "barrier", "withResources", "getResourceProfile"]
ON_DATASETS += ["saveAsHadoopFile", "saveAsHadoopDataset", "saveAsNewAPIHadoopFile", "saveAsNewAPIHadoopDataset"]
ON_CONTEXTS = ["show_profiles", "dump_profiles"]
ON_CONTEXTS += ["hadoopFile", "hadoopRDD", "newAPIHadoopFile", "newAPIHadoopRDD"]


@pytest.mark.parametrize("name", ON_DATASETS)
def test_of_datasets(sc, name) -> None:
    with pytest.raises(PySparkNotImplementedError, match=r"(no JVM here|This release has no)[^.]*\. [A-Z].*\.$"):
        getattr(sc.parallelize([1]), name)("x")


@pytest.mark.parametrize("name", ON_CONTEXTS)
def test_of_contexts(sc, name) -> None:
    with pytest.raises(PySparkNotImplementedError, match=r"(no JVM here|This release has no)[^.]*\. [A-Z].*\.$"):
        getattr(sc, name)("x")
