"""Texts, JSON lines and growing logs at a URL, on every storage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from spark_kernel.common.errors import DecodeError, PathExistsError, PathNotFoundError, StorageError
from spark_kernel.storage.documents import SegmentedLog, read_json_lines, read_text, write_json_lines, write_text

if TYPE_CHECKING:
    from tests.support.stores import Store

pytest_plugins = ["tests.support.s3_server", "tests.support.stores"]


def test_a_text_comes_back_and_is_replaced_as_a_whole(store: Store) -> None:
    url = store.url("deep/folder/a.txt")
    write_text(url, "a longer text, ünïcode\r\n", store.options)
    assert read_text(url, store.options) == "a longer text, ünïcode\r\n"
    write_text(url, "short", store.options)
    assert read_text(url, store.options) == "short"
    assert store.names("deep") == ["folder/a.txt"]


def test_a_missing_text_and_one_that_is_not_utf8_are_named(store: Store) -> None:
    with pytest.raises(PathNotFoundError, match=r"none\.txt"):
        read_text(store.url("none.txt"), store.options)
    with pytest.raises(DecodeError, match=r"bad\.txt is not UTF-8 at byte 1"):
        read_text(store.put("bad.txt", b"a\xff"), store.options)


def test_records_come_back_whatever_they_contain(store: Store) -> None:
    records = [
        {"text": "line\nline\r\u2028\x85", "lone": "\ud800", "n": 1.5},
        {},
        {"nested": {"list": [1, None, True]}},
    ]
    write_json_lines(store.url("a.jsonl"), records, store.options)
    assert list(read_json_lines(store.url("a.jsonl"), store.options)) == records


@pytest.mark.parametrize("line", [b"{", b"[1]", b"nonsense"])
def test_a_damaged_line_is_named(store: Store, line: bytes) -> None:
    url = store.put("a.jsonl", b'{"n": 1}\n' + line + b"\n")
    with pytest.raises(StorageError, match=r"a\.jsonl, line 2 is not"):
        list(read_json_lines(url, store.options))


def test_a_log_is_readable_after_each_append(store: Store) -> None:
    log = SegmentedLog(store.url("log"), store.options)
    for number in range(4):
        log.append([{"n": number}, {"n": number + 0.5}])
        assert [record["n"] for record in read_json_lines(store.url("log"), store.options)] == [
            half / 2 for half in range(2 * number + 2)
        ]
    assert store.names("log") == ["segment-000000.jsonl"]


def test_a_long_log_becomes_several_segments_that_are_not_written_again(store: Store) -> None:
    log = SegmentedLog(store.url("log"), store.options, segment_bytes=100)
    for number in range(50):
        log.append([{"n": number, "pad": "x" * 20}])
    names = store.names("log")
    assert names == [f"segment-{number:06d}.jsonl" for number in range(len(names))]
    assert len(names) > 10
    assert [record["n"] for record in read_json_lines(store.url("log"), store.options)] == list(range(50))


def test_a_log_does_not_overwrite_another(store: Store) -> None:
    SegmentedLog(store.url("log"), store.options).append([{"n": 1}])
    with pytest.raises(PathExistsError, match="is there already"):
        SegmentedLog(store.url("log"), store.options)
    assert [record["n"] for record in read_json_lines(store.url("log"), store.options)] == [1]


def test_a_folder_that_is_no_log_and_a_missing_one_are_named(store: Store) -> None:
    store.put("folder/a.txt", b"text")
    with pytest.raises(PathNotFoundError, match="without segments"):
        list(read_json_lines(store.url("folder"), store.options))
    with pytest.raises(PathNotFoundError, match="none"):
        list(read_json_lines(store.url("none"), store.options))
