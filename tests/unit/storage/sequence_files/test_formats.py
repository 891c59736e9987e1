"""The small parts of a SequenceFile: numbers, header, values, serialised arrays."""

from __future__ import annotations

import datetime
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.errors import PySparkTypeError, PySparkValueError

from spark_kernel.common.errors import SettingsError, StorageError
from spark_kernel.storage.codecs import codec_named
from spark_kernel.storage.sequence_files.header import Header, hadoop_codec, read_header
from spark_kernel.storage.sequence_files.java_arrays import dump_arrays, load_arrays
from spark_kernel.storage.sequence_files.python_values import class_of, encoder_of
from spark_kernel.storage.sequence_files.vints import read_vint, vint_size, write_vint
from spark_kernel.storage.sequence_files.writables import READERS, reader_of

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary()
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.dictionaries(st.integers(-(2**31), 2**31 - 1) | st.text("ab"), inner, max_size=4)
)


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_number_of_variable_length_comes_back(number) -> None:
    written = write_vint(number)
    assert len(written) == vint_size(written[0]) <= 9
    assert read_vint(b"x" + written + b"y", 1) == (number, 1 + len(written))
    if len(written) > 1:
        with pytest.raises(IndexError):
            read_vint(written[:-1], 0)


@given(VALUES)
def test_a_value_comes_back_as_its_writable_says(value) -> None:
    name = class_of(value)
    written = encoder_of(name)(value)
    read, end = reader_of(name, "f")(written + b"rest", 0)
    assert (read, end) == (value, len(written))
    assert class_of(read) == name


@given(VALUES)
def test_a_value_that_is_cut_short_is_noticed(value) -> None:
    name = class_of(value)
    written = encoder_of(name)(value)
    for length in range(min(len(written), 30)):
        with pytest.raises((IndexError, StorageError)):
            reader_of(name, "f")(written[:length], 0)


@pytest.mark.parametrize(
    "value", [[1], {1}, frozenset(), 1j, datetime.date(2020, 1, 1), object(), range(3), {"a": [1]}]
)
def test_other_types_are_refused(value) -> None:
    with pytest.raises(PySparkTypeError, match=r"Data of type \w+ cannot be used.*saveAsPickleFile"):
        encoder_of(class_of(value))(value)


def test_a_number_of_more_than_64_bits_is_refused() -> None:
    with pytest.raises(PySparkValueError, match="64 bits"):
        class_of(2**63)


def test_a_class_that_is_not_known_is_named() -> None:
    with pytest.raises(StorageError, match=r"f holds com\.acme\.Row, .*without a JVM; known are"):
        reader_of("com.acme.Row", "f")
    with pytest.raises(StorageError, match="does not say what it is an array of"):
        reader_of("org.apache.hadoop.io.ArrayWritable", "f")
    assert "org.apache.hadoop.io.ArrayWritable" not in READERS


@pytest.mark.parametrize("codec", [None, "gzip", "DefaultCodec", "bzip2"])
def test_a_header_comes_back_and_says_when_it_is_not_whole(codec) -> None:
    found = None if codec is None else codec_named(codec)
    header = Header("K" * 200, "V", bytes(range(16)), found, found is not None, {"made by": "é"})
    data = header.encode()
    assert read_header(data + b"rest", "f") == (header, len(data))
    for length in range(4, len(data)):
        with pytest.raises(IndexError):
            read_header(data[:length], "f")


def test_older_headers_lack_metadata_and_the_name_of_the_codec() -> None:
    sync = bytes(range(16))
    version_5 = b"SEQ\x05\x01K\x01V\x00\x00" + sync
    assert read_header(version_5, "f") == (Header("K", "V", sync), len(version_5))
    version_4 = b"SEQ\x04\x01K\x01V\x01\x01" + sync
    assert read_header(version_4, "f")[0] == Header("K", "V", sync, codec_named("DefaultCodec"), True)
    with pytest.raises(StorageError, match="version 3; readable are 4 to 6"):
        read_header(b"SEQ\x03", "f")
    with pytest.raises(StorageError, match="f not a SequenceFile: it begins with b'hello'"):
        read_header(b"hello", "f")


def test_codecs_that_can_not_be_used_name_those_that_can() -> None:
    with pytest.raises(SettingsError, match=r"SnappyCodec.*known are .*GzipCodec"):
        hadoop_codec("org.apache.hadoop.io.compress.SnappyCodec")
    with pytest.raises(SettingsError, match="Hadoop has no codec for xz"):
        hadoop_codec("xz")
    lz4 = b"SEQ\x06\x01K\x01V\x01\x00\x26org.apache.hadoop.io.compress.Lz4Codec"
    with pytest.raises(StorageError, match=r"f can't be decompressed: .*Lz4Codec"):
        read_header(lz4, "f")


@given(st.lists(st.binary()))
def test_arrays_of_bytes_come_back(arrays) -> None:
    assert load_arrays(dump_arrays(arrays)) == arrays


def test_a_reference_stands_for_an_array_that_came_before() -> None:
    written = dump_arrays([b"ab", b"zz"])
    # What ObjectOutputStream writes when the second element is the same object as the first.
    twice = written[: -len(b"\x75\x71\x00\x7e\x00\x02\x00\x00\x00\x02zz")] + b"\x71\x00\x7e\x00\x03"
    assert load_arrays(twice) == [b"ab", b"ab"]


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "begin with b''"),
        (pickle.dumps([1], protocol=5), "begin with"),
        (bytes.fromhex("aced0005 74 0001 61"), "a text"),
        (bytes.fromhex("aced0005 73"), "an object of kind 0x73"),
        (bytes.fromhex("aced0005 70"), "something else than byte arrays"),
        (bytes.fromhex("aced0005 71 007e0005"), "a reference to nothing"),
        (dump_arrays([b"abc"])[:-1], "ends too soon"),
        (dump_arrays([b"abc"])[:20], "ends too soon"),
        (dump_arrays([b"abc"]).replace(b"[[B", b"[[I"), r"an array of class \[\[I"),
    ],
)
def test_what_a_java_program_wrote_otherwise_is_named(data, what) -> None:
    with pytest.raises(StorageError, match=what):
        load_arrays(data)
