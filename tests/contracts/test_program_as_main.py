"""A program of the user's own, run as a script: its classes belong to ``__main__``, which workers don't have."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.cluster

PROGRAM = """
from spark_kernel.core.context import SparkContext

class Point:
    def __init__(self, x):
        self.x = x
    def __eq__(self, other):
        return self.x == other.x
    def __hash__(self):
        return hash(self.x)

if __name__ == "__main__":
    with SparkContext("local[2]") as sc:
        points = sc.parallelize([Point(1), Point(2), Point(1)], 2)
        assert points.map(lambda point: point.x).sum() == 4
        assert [isinstance(point, Point) for point in points.collect()] == [True] * 3
        counts = points.map(lambda point: (point, 1)).reduceByKey(lambda a, b: a + b).collect()
        assert sorted((point.x, n) for point, n in counts) == [(1, 2), (2, 1)]
        origin = sc.broadcast(Point(7))
        assert sc.parallelize([1]).map(lambda i: origin.value.x).collect() == [7]
        kept = points.cache()
        assert kept.count() == 3 and kept.map(lambda point: point.x).collect() == [1, 2, 1]
    print("all is well")
"""


def test_objects_of_a_programs_own_classes_travel_everywhere(tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=100, check=False)
    assert done.stdout == "all is well\n", done.stderr
