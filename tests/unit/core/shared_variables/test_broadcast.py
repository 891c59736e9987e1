"""Broadcast variables: one copy for each executor, found there by those that travelled."""

from __future__ import annotations

import io
import pickle
import threading
from pathlib import Path
from typing import Any

import pytest
from pyspark.errors import PySparkRuntimeError

from spark_kernel.common.errors import ContextError
from spark_kernel.core.shared_variables.broadcast import (
    Broadcast,
    BroadcastCache,
    broadcasts_of_worker,
    record_broadcasts,
)


class Home:
    def __init__(self) -> None:
        self.calls: list[tuple[str, int, bool]] = []

    def unpersist_broadcast(self, broadcast_id: int, blocking: bool) -> None:
        self.calls.append(("unpersist", broadcast_id, blocking))

    def destroy_broadcast(self, broadcast_id: int, blocking: bool) -> None:
        self.calls.append(("destroy", broadcast_id, blocking))


class Executor:
    """A worker with its cache, and how often it had to fetch."""

    def __init__(self, values: dict[int, Any]) -> None:
        self.values = values
        self.fetched: list[int] = []
        self.cache = BroadcastCache(self.fetch)

    def fetch(self, broadcast_id: int) -> bytes:
        self.fetched.append(broadcast_id)
        return pickle.dumps(self.values[broadcast_id])

    def receive(self, broadcast: Broadcast[Any]) -> Broadcast[Any]:
        data = pickle.dumps(broadcast)
        with broadcasts_of_worker(self.cache):
            copy: Broadcast[Any] = pickle.loads(data)
        return copy


def test_tasks_of_a_worker_share_one_copy_that_is_fetched_at_first_use() -> None:
    executor = Executor({3: ["large"]})
    copies = [executor.receive(Broadcast(3, ["large"])) for _ in range(3)]
    assert executor.fetched == []
    assert all(copy.value is copies[0].value for copy in copies)
    assert (copies[0].value, executor.fetched) == (["large"], [3])


def test_threads_that_ask_at_once_fetch_once() -> None:
    executor = Executor({3: list(range(1000))})
    together = threading.Barrier(8)
    values = []

    def use() -> None:
        copy = executor.receive(Broadcast(3, None))
        together.wait()
        values.append(copy.value)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert executor.fetched == [3]
    assert len({id(value) for value in values}) == 1


def test_a_fetch_that_fails_is_tried_again_by_the_next() -> None:
    answers = [OSError("the network"), pickle.dumps("there")]

    def fetch(broadcast_id: int) -> bytes:
        answer = answers.pop(0)
        if isinstance(answer, bytes):
            return answer
        raise answer

    cache = BroadcastCache(fetch)
    with pytest.raises(OSError, match="the network"):
        cache.get(1)
    assert cache.get(1) == "there"


def test_what_is_pickled_is_recorded_by_thread_and_nested_recorders_both_see_it() -> None:
    one, two, elsewhere = (Broadcast(i, i) for i in (1, 2, 3))
    with record_broadcasts() as outer:
        pickle.dumps([one, {"deep": one}])
        with record_broadcasts() as inner:
            pickle.dumps(two)
        other = threading.Thread(target=pickle.dumps, args=(elsewhere,))
        other.start()
        other.join()
    pickle.dumps(elsewhere)
    assert (outer, inner) == ({1, 2}, {2})


def test_only_the_id_travels() -> None:
    assert len(pickle.dumps(Broadcast(1, b"x" * 1_000_000))) < 200


def test_unpersist_drops_the_copies_and_use_fetches_again() -> None:
    home = Home()
    broadcast = Broadcast(3, "value", home)
    executor = Executor({3: "value"})
    copy = executor.receive(broadcast)
    assert copy.value == "value"
    broadcast.unpersist(blocking=True)
    executor.cache.unpersist(3)
    assert (copy.value, executor.fetched) == ("value", [3, 3])
    assert home.calls == [("unpersist", 3, True)]
    assert broadcast.value == "value"


def test_use_after_destroy_is_refused_everywhere() -> None:
    home = Home()
    broadcast = Broadcast(3, "value", home)
    executor = Executor({3: "value"})
    copy = executor.receive(broadcast)
    broadcast.destroy()
    broadcast.destroy()
    executor.cache.destroy(3)
    assert home.calls == [("destroy", 3, False)]
    for use in (lambda: broadcast.value, lambda: copy.value, lambda: pickle.dumps(broadcast)):
        with pytest.raises(ContextError, match=r"Broadcast\(3\) after it was destroyed"):
            use()


def test_on_an_executor_it_can_only_be_read() -> None:
    copy = Executor({3: "value"}).receive(Broadcast(3, "value"))
    for use, word in (
        (copy.unpersist, "unpersisted"),
        (copy.destroy, "destroyed"),
        (lambda: pickle.dumps(copy), "seri"),
    ):
        with pytest.raises(PySparkRuntimeError, match=rf"INVALID_BROADCAST_OPERATION.*{word}"):
            use()


def test_one_that_arrives_where_no_task_runs_is_refused() -> None:
    data = pickle.dumps(Broadcast(3, "value"))
    with pytest.raises(PySparkRuntimeError, match="BROADCAST_VARIABLE_NOT_LOADED"):
        pickle.loads(data)


def test_dump_and_load_like_pyspark(tmp_path: Path) -> None:
    broadcast = Broadcast(0, [1, 2])
    path = tmp_path / "value"
    with path.open("wb") as file:
        broadcast.dump(broadcast.value, file)
    assert file.closed
    assert broadcast.load_from_path(str(path)) == [1, 2]
    with path.open("rb") as file:
        assert broadcast.load(file) == [1, 2]
    with pytest.raises(pickle.PicklingError):
        broadcast.dump(threading.Lock(), io.BytesIO())  # type: ignore[arg-type]
