"""SequenceFiles and pickle files through the API; the format is tested with the storage layer."""

from __future__ import annotations

import pytest
from pyspark.errors import PySparkNotImplementedError, PySparkTypeError, UnsupportedOperationException

from spark_kernel.common.errors import JobFailedError, PathExistsError, PathNotFoundError, SettingsError

HADOOP = "org.apache.hadoop.io"


def test_pairs_are_written_and_read_back(sc, tmp_path) -> None:
    pairs = [("a", 1), ("b", 2), ("c", 3)]
    sc.parallelize(pairs, 3).saveAsSequenceFile(str(tmp_path / "out"))
    names = ["_SUCCESS", "part-00000", "part-00001", "part-00002"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    read = sc.sequenceFile(str(tmp_path / "out"), f"{HADOOP}.Text", f"{HADOOP}.IntWritable")
    assert read.collect() == pairs
    assert sc.sequenceFile(f"{tmp_path}/o*/part-0000[01],{tmp_path}/out/part-00002").collect() == pairs


@pytest.mark.parametrize(
    "codec", [f"{HADOOP}.compress.{name}Codec" for name in ("Default", "BZip2")] + ["gzip", "zstd"]
)
def test_compressed_pairs(sc, tmp_path, codec) -> None:
    sc.parallelize([(i, "x" * i) for i in range(100)], 2).saveAsSequenceFile(str(tmp_path / "out"), codec)
    assert (tmp_path / "out" / "part-00000").stat().st_size < 1000
    assert sc.sequenceFile(str(tmp_path / "out")).mapValues(len).collect() == [(i, i) for i in range(100)]


@pytest.mark.parametrize("batch_size", [10, 1, 7, 0, -1])
def test_anything_that_can_be_pickled(sc, tmp_path, batch_size) -> None:
    records = [None, 1, "é", (2, [3, {4}]), b"raw", 1j] * 9
    sc.parallelize(records, 2).saveAsPickleFile(str(tmp_path / "out"), batch_size)
    assert sc.pickleFile(str(tmp_path / "out")).collect() == records
    assert sc.pickleFile(str(tmp_path / "out")).getNumPartitions() == 2


def test_what_was_defined_in_the_program_itself_comes_back(sc, tmp_path) -> None:
    sc.parallelize([2], 1).map(lambda n: lambda x: x * n).saveAsPickleFile(str(tmp_path / "out"))
    (function,) = sc.pickleFile(str(tmp_path / "out")).collect()
    assert function(21) == 42


def test_empty_partitions_have_files_too(sc, tmp_path) -> None:
    sc.parallelize([(1, 2)], 3).saveAsSequenceFile(str(tmp_path / "pairs"))
    sc.parallelize([1], 3).saveAsPickleFile(str(tmp_path / "pickled"))
    assert len(list((tmp_path / "pairs").glob("part-*"))) == len(list((tmp_path / "pickled").glob("part-*"))) == 3
    assert sc.sequenceFile(str(tmp_path / "pairs")).collect() == [(1, 2)]
    assert sc.pickleFile(str(tmp_path / "pickled")).collect() == [1]
    sc.parallelize([], 2).saveAsPickleFile(str(tmp_path / "nothing"))
    assert sc.pickleFile(str(tmp_path / "nothing")).collect() == []


@pytest.mark.parametrize(
    ("records", "message"),
    [
        (
            [(1, 2), (2**31, 4)],
            "wrong key class: org.apache.hadoop.io.LongWritable is not class org.apache.hadoop.io.Int",
        ),
        (
            [(1, 2), (2, "a")],
            "wrong value class: org.apache.hadoop.io.Text is not class org.apache.hadoop.io.IntWritable",
        ),
        ([(1, 2), (2, None)], "wrong value class: org.apache.hadoop.io.NullWritable is not class"),
        ([(1, 2), 3], "RDD element of type int cannot be used"),
    ],
)
def test_pairs_of_mixed_types_are_refused(sc, tmp_path, records, message) -> None:
    with pytest.raises(JobFailedError, match=message):
        sc.parallelize(records, 1).saveAsSequenceFile(str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("record", [1, "ab", [1, 2], (1, 2, 3), (1, [2]), ({1}, 2)])
def test_a_first_record_that_can_not_be_written_is_refused(sc, tmp_path, record) -> None:
    with pytest.raises(PySparkTypeError, match=r"cannot be used.*saveAsPickleFile"):
        sc.parallelize([record], 1).saveAsSequenceFile(str(tmp_path / "out"))


def test_without_a_first_pair_there_are_no_classes(sc, tmp_path) -> None:
    with pytest.raises(UnsupportedOperationException, match="empty collection"):
        sc.parallelize([], 2).saveAsSequenceFile(str(tmp_path / "out"))
    sc.parallelize([(1, 2)] * 5, 5).filter(lambda _: True).coalesce(1).saveAsSequenceFile(str(tmp_path / "out"))
    late = sc.parallelize(range(8), 8).filter(lambda i: i == 7).map(lambda i: (i, i))
    late.saveAsSequenceFile(str(tmp_path / "late"))
    assert sc.sequenceFile(str(tmp_path / "late")).collect() == [(7, 7)]


def test_what_is_there_already_is_not_overwritten(sc, tmp_path) -> None:
    sc.parallelize([(1, 2)], 1).saveAsSequenceFile(str(tmp_path / "out"))
    for save in (sc.parallelize([(1, 2)]).saveAsSequenceFile, sc.parallelize([1]).saveAsPickleFile):
        with pytest.raises(PathExistsError, match="already exists"):
            save(str(tmp_path / "out"))
    assert sc.sequenceFile(str(tmp_path / "out")).collect() == [(1, 2)]


def test_what_can_not_be_read_says_why(sc, tmp_path) -> None:
    (tmp_path / "text").write_text("hello, world\n")
    sc.parallelize([(1, "a")], 1).saveAsSequenceFile(str(tmp_path / "pairs"))
    for read in (sc.sequenceFile, sc.pickleFile):
        with pytest.raises(PathNotFoundError):
            read(str(tmp_path / "nowhere"))
        with pytest.raises(JobFailedError, match="not a SequenceFile"):
            read(str(tmp_path / "text")).collect()
    with pytest.raises(JobFailedError, match="holds str values, not pickled batches; read it with sequenceFile"):
        sc.pickleFile(str(tmp_path / "pairs")).collect()


def test_java_classes_name_the_way_without_them(sc, tmp_path) -> None:
    path = str(tmp_path)
    with pytest.raises(PySparkNotImplementedError, match=r"com\.acme\.Row runs Hadoop's Java classes.*IntWritable"):
        sc.sequenceFile(path, "com.acme.Row")
    with pytest.raises(PySparkNotImplementedError, match=r"the converter a\.B runs .* with map"):
        sc.sequenceFile(path, keyConverter="a.B")
    with pytest.raises(SettingsError, match=r"SnappyCodec.*known are"):
        sc.parallelize([(1, 2)]).saveAsSequenceFile(path + "/out", f"{HADOOP}.compress.SnappyCodec")


def test_the_lineage_and_the_ids_are_those_of_spark(sc, tmp_path) -> None:
    def next_id() -> int:
        return sc.parallelize([1]).id()

    pairs = sc.parallelize([(1, 2)], 2)
    before = pairs.id()
    pairs.saveAsSequenceFile(str(tmp_path / "pairs"))
    assert next_id() - before == 5
    numbers = sc.parallelize([1, 2], 2)
    before = numbers.id()
    numbers.saveAsPickleFile(str(tmp_path / "numbers"))
    assert next_id() - before == 4
    lines = sc.sequenceFile(str(tmp_path / "pairs")).toDebugString().decode().split("\n")
    assert [line.split("[")[0].split()[-1] for line in lines] == ["MapPartitionsRDD", "MapPartitionsRDD", "HadoopRDD"]
    lines = sc.pickleFile(str(tmp_path / "numbers")).toDebugString().decode().split("\n")
    assert [line.split("[")[0].split()[-1] for line in lines] == ["MapPartitionsRDD", "HadoopRDD"]


def test_any_storage_will_do(sc) -> None:
    sc.parallelize([(i, b"x") for i in range(5)], 2).saveAsSequenceFile("memory://rdd-tests/pairs")
    assert sc.sequenceFile("memory://rdd-tests/pairs").keys().sum() == 10
