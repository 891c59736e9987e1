"""Reading and writing through the API; what the storage layer does in detail is tested there."""

from __future__ import annotations

import gzip

import pytest
from pyspark.errors import PySparkNotImplementedError

from spark_kernel.common.errors import StorageError


def test_lines_are_written_and_read_back(sc, tmp_path) -> None:
    target = str(tmp_path / "out")
    sc.parallelize(["a", "é", b"raw", 3, (1, 2)], 3).saveAsTextFile(target)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "_SUCCESS",
        "part-00000",
        "part-00001",
        "part-00002",
    ]
    assert sc.textFile(target).collect() == ["a", "é", "raw", "3", "(1, 2)"]


@pytest.mark.parametrize("codec", ["org.apache.hadoop.io.compress.GzipCodec", "gzip"])
def test_compressed_output(sc, tmp_path, codec) -> None:
    sc.parallelize(["a", "b"], 1).saveAsTextFile(str(tmp_path / "out"), codec)
    assert gzip.decompress((tmp_path / "out" / "part-00000.gz").read_bytes()) == b"a\nb\n"
    assert sc.textFile(str(tmp_path / "out")).collect() == ["a", "b"]


def test_globs_lists_and_partitions(sc, tmp_path) -> None:
    for name in ("a.txt", "b.txt", "c.log"):
        (tmp_path / name).write_text(f"{name}\n" * 50)
    both = f"{tmp_path}/*.txt,{tmp_path}/c.log"
    assert sc.textFile(both).countByValue() == {"a.txt": 50, "b.txt": 50, "c.log": 50}
    assert sc.textFile(str(tmp_path / "a.txt"), 4).getNumPartitions() == 4
    assert sc.textFile(str(tmp_path / "a.txt"), 4).count() == 50


def test_whole_files(sc, tmp_path) -> None:
    (tmp_path / "1.txt").write_text("one")
    (tmp_path / "2.txt").write_text("two\n")
    assert sc.wholeTextFiles(str(tmp_path)).collect() == [
        (f"file:{tmp_path}/1.txt", "one"),
        (f"file:{tmp_path}/2.txt", "two\n"),
    ]


def test_whole_files_as_bytes_have_names_of_bytes(sc, tmp_path) -> None:
    (tmp_path / "1.txt").write_bytes(b"\xff")
    assert sc.wholeTextFiles(str(tmp_path), use_unicode=False).collect() == [
        (f"file:{tmp_path}/1.txt".encode(), b"\xff")
    ]


def test_memory_storage_by_url(sc) -> None:
    sc.parallelize(range(3), 2).saveAsTextFile("memory://rdd-tests/out")
    assert sc.textFile("memory://rdd-tests/out").map(int).collect() == [0, 1, 2]


def test_the_size_of_the_input_is_known_before_it_is_read(sc, tmp_path) -> None:
    (tmp_path / "a.txt").write_text("x" * 1234)
    (source,) = [node for node in sc.plan(sc.textFile(str(tmp_path)).map(len)).nodes if node.operation == "textFile"]
    assert source.estimated_bytes == 1234


def test_binary_files_keep_their_bytes(sc, tmp_path) -> None:
    (tmp_path / "a.bin").write_bytes(b"\x00\xff\n")
    (tmp_path / "b.gz").write_bytes(gzip.compress(b"packed"))
    found = dict(sc.binaryFiles(str(tmp_path)).collect())
    assert found == {f"file:{tmp_path}/a.bin": b"\x00\xff\n", f"file:{tmp_path}/b.gz": gzip.compress(b"packed")}


def test_binary_records_have_a_fixed_length(sc, tmp_path) -> None:
    (tmp_path / "r.bin").write_bytes(bytes(range(12)))
    assert sc.binaryRecords(str(tmp_path), 4).collect() == [bytes(range(i, i + 4)) for i in (0, 4, 8)]
    with pytest.raises(StorageError, match="no whole number of records of 5 bytes"):
        sc.binaryRecords(str(tmp_path), 5)


def test_what_needs_java_says_what_to_use_instead(sc) -> None:
    with pytest.raises(PySparkNotImplementedError, match=r"no JVM here\. Write text with saveAsTextFile"):
        sc.parallelize([(1, 2)]).saveAsHadoopFile("out", "Format")
    with pytest.raises(PySparkNotImplementedError, match=r"no JVM here\. Read lines with textFile"):
        sc.newAPIHadoopRDD("Format", "Key", "Value")


def test_shuffle_files_can_be_removed_and_come_back(sc) -> None:
    reduced = sc.parallelize([(i % 3, i) for i in range(9)], 3).reduceByKey(lambda a, b: a + b, 2)
    assert sorted(reduced.collect()) == [(0, 9), (1, 12), (2, 15)]
    assert [stage.skipped for stage in sc.plan(reduced).stages] == [True, False]
    reduced.cleanShuffleDependencies()
    assert sorted(reduced.collect()) == [(0, 9), (1, 12), (2, 15)]


def test_whole_files_leave_folders_in_a_folder_out(sc, tmp_path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "b.txt").write_text("b")
    (tmp_path / "a.txt").write_text("a")
    assert sc.wholeTextFiles(str(tmp_path)).values().collect() == ["a"]
