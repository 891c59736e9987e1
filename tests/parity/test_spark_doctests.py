"""The examples in the docstrings of PySpark's own `rdd.py` and `context.py`, run against our classes.

`GAPS` says which of them fail, and why. It is strict: another failure fails the test, and so does a gap that is closed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.spark_sources import needs_spark_sources, spark_sources

REPOSITORY = Path(__file__).parent.parent.parent
_JAVA = "runs Hadoop's text formats, which are Java classes; textFile and saveAsTextFile do the same"

# Docstring -> how many of its examples fail, and why.
GAPS: dict[str, dict[str, tuple[int, str]]] = {
    "rdd": {
        "RDD.persist": (1, "expects py4j's exception class where PySpark without a JVM has one of pyspark.errors"),
        "RDD.saveAsHadoopDataset": (1, _JAVA),
        "RDD.saveAsHadoopFile": (1, _JAVA),
    },
    "context": {
        "SparkContext": (2, "imports pyspark.core, by whose presence pyspark-client decides that there is a JVM"),
        "SparkContext.hadoopFile": (2, _JAVA),
        "SparkContext.hadoopRDD": (2, _JAVA),
    },
}


@pytest.mark.cluster
@needs_spark_sources
@pytest.mark.timeout(2100)
@pytest.mark.parametrize("module", GAPS)
def test_the_examples_of_sparks_docstrings_do_what_they_say(module: str, tmp_path: Path, capsys: Any) -> None:
    verdicts = judged(spark_sources() / "core" / f"{module}.py", tmp_path)
    with capsys.disabled():
        sys.stdout.write(report(module, verdicts))
    failing = {name: len(verdict["failed"]) for name, verdict in verdicts.items() if verdict["failed"]}
    listed = {name: count for name, (count, _) in GAPS[module].items()}
    unlisted = "".join(verdicts[name]["said"] for name in failing if failing[name] != listed.get(name))
    assert failing == listed, f"failures that GAPS does not list:\n{unlisted}"


def judged(source: Path, folder: Path) -> dict[str, dict[str, Any]]:
    """The verdict on each docstring, by a process of its own."""
    result = folder / "verdicts.json"
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.doctest_judge", str(source), str(result)],
        cwd=folder,
        env={**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=480,
        check=False,
    )
    assert result.exists(), f"the judge ended with {done.returncode}:\n{done.stdout[-4000:]}"
    return json.loads(result.read_text(encoding="utf-8"))


def report(module: str, verdicts: dict[str, dict[str, Any]]) -> str:
    """Passed of total, per docstring and over all."""
    lines = [f"\n{module}.py: examples that passed of all, per docstring"]
    lines += [
        f"  {verdict['total'] - len(verdict['failed']):3} of {verdict['total']:3}  {name}"
        for name, verdict in verdicts.items()
    ]
    passed = [not verdict["failed"] for verdict in verdicts.values()]
    plain = [not verdict["failed"] for verdict in verdicts.values() if not verdict["names_java"]]
    lines.append(
        f"{module}.py: {sum(passed)} of {len(passed)} docstrings pass; of those that name no class of Py4J or Hadoop, "
        f"{sum(plain)} of {len(plain)}\n"
    )
    return "\n".join(lines)
