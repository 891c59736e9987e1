"""Hadoop's methods, with the formats that need no Java, and the refusal of all others."""

from __future__ import annotations

import pytest
from pyspark.errors import IllegalArgumentException, PySparkNotImplementedError, PySparkTypeError

PAIRS = [(1, ""), (1, "a"), (3, "x")]
INT, LONG, TEXT = (f"org.apache.hadoop.io.{name}" for name in ("IntWritable", "LongWritable", "Text"))
OLD_INPUT = "org.apache.hadoop.mapred.SequenceFileInputFormat"
NEW_INPUT = "org.apache.hadoop.mapreduce.lib.input.SequenceFileInputFormat"
OLD_OUTPUT = "org.apache.hadoop.mapred.SequenceFileOutputFormat"
NEW_OUTPUT = "org.apache.hadoop.mapreduce.lib.output.SequenceFileOutputFormat"
TEXT_INPUT, TEXT_OUTPUT = "org.apache.hadoop.mapred.TextInputFormat", "org.apache.hadoop.mapred.TextOutputFormat"
OLD_CONF = {"mapred.output.format.class": OLD_OUTPUT, "mapred.output.key.class": INT, "mapred.output.value.class": TEXT}
NEW_CONF = {
    "mapreduce.job.outputformat.class": NEW_OUTPUT,
    "mapreduce.job.output.key.class": INT,
    "mapreduce.job.output.value.class": TEXT,
}


@pytest.fixture
def pairs(sc):
    return sc.parallelize(PAIRS, 2)


def test_what_the_old_interface_writes_it_reads(sc, pairs, tmp_path) -> None:
    path = str(tmp_path / "out")
    pairs.saveAsHadoopFile(path, OLD_OUTPUT, INT, TEXT)
    assert sorted(sc.hadoopFile(path, OLD_INPUT, INT, TEXT).collect()) == PAIRS
    assert sorted(sc.hadoopRDD(OLD_INPUT, INT, TEXT, conf={"mapred.input.dir": path}).collect()) == PAIRS
    assert sorted(sc.sequenceFile(path).collect()) == PAIRS


def test_what_the_new_interface_writes_it_reads(sc, pairs, tmp_path) -> None:
    path = str(tmp_path / "out")
    pairs.saveAsNewAPIHadoopFile(path, NEW_OUTPUT)
    assert sorted(sc.newAPIHadoopFile(path, NEW_INPUT, INT, TEXT).collect()) == PAIRS
    conf = {"mapreduce.input.fileinputformat.inputdir": path}
    assert sorted(sc.newAPIHadoopRDD(NEW_INPUT, INT, TEXT, conf=conf).collect()) == PAIRS


def test_a_configuration_names_format_classes_folder_and_compression(sc, pairs, tmp_path) -> None:
    old, new = str(tmp_path / "old"), str(tmp_path / "new")
    pairs.saveAsHadoopDataset({**OLD_CONF, "mapred.output.dir": old})
    compressed = {"mapreduce.output.fileoutputformat.compress": "true"}
    pairs.saveAsNewAPIHadoopDataset({**NEW_CONF, **compressed, "mapreduce.output.fileoutputformat.outputdir": new})
    assert sorted(sc.sequenceFile(old).collect()) == sorted(sc.sequenceFile(new).collect()) == PAIRS
    assert b"DefaultCodec" in (tmp_path / "new" / "part-00000").read_bytes()
    assert b"Codec" not in (tmp_path / "old" / "part-00000").read_bytes()


def test_a_class_that_is_named_has_to_be_that_of_the_pairs(pairs, tmp_path) -> None:
    with pytest.raises(PySparkTypeError, match=r"written as org\.apache\.hadoop\.io\.IntWritable, not .*LongWritable"):
        pairs.saveAsHadoopFile(str(tmp_path / "out"), OLD_OUTPUT, LONG, TEXT)
    assert not (tmp_path / "out").exists()


def test_a_configuration_without_a_folder_says_what_is_missing(sc, pairs) -> None:
    with pytest.raises(IllegalArgumentException, match=r"mapreduce\.output\.fileoutputformat\.outputdir"):
        pairs.saveAsNewAPIHadoopDataset(NEW_CONF)
    with pytest.raises(IllegalArgumentException, match=r"mapreduce\.input\.fileinputformat\.inputdir"):
        sc.hadoopRDD(OLD_INPUT, INT, TEXT)


def test_other_formats_and_converters_need_java_and_name_another_way(sc, pairs) -> None:
    for use in (
        lambda: pairs.saveAsHadoopFile("x", TEXT_OUTPUT),
        lambda: pairs.saveAsNewAPIHadoopFile("x", TEXT_OUTPUT),
        lambda: pairs.saveAsHadoopDataset({}),
        lambda: pairs.saveAsNewAPIHadoopDataset({"mapreduce.job.outputformat.class": TEXT_OUTPUT}),
        lambda: pairs.saveAsHadoopFile("x", OLD_OUTPUT, keyConverter="com.example.Converter"),
        lambda: sc.hadoopFile("x", TEXT_INPUT, LONG, TEXT),
        lambda: sc.hadoopRDD(TEXT_INPUT, LONG, TEXT),
        lambda: sc.newAPIHadoopFile("x", TEXT_INPUT, LONG, TEXT),
        lambda: sc.newAPIHadoopRDD(TEXT_INPUT, LONG, TEXT),
        lambda: sc.hadoopFile("x", OLD_INPUT, INT, TEXT, valueConverter="com.example.Converter"),
    ):
        with pytest.raises(PySparkNotImplementedError, match=r"no JVM here\. [A-Z].*\.$"):
            use()
