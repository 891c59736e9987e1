"""How files are cut. The numbers come from Spark 4.2."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_kernel.common.errors import StorageError
from spark_kernel.storage.inputs import InputFile
from spark_kernel.storage.splits import BLOCK_BYTES, SLOP, plan_splits
from spark_kernel.storage.whole_files import plan_whole_files


def file(size: int | None, name: str = "a.txt", seekable: bool = True) -> InputFile:
    return InputFile(f"file:/{name}", size, seekable)


@pytest.mark.parametrize(
    ("size", "min_partitions", "count"),
    [
        (100, 2, 2),
        (100, 3, 3),
        (101, 3, 3),
        (7, 10, 7),
        (110, 10, 10),
        (109, 10, 11),
        (111, 10, 10),
        (1, 2, 1),
        (BLOCK_BYTES, 1, 1),
        (int(BLOCK_BYTES * SLOP), 1, 1),
        (int(BLOCK_BYTES * SLOP) + 1, 1, 2),
        (10 * BLOCK_BYTES, 2, 10),
    ],
)
def test_the_number_of_splits_is_sparks(size: int, min_partitions: int, count: int) -> None:
    assert len(plan_splits([file(size)], min_partitions)) == count


def test_the_goal_is_shared_by_all_files_and_empty_ones_are_dropped() -> None:
    files = [file(10, "b"), file(40, "a"), file(0, "c")]
    cuts = [[(split.url[-1], split.start, split.length) for split in plan_splits(files, n)] for n in (1, 2, 4)]
    assert cuts == [
        [("b", 0, 10), ("a", 0, 40)],
        [("b", 0, 10), ("a", 0, 25), ("a", 25, 15)],
        [("b", 0, 10), ("a", 0, 12), ("a", 12, 12), ("a", 24, 12), ("a", 36, 4)],
    ]


def test_an_empty_file_is_one_empty_split_when_asked_for() -> None:
    assert [split.length for split in plan_splits([file(0)], 2, keep_empty=True)] == [0]


def test_nothing_is_cut_out_of_no_files() -> None:
    assert plan_splits([], 4) == []


@pytest.mark.parametrize("name", ["a.gz", "a.bz2", "a.xz", "a.zst", "a.deflate", "A.GZ"])
def test_a_compressed_file_is_one_split(name: str) -> None:
    assert [(split.start, split.length) for split in plan_splits([file(10**9, name)], 4)] == [(0, 10**9)]


def test_what_can_only_be_read_from_its_beginning_is_one_split() -> None:
    assert [split.length for split in plan_splits([file(10**9, seekable=False), file(None)], 4)] == [10**9, None]


def test_a_compression_that_can_not_be_read_is_refused() -> None:
    with pytest.raises(StorageError, match=r"can't be read; compress it as one of \.gz"):
        plan_splits([file(10, "a.snappy")], 1)


def test_splits_can_be_made_larger_than_the_goal() -> None:
    assert len(plan_splits([file(100)], 10, min_split_bytes=50)) == 2


@settings(deadline=None)
@given(st.lists(st.integers(0, 500), max_size=6), st.integers(-1, 40), st.integers(1, 100))
def test_the_splits_cover_each_byte_once(sizes: list[int], min_partitions: int, block_bytes: int) -> None:
    files = [file(size, str(number)) for number, size in enumerate(sizes)]
    splits = plan_splits(files, min_partitions, block_bytes)
    for given_file in files:
        own = [split for split in splits if split.url == given_file.url]
        covered = [byte for split in own for byte in range(split.start, split.end or 0)]
        assert covered == list(range(given_file.size or 0))
        assert [split.is_last for split in own] == [False] * (len(own) - 1) + [True] * bool(own)
    assert all(0 < (split.length or 0) <= SLOP * block_bytes for split in splits)


@settings(deadline=None)
@given(st.lists(st.integers(0, 500), max_size=12), st.integers(1, 20))
def test_whole_files_are_grouped_each_once(sizes: list[int], min_partitions: int) -> None:
    files = [file(size, str(number)) for number, size in enumerate(sizes)]
    groups = plan_whole_files(files, min_partitions)
    assert sorted(one.url for group in groups for one in group) == sorted(one.url for one in files)
    assert all(groups)
    assert len(groups) <= min_partitions + 1
