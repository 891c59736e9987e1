"""Which lines a split holds, against a plain reader of whole files and against real Spark."""

from __future__ import annotations

import json
import re
import tracemalloc
import uuid
from itertools import pairwise
from pathlib import Path

import fsspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_kernel.common.errors import DecodeError, PathNotFoundError, StorageError
from spark_kernel.storage import byte_sources
from spark_kernel.storage.filesystems import StorageOptions
from spark_kernel.storage.inputs import InputFile, list_inputs
from spark_kernel.storage.lines import encode_lines, read_lines
from spark_kernel.storage.splits import FileSplit, plan_splits
from spark_kernel.storage.whole_files import plan_whole_files, read_whole_file

OPTIONS = StorageOptions()
RECORDED = json.loads((Path(__file__).parent / "spark_line_splits.json").read_text(encoding="utf-8"))


def lines_of(content: bytes) -> list[bytes]:
    """The oracle: LF, CR and CR LF end a line, and nothing else does."""
    lines = re.split(rb"\r\n|\r|\n", content.removeprefix(b"\xef\xbb\xbf"))
    return lines[:-1] if not lines[-1] else lines


def put(content: bytes) -> str:
    url = f"memory://lines/{uuid.uuid4().hex}.txt"
    fsspec.filesystem("memory").pipe_file(url, content)
    return url


def cut(url: str, size: int, cuts: list[int]) -> list[FileSplit]:
    """Splits of any sizes, not only those that a plan would make."""
    places = [0, *sorted(cut for cut in set(cuts) if 0 < cut < size), size]
    return [FileSplit(url, start, end - start, size) for start, end in pairwise(places)]


def whole(url: str, size: int) -> FileSplit:
    return FileSplit(url, 0, size, size)


texts = st.lists(
    st.sampled_from([b"a", b"bc", b"d" * 7, b"\xc3\xa9", b"\x0b", b"\x1c\x1d", b"\xc2\x85", b"\xe2\x80\xa8"])
    | st.sampled_from([b"\n", b"\r", b"\r\n"]),
    max_size=60,
).map(b"".join)
marked_texts = st.builds(bytes.__add__, st.sampled_from([b"", b"", b"\xef\xbb\xbf"]), texts)


@settings(max_examples=200, deadline=None)
@given(marked_texts, st.lists(st.integers(1, 120), max_size=12), st.integers(1, 9))
def test_every_line_is_in_exactly_one_split_wherever_the_cuts_are(content: bytes, cuts: list[int], piece: int) -> None:
    url = put(content)
    with pytest.MonkeyPatch.context() as patch:
        # Pieces of a few bytes put line ends and cuts at every place within a piece.
        patch.setattr(byte_sources, "PIECE_BYTES", piece)
        patch.setattr(byte_sources, "FIRST_BLOCK_BYTES", 2 * piece)
        patch.setattr(byte_sources, "BEYOND_BYTES", piece)
        splits = cut(url, len(content), cuts)
        as_bytes = [line for split in splits for line in read_lines(split, OPTIONS, use_unicode=False)]
        as_text = [line for split in splits for line in read_lines(split, OPTIONS)]
        counts = [read_lines(split, OPTIONS, is_text).count_unread() for is_text in (True, False) for split in splits]
    assert counts == 2 * [len(list(read_lines(split, OPTIONS))) for split in splits]
    assert as_bytes == lines_of(content)
    assert as_text == [line.decode() for line in lines_of(content)]


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.lists(st.integers(1, 200), max_size=5))
def test_any_bytes_come_back_line_by_line(content: bytes, cuts: list[int]) -> None:
    url = put(content)
    read = [line for split in cut(url, len(content), cuts) for line in read_lines(split, OPTIONS, use_unicode=False)]
    assert read == lines_of(content)


@pytest.mark.parametrize("case", range(len(RECORDED)))
def test_the_partitions_are_those_that_spark_made(case: int, tmp_path: Path) -> None:
    record = RECORDED[case]
    for number, content in enumerate(record["files"]):
        (tmp_path / f"{number}.txt").write_bytes(bytes.fromhex(content))
    files = list_inputs(",".join(str(tmp_path / f"{number}.txt") for number in range(len(record["files"]))), OPTIONS)
    splits = plan_splits(files, record["min_partitions"])
    groups = plan_whole_files(files, record["min_partitions"])
    assert [list(read_lines(split, OPTIONS)) for split in splits] == record["lines"]
    assert [[one.size for one in group] for group in groups] == record["whole_files"]


def test_a_cut_between_cr_and_lf_makes_no_empty_line() -> None:
    content = b"ab\r\ncd\r\nef"
    parts = [list(read_lines(split, OPTIONS)) for split in cut(put(content), len(content), [3, 7])]
    assert parts == [["ab"], ["cd"], ["ef"]]


def test_a_line_that_begins_at_a_cut_belongs_to_the_split_before() -> None:
    content = b"ab\ncd\nef\n"
    parts = [list(read_lines(split, OPTIONS)) for split in cut(put(content), len(content), [3, 5])]
    assert parts == [["ab", "cd"], [], ["ef"]]


def test_a_line_as_long_as_several_splits_is_whole_and_its_cost_linear() -> None:
    size = 4 * 2**20
    content = b"x" * size + b"\nend"
    url = put(content)
    read: list[int] = []
    parts = [
        list(read_lines(split, OPTIONS, count=read.append))
        for split in cut(url, len(content), list(range(0, size, size // 8)))
    ]
    assert [[len(line) for line in part] for part in parts] == [[size], [], [], [], [], [], [], [3]]
    # The first split reads to the end of the line; each other one stops where its own range has no line end.
    assert sum(read) < 3.5 * size


def test_memory_does_not_grow_with_the_split(tmp_path: Path) -> None:
    file = tmp_path / "large.txt"
    file.write_bytes((b"y" * 99 + b"\n") * 50_000)
    iterator = read_lines(whole(f"file:{file}", 5_000_000), OPTIONS)
    next(iterator)
    tracemalloc.start()
    try:
        count = 1 + sum(1 for _ in iterator)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 50_000
    assert peak < 1_000_000


def test_only_the_first_mark_is_dropped() -> None:
    assert list(read_lines(whole(put(b"\xef\xbb\xbfa\n\xef\xbb\xbfb"), 9), OPTIONS)) == ["a", "\ufeffb"]
    assert list(read_lines(whole(put(b"\xef\xbb\xbf"), 3), OPTIONS)) == []
    assert list(read_lines(whole(put(b"\xef\xbb\xbf\n"), 4), OPTIONS)) == [""]


def test_bytes_that_are_not_utf8_are_named_by_file_and_offset_after_the_good_lines() -> None:
    content = b"\xef\xbb\xbf" + b"good\n" * 30_000 + b"b\xffd\nmore\n"
    url = put(content)
    wrong = content.index(b"\xff")
    for split in (whole(url, len(content)), FileSplit(url, 100_000, len(content) - 100_000, len(content))):
        iterator = read_lines(split, OPTIONS)
        good: list[str] = []
        with pytest.raises(DecodeError, match=rf"{url} is not UTF-8 at byte {wrong}: b'\\xff'"):
            good.extend(iterator)
        assert len(good) == (30_000 if split.start == 0 else 30_000 - (100_000 - 3) // 5 - 1)
        assert set(good) == {"good"}


def test_a_character_cut_off_by_the_end_of_the_file_is_an_error() -> None:
    with pytest.raises(DecodeError, match=r"at byte 3: .*unexpected end of data"):
        list(read_lines(whole(put(b"ok\n\xe2\x82"), 5), OPTIONS))


def test_text_in_utf16_is_recognised() -> None:
    content = "hi\n".encode("utf-16")
    with pytest.raises(DecodeError, match="begins like UTF-16"):
        list(read_lines(whole(put(content), len(content)), OPTIONS))


def test_bytes_need_not_be_utf8() -> None:
    assert list(read_lines(whole(put(b"\xff\n\xfe"), 3), OPTIONS, use_unicode=False)) == [b"\xff", b"\xfe"]


def test_lines_added_after_the_listing_are_another_dataset() -> None:
    url = put(b"a\nb\n" + b"c\nd\n")
    assert list(read_lines(FileSplit(url, 0, 4, 4), OPTIONS)) == ["a", "b"]


def test_a_line_that_was_being_written_during_the_listing_is_read_whole() -> None:
    url = put(b"a\nbe" + b"gun\nlater\n")
    assert list(read_lines(FileSplit(url, 0, 4, 4), OPTIONS)) == ["a", "begun"]


@pytest.mark.parametrize("start", [0, 3, 8])
def test_a_file_that_became_shorter_is_an_error_and_not_fewer_lines(start: int) -> None:
    url = put(b"a\nb\n")
    with pytest.raises(StorageError, match="shorter than when it was listed"):
        list(read_lines(FileSplit(url, start, 10 - start, 10), OPTIONS))


def test_a_file_that_is_gone_is_named() -> None:
    with pytest.raises(PathNotFoundError, match=r"memory://lines/gone\.txt"):
        list(read_lines(whole("memory://lines/gone.txt", 10), OPTIONS))


def test_nothing_is_opened_before_the_first_line_is_wanted() -> None:
    iterator = read_lines(whole("memory://lines/gone.txt", 10), OPTIONS)
    with pytest.raises(PathNotFoundError):
        next(iterator)


def test_the_first_line_of_a_large_file_needs_one_request() -> None:
    read: list[int] = []
    iterator = read_lines(whole(put(b"line\n" * 1_000_000), 5_000_000), OPTIONS, count=read.append)
    assert next(iterator) == "line"
    assert len(read) == 1
    assert read[0] <= byte_sources.FIRST_BLOCK_BYTES


def test_two_readers_of_one_file_in_memory_do_not_move_each_other() -> None:
    content = b"line\n" * 500_000
    split = whole(put(content), len(content))
    one, other = read_lines(split, OPTIONS), read_lines(split, OPTIONS)
    next(one)
    next(other)
    assert (sum(1 for _ in other), sum(1 for _ in one)) == (499_999, 499_999)


def test_the_count_is_told_blocks_and_not_lines() -> None:
    read: list[int] = []
    content = b"line\n" * 500_000
    assert sum(1 for _ in read_lines(whole(put(content), len(content)), OPTIONS, count=read.append)) == 500_000
    assert sum(read) == len(content)
    assert len(read) < 10


def test_a_split_asks_for_little_beyond_its_end() -> None:
    content = b"line\n" * 2_000_000
    read: list[int] = []
    list(read_lines(FileSplit(put(content), 1_000_000, 1_100_000, len(content)), OPTIONS, count=read.append))
    assert 1_100_000 < sum(read) <= 1_100_000 + byte_sources.BEYOND_BYTES


@settings(deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])) | st.binary() | st.integers() | st.none()))
def test_records_become_one_line_each(records: list[object]) -> None:
    expected = b"".join((record if isinstance(record, bytes) else str(record).encode()) + b"\n" for record in records)
    assert b"".join(encode_lines(records)) == expected


def test_chunks_of_lines_are_large_for_small_records_and_one_record_for_large_ones() -> None:
    small = [len(chunk) for chunk in encode_lines(["x" * 9] * 200_000)]
    large = [len(chunk) for chunk in encode_lines(["x" * 1_000_000] * 5)]
    assert len(small) < 40
    assert max(small) <= 600_000
    assert large == [1_000_001] * 5


def test_a_whole_file_keeps_its_mark_and_its_line_ends() -> None:
    url = put(b"\xef\xbb\xbfa\r\nb\r")
    assert read_whole_file(url, OPTIONS) == "\ufeffa\r\nb\r"
    assert read_whole_file(url, OPTIONS, use_unicode=False) == b"\xef\xbb\xbfa\r\nb\r"


def test_a_whole_file_that_is_not_utf8_is_named_by_file_and_offset() -> None:
    url = put(b"abc\xff")
    with pytest.raises(DecodeError, match=rf"{url} is not UTF-8 at byte 3"):
        read_whole_file(url, OPTIONS)


def test_the_same_file_twice_is_grouped_twice() -> None:
    one = InputFile("file:/a", 0)
    assert plan_whole_files([one, one], 3) == [(one, one)]


def test_lines_are_counted_only_while_none_is_read_and_what_cannot_be_decoded_is_an_error() -> None:
    lines = read_lines(whole(put(b"a\nb\n"), 4), OPTIONS)
    assert next(lines) == "a"
    assert lines.count_unread() is None
    assert list(lines) == ["b"]
    damaged = whole(put(b"a\n\xff\n"), 4)
    with pytest.raises(DecodeError):
        read_lines(damaged, OPTIONS).count_unread()
    assert read_lines(damaged, OPTIONS, use_unicode=False).count_unread() == 2
