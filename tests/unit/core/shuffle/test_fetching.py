"""Blocks that are missing, damaged or far away."""

from __future__ import annotations

import dataclasses
import os
import pickle
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_kernel.core.lineage.shuffle_specs import ShuffleSpec
from spark_kernel.core.shuffle import fetching
from spark_kernel.core.shuffle.fetch_failures import FetchFailedError
from spark_kernel.core.shuffle.map_outputs import MapOutput, NodePlace
from spark_kernel.core.shuffle.transport import PeerUnreachableError
from tests.support.shuffles import PLACE, SHUFFLE, RemoteForTests, partitioner, read, written
from tests.support.task_scopes import CancelledForTestsError, ScopeForTests

WIDTH = 3
SPEC = ShuffleSpec(partitioner(WIDTH))
PARTITIONS = [[(i, os.urandom(300)) for i in range(300)] for _ in range(4)]


@pytest.fixture
def outputs(tmp_path: Path) -> list[MapOutput]:
    return written(tmp_path, PARTITIONS, SPEC)


def expected(reducer: int) -> list[tuple[Any, Any]]:
    return [pair for pairs in PARTITIONS for pair in pairs if pair[0] % WIDTH == reducer]


def failure(outputs: list[MapOutput], folder: Path, reducer: int = 0, transport: Any = None) -> FetchFailedError:
    with pytest.raises(FetchFailedError) as caught:
        list(read(outputs, reducer, SPEC, ScopeForTests(folder), transport))
    return caught.value


def test_a_missing_file_names_its_map_partition(outputs: list[MapOutput], tmp_path: Path) -> None:
    Path(outputs[2].path).unlink()
    error = failure(outputs, tmp_path)
    assert (error.shuffle_id, error.map_partition, error.place) == (SHUFFLE, 2, PLACE)
    assert not error.machine_lost
    assert "No such file" in error.message


def test_a_truncated_file_fails_the_reducers_whose_bytes_are_gone_and_no_other(
    outputs: list[MapOutput], tmp_path: Path
) -> None:
    os.truncate(outputs[1].path, outputs[1].offsets[2] - 10)
    assert list(read(outputs, 0, SPEC, ScopeForTests(tmp_path))) == expected(0)
    for reducer in (1, 2):
        assert failure(outputs, tmp_path, reducer).map_partition == 1
    assert "truncated" in failure(outputs, tmp_path, 1).message


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_no_changed_byte_goes_unnoticed(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("shuffle")
    outputs = written(folder, PARTITIONS[:2], SPEC)
    content = bytearray(Path(outputs[1].path).read_bytes())
    position = data.draw(st.integers(0, outputs[1].offsets[1] - 1))
    content[position] ^= data.draw(st.integers(1, 255))
    Path(outputs[1].path).write_bytes(content)
    assert failure(outputs, folder).map_partition == 1


def test_the_error_survives_pickling(outputs: list[MapOutput], tmp_path: Path) -> None:
    Path(outputs[0].path).unlink()
    error = failure(outputs, tmp_path)
    copy = pickle.loads(pickle.dumps(error))
    assert vars(copy) == vars(error)
    assert str(copy) == str(error)


def test_remote_blocks_arrive_in_order_in_few_requests(outputs: list[MapOutput], tmp_path: Path) -> None:
    places = [NodePlace(f"node{i % 2}", f"machine{i % 2}", ("tcp://x:1",)) for i in range(4)]
    outputs = [dataclasses.replace(output, place=place) for output, place in zip(outputs, places, strict=True)]
    transport = RemoteForTests(tmp_path)
    scope = ScopeForTests(tmp_path)
    for reducer in range(WIDTH):
        assert list(read(outputs, reducer, SPEC, scope, transport)) == expected(reducer)
    assert len(transport.requests) == WIDTH * 2
    assert scope.counts.shuffle_remote_bytes_read == sum(output.offsets[-1] for output in outputs)


@pytest.mark.parametrize("memory", [100, 800, 80_000])
def test_remote_blocks_are_cut_and_asked_for_piece_by_piece_when_memory_is_short(
    outputs: list[MapOutput], tmp_path: Path, memory: int
) -> None:
    transport = RemoteForTests(tmp_path)
    records = read(outputs, 1, SPEC, ScopeForTests(tmp_path, memory_share=memory * 8), transport)
    next(records)
    asked = sum(stop - start for _, ranges in transport.requests for _, start, stop in ranges)
    first = outputs[0].size(1)
    assert asked <= first + 2 * memory
    assert [None, *records][1:] == expected(1)[1:]
    assert all(sum(stop - start for _, start, stop in ranges) <= memory for _, ranges in transport.requests)


def test_local_and_remote_blocks_mix(outputs: list[MapOutput], tmp_path: Path) -> None:
    class Mixed(RemoteForTests):
        def is_local(self, place: NodePlace) -> bool:
            return place == PLACE

    away = NodePlace("away", "other", ("tcp://x:1",))
    outputs[1], outputs[3] = (dataclasses.replace(outputs[i], place=away) for i in (1, 3))
    assert list(read(outputs, 2, SPEC, ScopeForTests(tmp_path), Mixed(tmp_path))) == expected(2)


def test_a_peer_that_is_gone_means_its_machine_is(outputs: list[MapOutput], tmp_path: Path) -> None:
    transport = RemoteForTests(tmp_path)
    transport.error = PeerUnreachableError("nobody answers")
    error = failure(outputs, tmp_path, transport=transport)
    assert error.machine_lost
    assert error.map_partition == 0


def test_a_remote_file_that_is_missing_means_only_itself(outputs: list[MapOutput], tmp_path: Path) -> None:
    Path(outputs[3].path).unlink()
    outputs = [
        dataclasses.replace(output, place=NodePlace(str(i), str(i), ("tcp://x:1",))) for i, output in enumerate(outputs)
    ]
    error = failure(outputs, tmp_path, transport=RemoteForTests(tmp_path))
    assert (error.map_partition, error.machine_lost) == (3, False)


def test_a_cancelled_task_stops_waiting_for_a_peer_and_abandons_the_request(
    outputs: list[MapOutput], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "_LOOK_SECONDS", 0.001)
    scope = ScopeForTests(tmp_path)
    futures = []

    class Silent(RemoteForTests):
        def fetch(self, place: Any, ranges: Any) -> Any:
            futures.append(super().fetch(place, ranges))
            scope.cancelled = True
            return futures[-1]

    transport = Silent(tmp_path)
    transport.answers = False
    with pytest.raises(CancelledForTestsError):
        next(read(outputs, 0, SPEC, scope, transport))
    assert all(future.cancelled() for future in futures)
    assert futures


def test_many_readers_at_once_get_the_same(outputs: list[MapOutput], tmp_path: Path) -> None:
    results: dict[int, list[tuple[Any, Any]]] = {}

    def one(number: int) -> None:
        results[number] = list(read(outputs, number % WIDTH, SPEC, ScopeForTests(tmp_path)))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(results[number] == expected(number % WIDTH) for number in range(9))


def test_nothing_is_opened_before_the_first_record_is_asked_for(outputs: list[MapOutput], tmp_path: Path) -> None:
    for output in outputs:
        Path(output.path).unlink()
    records = read(outputs, 0, SPEC, ScopeForTests(tmp_path))
    with pytest.raises(FetchFailedError):
        next(records)
