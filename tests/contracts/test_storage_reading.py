"""Reading the same content from every storage: by splits, compressed, in many threads, and after a fork."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import multiprocessing
import pickle
import random
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

import pytest
import zstandard

from spark_kernel.common.errors import DecodeError, PathNotFoundError, StorageError
from spark_kernel.storage.inputs import list_inputs
from spark_kernel.storage.lines import read_lines
from spark_kernel.storage.splits import FileSplit, plan_splits
from spark_kernel.storage.whole_files import plan_whole_files, read_whole_file

if TYPE_CHECKING:
    from tests.support.stores import Store

pytest_plugins = ["tests.support.s3_server", "tests.support.stores"]

LINES = [f"line {number} of the file, ünïcode" for number in range(20_000)]
TEXT = "\n".join(LINES).encode()


def splits_of(store: Store, url: str, partitions: int) -> list[FileSplit]:
    return plan_splits(list_inputs(url, store.options), partitions)


def read_all(store: Store, splits: list[FileSplit]) -> list[str]:
    return [line for split in splits for line in read_lines(split, store.options)]  # type: ignore[misc]


@pytest.mark.parametrize("partitions", [1, 2, 7])
def test_a_file_in_splits_is_the_whole_file(store: Store, partitions: int) -> None:
    splits = splits_of(store, store.put("a.txt", TEXT), partitions)
    assert len(splits) == partitions
    assert read_all(store, splits) == LINES


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
def test_all_line_ends_mean_the_same(store: Store, ending: bytes) -> None:
    lines = [f"{number}" for number in range(500)]
    content = ending.join(line.encode() for line in lines) + ending
    assert read_all(store, splits_of(store, store.put("a.txt", content), 9)) == lines


def test_cuts_at_every_byte_lose_and_repeat_nothing(store: Store) -> None:
    content = b"\xef\xbb\xbfa\r\n\r\nbc\n\xc3\xa9\r\rend"
    url = store.put("a.txt", content)
    for cut in range(1, len(content)):
        parts = [FileSplit(url, 0, cut, len(content)), FileSplit(url, cut, len(content) - cut, len(content))]
        assert read_all(store, parts) == ["a", "", "bc", "é", "", "end"]


@pytest.mark.parametrize(
    ("extension", "compress"),
    [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress), (".zst", zstandard.compress)],
)
def test_compressed_files_are_read_by_their_name(
    store: Store, extension: str, compress: Callable[[bytes], bytes]
) -> None:
    half = TEXT.index(b"\n", len(TEXT) // 2) + 1
    compressed = compress(TEXT[:half]) + compress(TEXT[half:])
    url = store.put(f"a.txt{extension}", compressed)
    read: list[int] = []
    (split,) = splits_of(store, url, 8)
    assert list(read_lines(split, store.options, count=read.append)) == LINES
    assert sum(read) == len(compressed)
    assert read_whole_file(url, store.options) == TEXT.decode()


def test_a_damaged_compressed_file_is_named(store: Store) -> None:
    url = store.put("a.gz", gzip.compress(random.Random(1).randbytes(10_000))[:-100])
    with pytest.raises(StorageError, match=r"can't decompress .*a\.gz as gzip"):
        list(read_lines(splits_of(store, url, 1)[0], store.options, use_unicode=False))


def test_invalid_text_is_named_by_file_and_offset(store: Store) -> None:
    url = store.put("a.txt", TEXT + b"\n\xff\n")
    with pytest.raises(DecodeError, match=rf"a\.txt is not UTF-8 at byte {len(TEXT) + 1}: b'\\xff'"):
        read_all(store, splits_of(store, url, 5))


def test_whole_files_are_pairs_with_empty_ones(store: Store) -> None:
    for name, content in (("b.txt", b"two\n"), ("a.txt", b"one"), ("c.txt", b"")):
        store.put(f"in/{name}", content)
    groups = plan_whole_files(list_inputs(store.url("in"), store.options, subfolders="skip"), 1)
    pairs = [(file.url, read_whole_file(file.url, store.options)) for group in groups for file in group]
    assert pairs == [(store.url("in/a.txt"), "one"), (store.url("in/b.txt"), "two\n"), (store.url("in/c.txt"), "")]


def test_a_file_deleted_after_the_listing_is_named(store: Store) -> None:
    url = store.put("a.txt", TEXT)
    splits = splits_of(store, url, 2)
    store.remove("a.txt")
    for split in splits:
        with pytest.raises(PathNotFoundError, match=r"can't read .*a\.txt: nothing is there"):
            list(read_lines(split, store.options))


def test_lines_added_after_the_listing_are_not_read(store: Store) -> None:
    url = store.put("a.txt", b"one\ntwo\n")
    splits = splits_of(store, url, 2)
    store.put("a.txt", b"one\ntwo\nthree\n")
    assert read_all(store, splits) == ["one", "two"]


def test_a_file_that_shrank_after_the_listing_is_an_error(store: Store) -> None:
    url = store.put("a.txt", b"one\ntwo\nthree\n")
    splits = splits_of(store, url, 2)
    store.put("a.txt", b"one\n")
    with pytest.raises(StorageError, match="shorter than when it was listed"):
        read_all(store, splits)


def test_many_threads_read_the_same_file_at_once(store: Store) -> None:
    splits = splits_of(store, store.put("a.txt", TEXT), 16)
    with ThreadPoolExecutor(8) as threads:
        parts = list(threads.map(lambda split: list(read_lines(split, store.options)), splits * 4))
    assert [line for part in parts for line in part] == LINES * 4


def test_a_split_and_its_options_travel(store: Store) -> None:
    (split,) = splits_of(store, store.put("a.txt", b"one\ntwo"), 1)
    there, options = pickle.loads(pickle.dumps((split, store.options)))
    assert list(read_lines(there, options)) == ["one", "two"]


@pytest.mark.parametrize("chain", ["zip://in/*.txt::{}", "zip://in::{}", "simplecache::zip://in/*.txt::{}"])
def test_files_in_an_archive_are_read_through_a_chain(store: Store, chain: str) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("in/a.txt", TEXT)
        opened.writestr("in/_b.txt", "no data")
    url = chain.format(store.put("x.zip", archive.getvalue()))
    splits = splits_of(store, url, 3)
    assert len(splits) == 3
    assert read_all(store, splits) == LINES


@pytest.mark.parametrize("cache", ["simplecache", "filecache", "blockcache"])
def test_files_are_read_through_a_cache(s3_store: Store, cache: str) -> None:
    url = s3_store.put("a.txt", TEXT)
    splits = splits_of(s3_store, f"{cache}::{url}", 3)
    assert read_all(s3_store, splits) == LINES


def _read_in_child(split: FileSplit, store: Store, answer: Connection) -> None:
    answer.send(list(read_lines(split, store.options)))


@pytest.mark.cluster
@pytest.mark.parametrize("name", ["local_store", "s3_store"])
def test_a_forked_process_reads_with_connections_of_its_own(name: str, request: pytest.FixtureRequest) -> None:
    store: Store = request.getfixturevalue(name)
    (split,) = splits_of(store, store.put("a.txt", b"one\ntwo"), 1)
    # The parent has clients and their thread by now; a child that used them would wait for ever.
    assert list(read_lines(split, store.options)) == ["one", "two"]
    here, there = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(target=_read_in_child, args=(split, store, there))
    child.start()
    try:
        assert here.poll(30), "the child did not answer"
        assert here.recv() == ["one", "two"]
    finally:
        child.join(10)
        if child.is_alive():
            child.kill()
            child.join()
    assert child.exitcode == 0
