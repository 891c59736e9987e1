"""Files: how they are cut and grouped, what is written where, and what takes an id."""

from __future__ import annotations

import bz2
import gzip
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.parity import program

CODEC = "org.apache.hadoop.io.compress.{}Codec"
COUNTS = (None, 1, 2, 3, 5, 8, 20)


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def sized(place: Path, sizes: dict[str, int]) -> str:
    """Files of these sizes, as a list: the order of a folder is the operating system's."""
    for name, size in sizes.items():
        (place / name).write_bytes(bytes(size))
    return ",".join(str(place / name) for name in sizes)


def names(rdd: Any) -> list[list[str]]:
    """The names of the files in each partition."""
    return [[os.path.basename(os.fsdecode(name)) for name, _ in part] for part in rdd.glom().collect()]


def parts(place: Path) -> list[str]:
    return sorted(path.name for path in place.iterdir() if not path.name.startswith("."))


@program
def whole_files_are_grouped(sc: Any) -> Any:
    with folder() as place:
        paths = sized(place, {"a": 28, "b": 40, "c": 0, "d": 12, "e": 1, "f": 0, "g": 90})
        return [names(sc.wholeTextFiles(paths, count)) for count in COUNTS]


@program
def binary_files_are_grouped(sc: Any) -> Any:
    sizes = {"a": 10, "b": 3_000_000, "c": 9_000_000, "e": 1, "f": 20_000_000, "g": 0, "h": 5_000_000}
    with folder() as place:
        paths = sized(place, sizes)
        # Fewer than the cores count for nothing.
        return [names(sc.binaryFiles(paths, count)) for count in (4, 5, 8, 20, 100)]


@program
def bytes_instead_of_text(sc: Any) -> Any:
    with folder() as place:
        (place / "a").write_bytes("eins\r\nzwei\nd\u00fcnn".encode())
        (place / "b.gz").write_bytes(gzip.compress(b"x\ny\n"))
        (place / "c.bz2").write_bytes(bz2.compress(b"z\n" * 3))
        paths = ",".join(str(place / name) for name in ("a", "b.gz", "c.bz2"))
        (name, content), *_ = sc.wholeTextFiles(str(place / "a"), use_unicode=False).collect()
        return [
            sc.textFile(paths, use_unicode=False).collect(),
            sc.textFile(paths, 1).collect(),
            [type(name).__name__, content],
            [type(each).__name__ for each in sc.binaryFiles(str(place / "a")).first()],
        ]


@program
def records_of_one_length(sc: Any) -> Any:
    with folder() as place:
        paths = sized(place, {"a": 12, "b": 0, "c": 4})
        rdd = sc.binaryRecords(paths, 4)
        return [rdd.getNumPartitions(), rdd.glom().collect()]


@program
def folders_without_files_have_no_partitions(sc: Any) -> Any:
    with folder() as place:
        reads: list[Callable[[str], Any]] = [sc.textFile, sc.wholeTextFiles, sc.binaryFiles, sc.sequenceFile]
        return [read(str(place)).getNumPartitions() for read in [*reads, sc.pickleFile]]


@program
def lines_are_compressed_by_class_name(sc: Any) -> Any:
    with folder() as place:
        said = []
        for name in ("Default", "Deflate", "Gzip", "BZip2"):
            target = place / name
            sc.parallelize(["a", "\u00e9", 3, (1, 2), None], 2).saveAsTextFile(str(target), CODEC.format(name))
            said.append([parts(target), sc.textFile(f"{target}/part-00000*,{target}/part-00001*").collect()])
        return said


@program
def what_saving_takes_of_ids(sc: Any) -> Any:
    with folder() as place:
        said = []
        pairs = sc.parallelize([(1, "a"), (2, "b")], 2)
        for rdd in (pairs, pairs.map(lambda pair: pair), pairs.map(lambda pair: pair).cache(), pairs.reduceByKey(max)):
            for save in ("saveAsTextFile", "saveAsSequenceFile", "saveAsPickleFile"):
                before = sc.parallelize([1]).id()
                getattr(rdd, save)(f"{place}/{before}")
                said.append(sc.parallelize([1]).id() - before)
        return said


@program
def sequence_files_are_split(sc: Any) -> Any:
    with folder() as place:
        target = str(place / "out")
        sc.parallelize([(i, "x" * 100) for i in range(4000)], 1).saveAsSequenceFile(target)
        return [sc.sequenceFile(target, minSplits=count).glom().map(len).collect() for count in (1, 2, 3, 4, 9)]


@program
def sequence_files_hold_what_python_has(sc: Any) -> Any:
    with folder() as place:
        said = []
        samples = [(1, 2**31), ("a", 1.5), (True, None), (b"k", bytearray(b"v")), (None, {"a": {1: b"x"}})]
        for number, pair in enumerate(samples):
            sc.parallelize([pair] * 3, 2).saveAsSequenceFile(f"{place}/{number}")
            said.append(sc.sequenceFile(f"{place}/{number}").collect())
        return said


@program
def pickled_batches_come_back(sc: Any) -> Any:
    with folder() as place:
        said = []
        for size in (10, 1, 3, 0, -1):
            sc.parallelize([("a", i, None) for i in range(25)], 2).saveAsPickleFile(f"{place}/{size}", size)
            read = sc.pickleFile(f"{place}/{size}/part-00000,{place}/{size}/part-00001")
            said.append([read.getNumPartitions(), read.glom().map(len).collect(), read.collect()[-1]])
        return said


@program
def a_checkpoint_is_read_back_by_its_folder(sc: Any) -> Any:
    with folder() as place:
        sc.setCheckpointDir(str(place))
        rdd = sc.parallelize(range(7), 3).map(lambda x: x * 2)
        rdd.checkpoint()
        states = [(rdd.is_checkpointed, rdd.isCheckpointed(), rdd.getCheckpointFile())]
        rdd.count()
        file = rdd.getCheckpointFile()
        read = sc._checkpointFile(file, rdd._jrdd_deserializer)
        below = file.removeprefix(f"file:{place}/").split("/")
        found = [name for name in parts(Path(file.removeprefix("file:"))) if name.startswith("part")]
        return [
            states,
            len(below[0]),
            below[1] == f"rdd-{rdd.id()}",
            found,
            read.glom().collect(),
            read.isCheckpointed(),
        ]


@program
def files_are_added_once_under_their_names(sc: Any) -> Any:
    from pyspark import SparkFiles

    with folder() as place:
        (place / "sub" / "deep").mkdir(parents=True)
        (place / "a.txt").write_text("1")
        (place / "sub" / "deep" / "b.txt").write_text("2")
        sc.addFile(str(place / "a.txt"))
        sc.addFile(str(place / "a.txt"))
        sc.addFile(str(place / "sub"), True)
        sc.addFile(str(place / "sub") + "/", True)
        listed = sorted(name.removeprefix(f"file:{place}") for name in sc.listFiles)

        def content(name: str) -> str:
            with open(SparkFiles.get(name)) as file:
                return file.read()

        return [listed, sc.parallelize(["a.txt", "sub/deep/b.txt"], 2).map(content).collect()]
