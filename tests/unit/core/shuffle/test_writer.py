"""The files of map tasks."""

from __future__ import annotations

import operator
import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from spark_kernel.core.lineage.shuffle_specs import Aggregator, ShuffleSpec
from spark_kernel.core.shuffle.portable_hash import portable_hash
from spark_kernel.core.shuffle.record_blocks import RecordBlocks
from spark_kernel.core.shuffle.writer import INLINE_BYTES, write_shuffle
from tests.support.shuffles import partitioner, read, shuffled, target, written
from tests.support.task_scopes import CancelledForTestsError, ScopeForTests

SUM = Aggregator(lambda v: v, operator.add, operator.add)


def files(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file()]


def test_a_small_output_travels_with_the_result_and_a_large_one_in_one_file(tmp_path: Path) -> None:
    spec = ShuffleSpec(partitioner(4))
    small, large = written(tmp_path, [[(1, b"x")], [(i, os.urandom(INLINE_BYTES // 4)) for i in range(8)]], spec)
    assert small.inline is not None
    assert small.path == ""
    assert (large.inline, Path(large.path).stat().st_size) == (None, large.offsets[-1])
    assert files(tmp_path) == [Path(large.path).name]


def test_attempts_at_the_same_partition_write_different_files(tmp_path: Path) -> None:
    spec = ShuffleSpec(partitioner(1))
    pairs = [(1, os.urandom(INLINE_BYTES))]
    scope = ScopeForTests(tmp_path)
    first, second = (write_shuffle(iter(pairs), spec, target(tmp_path, 0, attempt), scope) for attempt in (0, 1))
    assert first.path != second.path
    assert list(read([first], 0, spec, scope)) == list(read([second], 0, spec, scope)) == pairs


def test_an_attempt_that_fails_leaves_no_file(tmp_path: Path) -> None:
    def records() -> Any:
        yield from ((i, os.urandom(1000)) for i in range(1000))
        raise ValueError("the thousandth record")

    with pytest.raises(ValueError, match="the thousandth"):
        write_shuffle(records(), ShuffleSpec(partitioner(2)), target(tmp_path), ScopeForTests(tmp_path, 100_000))
    assert files(tmp_path) == []


def test_a_disk_that_is_full_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="No space left"):
        written(tmp_path, [[(1, os.urandom(INLINE_BYTES))]], ShuffleSpec(partitioner(1)))
    assert files(tmp_path) == []


def test_a_cancelled_task_stops_writing(tmp_path: Path) -> None:
    scope = ScopeForTests(tmp_path)

    def records() -> Any:
        for i in range(10_000_000):
            scope.cancelled = i > 5000
            yield i, i

    for spec in (ShuffleSpec(partitioner(2)), ShuffleSpec(partitioner(2), SUM)):
        scope.cancelled = False
        with pytest.raises(CancelledForTestsError):
            write_shuffle(records(), spec, target(tmp_path), scope)


def test_what_the_driver_keeps_of_an_output_is_small(tmp_path: Path) -> None:
    spec = ShuffleSpec(partitioner(1000))
    output = written(tmp_path, [[(i, os.urandom(100)) for i in range(3000)]], spec)[0]
    assert output.inline is None
    assert len(pickle.dumps(output)) < 4 * 1001 + 600
    assert [output.size(r) > 0 for r in range(1000)] == [True] * 1000


def test_spilled_and_unspilled_records_of_a_reducer_stay_in_order(tmp_path: Path) -> None:
    pairs = [(i % 3, i) for i in range(5000)]
    parts = shuffled(tmp_path, [pairs], ShuffleSpec(partitioner(3)), memory_share=20_000)
    assert parts == [[pair for pair in pairs if pair[0] == reducer] for reducer in range(3)]
    assert len(files(tmp_path)) <= 1, "temporary files are gone"


def test_records_may_be_any_iterables_of_two(tmp_path: Path) -> None:
    for spec in (ShuffleSpec(partitioner(1)), ShuffleSpec(partitioner(1), SUM)):
        assert shuffled(tmp_path, [[["a", 1], ("b", 2), "cd"]], spec) == [[("a", 1), ("b", 2), ("c", "d")]]


@pytest.mark.parametrize("aggregator", [None, SUM])
@pytest.mark.parametrize("record", [7, (1, 2, 3), None, ()])
def test_records_that_are_no_pairs_are_refused_with_advice(
    tmp_path: Path, aggregator: Aggregator | None, record: Any
) -> None:
    with pytest.raises(TypeError, match=r"need records that are pairs \(key, value\).*keyBy"):
        written(tmp_path, [[(1, 1), record]], ShuffleSpec(partitioner(2), aggregator))


@pytest.mark.parametrize("aggregator", [None, SUM])
def test_keys_that_cannot_be_hashed_are_refused_with_advice(tmp_path: Path, aggregator: Aggregator | None) -> None:
    with pytest.raises(TypeError, match=r"list.*tuple instead of a list"):
        written(tmp_path, [[(1, 1), ([1], 1)]], ShuffleSpec(partitioner(2), aggregator))


def test_a_partition_function_that_raises_is_in_the_traceback(tmp_path: Path) -> None:
    def by_length(key: Any) -> int:
        return len(key)

    with pytest.raises(TypeError, match="has no len") as caught:
        written(tmp_path, [[(1, 1)]], ShuffleSpec(partitioner(2, by_length)))
    assert caught.traceback[-1].name == "by_length"


def test_a_partition_function_may_answer_for_many_keys_at_once(tmp_path: Path) -> None:
    class ByTens:
        asked = 0

        def __call__(self, key: int) -> int:
            raise AssertionError("one by one")

        def of_many(self, keys: list[int]) -> list[int]:
            self.asked += 1
            return [key // 10 for key in keys]

    function = ByTens()
    parts = shuffled(tmp_path, [[(i, i) for i in range(30)]], ShuffleSpec(partitioner(3, function)))
    assert parts == [[(i, i) for i in range(start, start + 10)] for start in (0, 10, 20)]
    assert function.asked > 0


def test_records_that_only_the_fallback_can_pickle_are_written(tmp_path: Path) -> None:
    class Local:
        pass

    def fallback(batch: Any) -> bytes:
        keys, values, tag = batch
        return pickle.dumps((keys, ["by the fallback"] * len(values), tag))

    scope = ScopeForTests(tmp_path)
    spec = ShuffleSpec(partitioner(1))
    output = write_shuffle(iter([(1, Local())]), spec, target(tmp_path), scope, RecordBlocks(fallback))
    assert list(read([output], 0, spec, scope)) == [(1, "by the fallback")]
    with pytest.raises((AttributeError, pickle.PicklingError)):
        write_shuffle(iter([(1, Local())]), spec, target(tmp_path), scope)


def test_negative_hashes_still_choose_a_partition(tmp_path: Path) -> None:
    parts = shuffled(tmp_path, [[(-7, "x"), (-1, "y")]], ShuffleSpec(partitioner(3)))
    assert [[key for key, _ in part] for part in parts] == [
        [key for key in (-7, -1) if portable_hash(key) % 3 == reducer] for reducer in range(3)
    ]
