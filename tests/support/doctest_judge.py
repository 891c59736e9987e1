"""Runs the doctests of one of Spark's source files against our classes, as that file runs them itself.

    python -m tests.support.doctest_judge .../pyspark/core/rdd.py verdicts.json

The file is read, not imported: without a JVM it can't be. What it defines and its doctests use, they find in our module
of the same name. A process of its own, since the file's context is the only one in its process; and one with
``PYTHONHASHSEED=0``, which Spark's own launcher sets and which makes sets print in one order.
"""

from __future__ import annotations

import ast
import doctest
import importlib
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pyspark import SparkConf

from spark_kernel.core.context import SparkContext

# What the files' own `_test` functions set, for 4 local cores.
_SETTINGS = {"spark.master": "local[4]", "spark.app.name": "PythonTest", "spark.ui.enabled": "True"}

_Documented = ast.Module | ast.ClassDef | ast.FunctionDef


def docstrings(path: Path) -> Iterator[tuple[str, doctest.DocTest]]:
    """Every docstring of the file that has examples, under its qualified name."""
    parser = doctest.DocTestParser()
    pending: list[tuple[str, _Documented]] = [(path.stem, ast.parse(path.read_text(encoding="utf-8")))]
    while pending:
        name, node = pending.pop(0)
        text = ast.get_docstring(node, clean=False)
        test = parser.get_doctest(text or "", {}, name, path.name, 0)
        if test.examples:
            yield name, test
        outer = "" if isinstance(node, ast.Module) else f"{name}."
        inner = [part for part in node.body if isinstance(part, (ast.ClassDef, ast.FunctionDef))]
        pending += [(outer + part.name, part) for part in inner]


def verdict(test: doctest.DocTest, known: dict[str, Any]) -> dict[str, Any]:
    """How many of a docstring's examples there are, which failed, and what they said."""
    test.globs = dict(known)
    said: list[str] = []
    runner = _Runner(optionflags=doctest.ELLIPSIS, verbose=False)
    runner.run(test, out=said.append)
    examples = "".join(example.source + example.want for example in test.examples)
    return {
        "total": len(test.examples),
        "failed": runner.failed,
        "said": "".join(said),
        "names_java": "py4j" in examples or "org.apache.hadoop" in examples,
    }


class _Runner(doctest.DocTestRunner):
    """Remembers the sources of the examples that failed."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.failed: list[str] = []

    def report_failure(self, out: Any, test: doctest.DocTest, example: doctest.Example, got: str) -> None:
        self.failed.append(example.source.strip())
        super().report_failure(out, test, example, got)

    def report_unexpected_exception(self, out: Any, test: doctest.DocTest, example: doctest.Example, info: Any) -> None:
        self.failed.append(example.source.strip())
        super().report_unexpected_exception(out, test, example, info)


def main(source: str, target: str) -> None:
    path = Path(source)
    known = vars(importlib.import_module(f"pyspark.{path.stem}"))
    with tempfile.TemporaryDirectory() as checkpoints, SparkContext(conf=SparkConf().setAll(_SETTINGS.items())) as sc:
        sc.setCheckpointDir(checkpoints)
        verdicts = {name: verdict(test, {**known, "sc": sc}) for name, test in docstrings(path)}
    Path(target).write_text(json.dumps(verdicts, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
