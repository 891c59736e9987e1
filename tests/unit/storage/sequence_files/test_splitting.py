"""Wherever a SequenceFile is cut, each of its records is read once: by the split in which its sync marker begins."""

from __future__ import annotations

import random
import uuid
from itertools import pairwise

import fsspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_kernel.common.errors import PathNotFoundError, StorageError
from spark_kernel.storage.codecs import codec_named
from spark_kernel.storage.inputs import list_inputs
from spark_kernel.storage.options import StorageOptions
from spark_kernel.storage.sequence_files import writing
from spark_kernel.storage.sequence_files.header import Header, read_header
from spark_kernel.storage.sequence_files.python_values import INT
from spark_kernel.storage.sequence_files.reading import plan_sequence_splits, read_sequence_file
from spark_kernel.storage.sequence_files.writables import BYTES, TEXT
from spark_kernel.storage.splits import FileSplit

OPTIONS = StorageOptions()
SYNC = bytes(range(100, 116))


@pytest.fixture
def small_steps(monkeypatch) -> None:
    """Markers and blocks stand close together, so that small files have many."""
    monkeypatch.setattr(writing, "SYNC_INTERVAL", 60)
    monkeypatch.setattr(writing, "BLOCK_BYTES", 80)


def stored(content: bytes) -> str:
    url = f"memory://sequence-files/{uuid.uuid4().hex}"
    fsspec.filesystem("memory").pipe_file(url, content)
    return url


def read_in_pieces(content: bytes, cuts: list[int]) -> list[list[tuple[object, object]]]:
    url = stored(content)
    bounds = [0, *sorted(cuts), len(content)]
    splits = [FileSplit(url, low, high - low, len(content)) for low, high in pairwise(bounds)]
    return [list(read_sequence_file(split, OPTIONS)) for split in splits]


def flat(parts: list[list[tuple[object, object]]]) -> list[tuple[object, object]]:
    return [pair for part in parts for pair in part]


PAIRS = [(i, "é" * (i % 13)) for i in range(40)]


def encoded(codec: str | None) -> bytes:
    chosen = None if codec is None else codec_named(codec)
    return b"".join(writing.encode_pairs(PAIRS, INT, TEXT, chosen))


@pytest.mark.usefixtures("small_steps")
@pytest.mark.parametrize("codec", [None, "deflate", "gzip", "bzip2", "zstd"])
def test_every_single_cut_keeps_every_record_once(codec) -> None:
    content = encoded(codec)
    places = range(len(content) + 1)
    if codec not in (None, "deflate"):
        places = random.Random(7).sample(places, 60)
    for cut in places:
        assert flat(read_in_pieces(content, [cut])) == PAIRS


@pytest.mark.parametrize("codec", [None, "deflate"])
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_number_of_cuts_anywhere(codec, data) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "SYNC_INTERVAL", data.draw(st.integers(1, 300)))
        patch.setattr(writing, "BLOCK_BYTES", data.draw(st.integers(1, 300)))
        content = encoded(codec)
    cuts = data.draw(st.lists(st.integers(0, len(content)), max_size=12))
    assert flat(read_in_pieces(content, cuts)) == PAIRS


@pytest.mark.usefixtures("small_steps")
def test_the_marker_at_a_cut_belongs_to_the_second_part() -> None:
    content = encoded(None)
    header, end = read_header(content, "f")
    marker = writing.SYNC_ESCAPE + header.sync
    first = content.index(marker, end)
    before, after = read_in_pieces(content, [first])
    assert read_in_pieces(content, [first - 1])[1] == after
    later = read_in_pieces(content, [first + 1])
    assert len(later[0]) > len(before)
    assert flat(later) == PAIRS
    # The header goes with the first records, however it is cut.
    assert [len(part) for part in read_in_pieces(content, [end // 2, end])] == [0, 0, len(PAIRS)]


def test_values_that_are_compressed_one_by_one() -> None:
    header = Header(INT, TEXT, SYNC, codec_named("deflate"), in_blocks=False)
    codec = codec_named("deflate")
    content = header.encode()
    for i in range(5):
        value = b"".join(codec.compress([b"\x03abc"]))
        content += (4 + len(value)).to_bytes(4, "big") + (4).to_bytes(4, "big") + i.to_bytes(4, "big") + value
        content += writing.SYNC_ESCAPE + SYNC
    for cut in range(len(content)):
        assert flat(read_in_pieces(content, [cut])) == [(i, "abc") for i in range(5)]


def test_a_record_larger_than_what_is_read_at_once() -> None:
    pairs = [(1, bytearray(b"x" * 300_000)), (2, bytearray(b"")), (3, bytearray(b"y" * 200_000))]
    content = b"".join(writing.encode_pairs(pairs, INT, BYTES))
    assert read_in_pieces(content, [])[0] == pairs
    assert flat(read_in_pieces(content, [100_000, 350_000])) == pairs


def test_splits_are_planned_as_hadoop_plans_them() -> None:
    # Measured with Spark 4.2: a file of 2,260,525 bytes.
    splits = [plan_sequence_splits(list_inputs(stored_file(2_260_525), OPTIONS), n) for n in (1, 3, 100)]
    assert [len(found) for found in splits] == [1, 3, 22]
    # The name says nothing about what is inside.
    assert len(plan_sequence_splits(list_inputs(stored_file(2_260_525, "a.gz"), OPTIONS), 3)) == 3


def stored_file(size: int, name: str = "a.seq") -> str:
    url = f"memory://sequence-files/{uuid.uuid4().hex}/{name}"
    fsspec.filesystem("memory").pipe_file(url, bytes(size))
    return url


@pytest.mark.usefixtures("small_steps")
@pytest.mark.parametrize("codec", [None, "deflate"])
def test_a_file_that_is_cut_short_or_damaged_is_an_error_that_names_it(codec) -> None:
    content = encoded(codec)
    with pytest.raises(StorageError, match="damaged or cut short"):
        read_in_pieces(content[:-3], [])
    header, end = read_header(content, "f")
    marker = writing.SYNC_ESCAPE + header.sync
    wrong = content.replace(marker, writing.SYNC_ESCAPE + bytes(16))
    with pytest.raises(StorageError, match=r"damaged at byte \d+: a sync marker that is not this file's"):
        read_in_pieces(wrong, [])
    with pytest.raises(StorageError, match=r"no record begins there|no block begins there|damaged or cut short"):
        read_in_pieces(content[:end] + b"\x7f" + content[end + 1 :], [])


def test_what_is_no_sequence_file_says_so() -> None:
    with pytest.raises(StorageError, match="not a SequenceFile: it begins with b'hello"):
        read_in_pieces(b"hello, world\n" * 10, [])
    with pytest.raises(StorageError, match="its header does not end"):
        read_in_pieces(b"SEQ\x06\x05K", [])
    with pytest.raises(PathNotFoundError):
        list(read_sequence_file(FileSplit("memory://sequence-files/nowhere", 0, 5, 5), OPTIONS))


def test_bytes_that_are_left_over_of_a_value_are_an_error() -> None:
    content = Header(INT, TEXT, SYNC).encode() + bytes.fromhex("00000007 00000004 00000001 01 61 62")
    with pytest.raises(StorageError, match="bytes are left over"):
        read_in_pieces(content, [])
