"""SequenceFiles that real Spark wrote are read by us, and, where real Spark is given, ours by it.

The recorded files are from `record_sequence_files.py`. The other way needs a Python with `pyspark` and Java 17:

    SPARK_KERNEL_PYSPARK=/path/to/bin/python pytest tests/parity/test_sequence_files.py
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from spark_kernel.common.errors import JobFailedError
from tests.support.inline import inline_context

RECORDED = Path(__file__).parent / "recorded" / "sequence_files"
READ_BY_SPARK: dict[str, str | None] = json.loads((RECORDED / "read.json").read_text())
# What Spark's own Python can't read and we can.
READ_BY_US = {
    "java_vint": [(i, i << 33) for i in (-1, 0, 127, 128, -112, -113, 1 << 20)],
    "java_sorted_map": [(1, {7: "seven"})],
}

REAL = os.environ.get("SPARK_KERNEL_PYSPARK")

READS_OURS = """
import json, os, sys
os.environ["PYSPARK_PYTHON"] = sys.executable
from pyspark import SparkContext
folder, names = sys.argv[1], sys.argv[2:]
answers = {}
with SparkContext("local[2]", "reads ours") as sc:
    sc.setLogLevel("OFF")
    for name in names:
        path = f"{folder}/{name}"
        if name.startswith("pickle_classes"):
            answers[name] = repr(sc.pickleFile(path).map(lambda thing: thing.twice()).collect())
        elif name.startswith("pickle"):
            answers[name] = repr(sc.pickleFile(path).collect())
        elif name.startswith("large"):
            answers[name] = repr(sc.sequenceFile(path, minSplits=7).glom().map(len).collect())
        else:
            answers[name] = repr(sc.sequenceFile(path).collect())
print("ANSWERS" + json.dumps(answers))
"""


@pytest.mark.parametrize("name", [name for name, answer in READ_BY_SPARK.items() if answer is not None])
def test_what_spark_wrote_is_read_as_spark_reads_it(name: str) -> None:
    assert repr(read(name)) == READ_BY_SPARK[name]


@pytest.mark.parametrize("name", READ_BY_US)
def test_classes_that_sparks_python_can_not_read(name: str) -> None:
    assert READ_BY_SPARK[name] is None
    assert read(name) == READ_BY_US[name]


def test_every_recorded_file_is_read() -> None:
    assert {path.stem for path in RECORDED.glob("*.seq")} == set(READ_BY_SPARK)
    assert {name for name, answer in READ_BY_SPARK.items() if answer is None} == set(READ_BY_US)


def read(name: str) -> list[Any]:
    with inline_context() as sc:
        path = str(RECORDED / f"{name}.seq")
        if name == "pickle_function":
            return [function(1) for function in sc.pickleFile(path).collect()]
        return (sc.pickleFile if name.startswith("pickle") else sc.sequenceFile)(path).collect()


@pytest.mark.cluster
@pytest.mark.skipif(REAL is None, reason="SPARK_KERNEL_PYSPARK names no Python with pyspark and Java")
@pytest.mark.timeout(400)
def test_real_spark_reads_what_we_write(tmp_path: Path) -> None:
    assert REAL is not None
    expected = written_by_us(tmp_path)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [REAL, "-c", READS_OURS, str(tmp_path), *expected],
        capture_output=True,
        text=True,
        env=environment,
        cwd=tmp_path,
    )
    said = [line for line in done.stdout.splitlines() if line.startswith("ANSWERS")]
    assert said, done.stderr[-3000:]
    assert json.loads(said[0].removeprefix("ANSWERS")) == expected


def written_by_us(folder: Path) -> dict[str, str]:
    """Name of what was written -> what we read in it."""
    noise = [(i, bytes([i * 7 % 251, i % 241]) * 50) for i in range(20_000)]
    pairs: dict[str, tuple[list[Any], str | None]] = {
        "text": ([("a", "é"), ("", "x" * 200), ("zz", "\U0001f600\x00")], None),
        "int": ([(1, 2), (-5, 2**31 - 1)], None),
        "long": ([(2**31, 2**40), (-(2**31) - 1, -(2**63))], None),
        "double": ([(1.5, float("inf"))], None),
        "boolean": ([(True, False)], None),
        "bytes": ([(b"k", b"v"), (b"", bytearray(b"zz"))], None),
        "null": ([(None, 1)], None),
        "map": ([(1, {"a": 1, "b": 2.5, "c": {"x": None, "y": b"1"}, 3: True}), (2, {})], None),
        "large": (noise, None),
        "large_blocks": (noise, "DefaultCodec"),
        **{f"blocks_{codec}": ([(i, "abc" * i) for i in range(50)], codec) for codec in ("gzip", "bzip2", "deflate")},
    }
    expected = {}
    with inline_context() as sc:
        for name, (records, codec) in pairs.items():
            path = str(folder / name)
            sc.parallelize(records, 1).saveAsSequenceFile(path, codec)
            if name.startswith("large"):
                expected[name] = repr(sc.sequenceFile(path, minSplits=7).glom().map(len).collect())
            else:
                expected[name] = repr(sc.sequenceFile(path).collect())
        for size in (10, 3, 0, -1):
            path = str(folder / f"pickle_{size}")
            sc.parallelize([("key", {"n": i}) for i in range(40)], 1).saveAsPickleFile(path, size)
            expected[f"pickle_{size}"] = repr(sc.pickleFile(path).collect())
        # A class that only we know, as one from a notebook: it travels by value.
        exec(TWICE, namespace := {"__name__": "__main__"})
        sc.parallelize([1, 2], 1).map(namespace["Thing"]).saveAsPickleFile(str(folder / "pickle_classes"))
        expected["pickle_classes"] = "[2, 4]"
    return expected


TWICE = """
class Thing:
    def __init__(self, number):
        self.number = number

    def twice(self):
        return 2 * self.number
"""


def test_a_tuple_is_written_as_spark_writes_it_and_can_not_be_read_back(tmp_path: Path) -> None:
    with inline_context() as sc:
        sc.parallelize([(1, (1, "a"))], 1).saveAsSequenceFile(str(tmp_path / "out"))
        assert b"org.apache.hadoop.io.ArrayWritable" in (tmp_path / "out" / "part-00000").read_bytes()
        with pytest.raises(JobFailedError, match="so Spark can't read it either"):
            sc.sequenceFile(str(tmp_path / "out")).collect()
