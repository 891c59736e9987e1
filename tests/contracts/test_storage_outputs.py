"""Output that appears as a whole, on every storage: one winner for each partition, or nothing."""

from __future__ import annotations

import gzip
import pickle
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from spark_kernel.common.errors import PathExistsError, PathNotFoundError, StorageError
from spark_kernel.storage.codecs import codec_named
from spark_kernel.storage.inputs import list_inputs
from spark_kernel.storage.lines import encode_lines, read_lines
from spark_kernel.storage.outputs import DirectoryOutput
from spark_kernel.storage.splits import plan_splits

if TYPE_CHECKING:
    from tests.support.stores import Store

pytest_plugins = ["tests.support.s3_server", "tests.support.stores"]


@pytest.fixture
def output(store: Store) -> DirectoryOutput:
    return DirectoryOutput(store.url("out"), store.options)


def test_committed_partitions_appear_with_the_mark_of_success(store: Store, output: DirectoryOutput) -> None:
    output.prepare()
    winners = {
        partition: output.write_partition(partition, partition, [b"%d\n" % partition]) for partition in range(12)
    }
    output.commit(winners)
    assert store.names("out") == ["_SUCCESS", *(f"part-{partition:05d}" for partition in range(12))]
    assert [store.get(f"out/part-{partition:05d}") for partition in range(12)] == [b"%d\n" % n for n in range(12)]
    assert store.get("out/_SUCCESS") == b""


def test_nothing_appears_before_the_commit(store: Store, output: DirectoryOutput) -> None:
    output.prepare()
    output.write_partition(0, 0, [b"early"])
    assert list_inputs(store.url("out"), store.options) == []
    assert not store.has("out/part-00000")
    assert not store.has("out/_SUCCESS")


def test_of_two_attempts_only_the_winner_appears(store: Store, output: DirectoryOutput) -> None:
    output.prepare()
    first = output.write_partition(0, 1, [b"first"])
    second = output.write_partition(0, 2, [b"second"])
    output.commit({0: second})
    assert first.path != second.path
    assert store.names("out") == ["_SUCCESS", "part-00000"]
    assert store.get("out/part-00000") == b"second"


def test_attempts_with_the_same_number_do_not_overwrite_each_other(store: Store, output: DirectoryOutput) -> None:
    output.prepare()
    one, other = output.write_partition(0, 1, [b"one"]), output.write_partition(0, 1, [b"other"])
    output.commit({0: one})
    assert one.path != other.path
    assert store.get("out/part-00000") == b"one"


def test_an_abort_leaves_nothing(store: Store, output: DirectoryOutput) -> None:
    output.prepare()
    for partition in range(3):
        output.write_partition(partition, 0, [b"x"])
    output.abort()
    assert store.names("out") == []
    assert not store.has("out")
    DirectoryOutput(store.url("out"), store.options).prepare()


def test_an_attempt_whose_records_fail_leaves_nothing_and_its_error_is_the_users(
    store: Store, output: DirectoryOutput
) -> None:
    def chunks() -> Iterator[bytes]:
        # More than one part of an upload.
        yield bytes(20 * 2**20)
        raise ZeroDivisionError("the user's own")

    output.prepare()
    before = store.names("out")
    with pytest.raises(ZeroDivisionError, match="the user's own"):
        output.write_partition(0, 0, chunks())
    assert store.names("out") == before


def test_an_attempt_later_than_the_commit_is_refused_and_leaves_nothing(store: Store, output: DirectoryOutput) -> None:
    output.prepare()
    winner = output.write_partition(0, 0, [b"winner"])

    def slow() -> Iterator[bytes]:
        yield b"loser"
        output.commit({0: winner})

    with pytest.raises(StorageError):
        output.write_partition(0, 1, slow())
    assert store.names("out") == ["_SUCCESS", "part-00000"]
    assert store.get("out/part-00000") == b"winner"


def test_an_attempt_later_than_the_abort_is_refused_and_leaves_nothing(store: Store, output: DirectoryOutput) -> None:
    output.prepare()

    def slow() -> Iterator[bytes]:
        yield b"late"
        output.abort()

    with pytest.raises(StorageError):
        output.write_partition(0, 1, slow())
    with pytest.raises(PathNotFoundError, match="not open here"):
        output.write_partition(0, 2, [b"later still"])
    assert not store.has("out")


def test_an_existing_target_is_refused_and_stays_as_it_is(store: Store, output: DirectoryOutput) -> None:
    store.put("out/precious.txt", b"keep")
    with pytest.raises(PathExistsError, match="already exists"):
        output.prepare()
    output.abort()
    assert store.names("out") == ["precious.txt"]


def test_a_target_that_is_a_file_is_refused(store: Store, output: DirectoryOutput) -> None:
    store.put("out", b"a file")
    with pytest.raises(PathExistsError):
        output.prepare()
    output.abort()
    assert store.get("out") == b"a file"


def test_a_second_output_to_the_same_target_is_refused_while_the_first_is_open(
    store: Store, output: DirectoryOutput
) -> None:
    output.prepare()
    second = DirectoryOutput(store.url("out"), store.options)
    with pytest.raises(PathExistsError):
        second.prepare()
    second.abort()
    output.commit({0: output.write_partition(0, 0, [b"first"])})
    assert store.names("out") == ["_SUCCESS", "part-00000"]


def test_a_winner_that_is_gone_fails_the_commit_and_an_abort_cleans_up(store: Store, output: DirectoryOutput) -> None:
    output.prepare()
    winners = {partition: output.write_partition(partition, 0, [b"x"]) for partition in range(3)}
    lost = winners[1].path
    store.filesystem.rm_file(lost)
    with pytest.raises(StorageError, match="can't commit"):
        output.commit(winners)
    assert not store.has("out/_SUCCESS")
    output.abort()
    assert not store.has("out")


def test_a_commit_without_preparation_is_refused(output: DirectoryOutput) -> None:
    with pytest.raises(StorageError, match="not prepared"):
        output.commit({})


def test_no_partitions_at_all_are_an_output_too(store: Store, output: DirectoryOutput) -> None:
    output.prepare()
    output.commit({})
    assert store.names("out") == ["_SUCCESS"]
    assert list_inputs(store.url("out"), store.options) == []


def test_an_empty_partition_is_an_empty_file(store: Store, output: DirectoryOutput) -> None:
    output.prepare()
    output.commit({0: output.write_partition(0, 0, []), 1: output.write_partition(1, 1, [b"x\n"])})
    assert store.get("out/part-00000") == b""
    files = list_inputs(store.url("out"), store.options)
    assert {split.url[-1] for split in plan_splits(files, 2)} == {"1"}


def test_what_was_written_is_reported_in_bytes(output: DirectoryOutput) -> None:
    output.prepare()
    assert output.write_partition(0, 0, [b"ab", b"", b"c"]).bytes == 3


def test_a_large_partition_arrives_in_one_piece(store: Store, output: DirectoryOutput) -> None:
    chunks = [bytes([number]) * (5 * 2**20) for number in range(8)]
    output.prepare()
    written = output.write_partition(0, 0, iter(chunks))
    output.commit({0: written})
    assert written.bytes == 40 * 2**20
    assert store.get("out/part-00000") == b"".join(chunks)


@pytest.mark.parametrize("name", ["a b", "a[1]", "what?", "all*", "{x}"])
def test_a_target_may_have_an_odd_name(store: Store, name: str) -> None:
    store.put("a1/precious.txt", b"keep")
    output = DirectoryOutput(store.url(name), store.options)
    output.prepare()
    output.write_partition(0, 0, [b"loser"])
    output.commit({0: output.write_partition(0, 1, [b"winner"])})
    assert store.names() == sorted(["a1/precious.txt", f"{name}/_SUCCESS", f"{name}/part-00000"])
    assert store.get(f"{name}/part-00000") == b"winner"


def test_compressed_parts_carry_the_extension_and_are_read_back(store: Store, output: DirectoryOutput) -> None:
    codec = codec_named("org.apache.hadoop.io.compress.GzipCodec")
    output.prepare()
    winners = {
        partition: output.write_partition(
            partition, partition, codec.compress(encode_lines([f"{partition}-{n}" for n in range(3)])), codec.extension
        )
        for partition in range(2)
    }
    output.commit(winners)
    assert store.names("out") == ["_SUCCESS", "part-00000.gz", "part-00001.gz"]
    assert gzip.decompress(store.get("out/part-00000.gz")) == b"0-0\n0-1\n0-2\n"
    splits = plan_splits(list_inputs(store.url("out"), store.options), 4)
    assert [line for split in splits for line in read_lines(split, store.options)] == [
        f"{partition}-{n}" for partition in range(2) for n in range(3)
    ]


def test_the_output_travels_to_the_executors(store: Store, output: DirectoryOutput) -> None:
    output.prepare()
    there: DirectoryOutput = pickle.loads(pickle.dumps(output))
    output.commit({0: pickle.loads(pickle.dumps(there.write_partition(0, 0, [b"from afar"])))})
    assert store.get("out/part-00000") == b"from afar"


def test_storage_that_executors_do_not_share_is_recognised(store: Store) -> None:
    # What an executor sees whose local disk or memory is not the driver's: no such folder.
    elsewhere = DirectoryOutput(store.url("elsewhere"), store.options)
    with pytest.raises(PathNotFoundError, match="does not share the storage with the driver"):
        elsewhere.write_partition(0, 0, [b"x"])
    assert not store.has("elsewhere")
