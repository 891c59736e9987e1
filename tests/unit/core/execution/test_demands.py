"""What tasks take and what executors have: who gets what, who has to wait, and what is refused."""

from __future__ import annotations

import pytest

from spark_kernel.core.execution import demand_dispatch
from spark_kernel.core.execution.backend import Demand, Executor, StageRefused, TaskBatch, TaskSpec
from spark_kernel.core.execution.demand_dispatch import REFUSE_SECONDS, START_SECONDS, DemandDispatch
from spark_kernel.core.execution.demands import Grant, Room, concurrent_tasks, suits
from spark_kernel.core.execution.ledger import Ledger

GPUS = Executor("w1", "here", 8, 2 << 30, {"GPU": ("0", "1")})


def test_each_task_gets_addresses_of_its_own():
    room = Room(GPUS)
    for address in ("0", "1"):
        grant = room.grant_for(Demand(resources={"gpu": 1}))
        assert grant.addresses == {"gpu": (address,)}
        assert grant.reserved == {"GPU": 1}
        room.take(grant)
    assert room.grant_for(Demand(resources={"gpu": 1})) is None


def test_several_addresses_go_to_one_task_and_parts_of_one_address_to_several():
    assert Room(GPUS).grant_for(Demand(resources={"gpu": 2})).addresses == {"gpu": ("0", "1")}
    room, third = Room(GPUS), Demand(resources={"gpu": 1 / 3})
    given = []
    while (grant := room.grant_for(third)) is not None:
        room.take(grant)
        given += grant.addresses["gpu"]
    assert given == ["0", "0", "0", "1", "1", "1"]


def test_a_resource_that_nobody_has_is_never_given():
    assert Room(GPUS).grant_for(Demand(resources={"fpga": 1})) is None


def test_what_is_taken_is_not_given_again():
    room = Room(GPUS, [Grant(6, {"gpu": ("1",)})])
    assert room.grant_for(Demand(cpus=3)) is None
    assert room.grant_for(Demand(cpus=2, resources={"gpu": 1})).addresses == {"gpu": ("0",)}


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        ({"cores": 8, "memory": 2048}, True),
        ({"cores": 9}, False),
        ({"memory": 2049}, False),
        ({"memory": 1024, "memoryOverhead": 512, "pyspark.memory": 512, "offHeap": 1}, False),
        ({"gpu": 2}, True),
        ({"gpu": 3}, False),
    ],
)
def test_an_executor_must_have_what_the_profile_says_of_executors(wanted, fits):
    assert suits(Demand(executor=wanted), GPUS) == fits


def test_as_many_tasks_run_at_once_as_the_scarcest_thing_allows():
    assert concurrent_tasks(Demand(cpus=3), [GPUS, GPUS], 100) == 4
    assert concurrent_tasks(Demand(cpus=1, resources={"gpu": 1}), [GPUS, GPUS], 100) == 4
    assert concurrent_tasks(Demand(), [GPUS], 5) == 5


class Cluster:
    """Two executors of four slots, a clock, and what is sent where."""

    def __init__(self, monkeypatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(demand_dispatch.time, "monotonic", lambda: self.now)
        self.executors = {name: Executor(name, "here", 4, 0) for name in "ab"}
        self.reports: list = []
        self.sent: list[tuple[str, list[int]]] = []
        self.gang_waits = False
        self.ledger = Ledger(self.reports.append)
        self.demanding = DemandDispatch(
            self.ledger, self._send, lambda seconds, look: None, lambda: self.executors, lambda: self.gang_waits
        )

    def _send(self, entry, bundles) -> None:
        for bundle in bundles:
            ids = [spec.task_id for spec in bundle.tasks]
            self.ledger.sent(f"key-{ids[0]}", bundle)
            self.sent.append((bundle.places[0], ids))

    def submit(self, demand, count, first=0, **fields):
        tasks = tuple(TaskSpec(first + i, i, 0) for i in range(count))
        entry = self.ledger.open(TaskBatch(0, first, 0, "map", b"", tasks, demand=demand, **fields))
        self.demanding.add(entry, tasks)
        self.demanding.look()
        return entry

    def end(self, *task_ids) -> None:
        self.ledger.cancelled(task_ids)
        self.demanding.look()


@pytest.fixture
def cluster(monkeypatch):
    return Cluster(monkeypatch)


def test_tasks_are_sent_as_there_is_room_and_the_rest_when_others_end(cluster):
    cluster.submit(Demand(cpus=3), 3)
    assert cluster.sent == [("a", [0]), ("b", [1])]
    cluster.end(1)
    assert cluster.sent[2:] == [("b", [2])]


def test_many_tasks_travel_in_bundles_that_take_the_room_of_one(cluster):
    cluster.submit(Demand(cpus=2), 100)
    assert len(cluster.sent) == 4
    assert all(len(ids) > 1 for _, ids in cluster.sent)


def test_the_earlier_job_comes_first(cluster):
    cluster.submit(Demand(cpus=4), 2)
    cluster.submit(Demand(cpus=4), 1, first=20, priority=2)
    cluster.submit(Demand(cpus=4), 1, first=10, priority=1)
    cluster.end(0)
    assert cluster.sent[2:] == [("a", [10])]


def test_a_copy_of_a_slow_task_does_not_go_where_that_runs(cluster):
    entry = cluster.ledger.open(
        TaskBatch(0, 0, 0, "map", b"", (TaskSpec(7, 0, 1, avoid=("a",)),), demand=Demand(cpus=2))
    )
    cluster.demanding.add(entry, entry.batch.tasks)
    cluster.demanding.look()
    assert cluster.sent == [("b", [7])]


def test_nothing_is_sent_while_a_gang_waits_for_room(cluster):
    cluster.gang_waits = True
    cluster.submit(Demand(cpus=2), 1)
    assert cluster.sent == []
    cluster.gang_waits = False
    cluster.demanding.look()
    assert cluster.sent == [("a", [0])]


def test_tasks_that_were_cancelled_while_they_waited_are_not_sent(cluster):
    cluster.submit(Demand(cpus=4), 2)
    entry = cluster.submit(Demand(cpus=4), 1, first=10)
    cluster.ledger.cancel(entry.stage)
    cluster.end(0)
    assert len(cluster.sent) == 2


def test_what_nobody_can_run_is_refused_in_time_and_in_plain_words(cluster):
    cluster.submit(Demand(cpus=1, resources={"gpu": 1}, executor={"cores": 2, "memory": 512}), 2)
    cluster.now += REFUSE_SECONDS - 0.1
    cluster.demanding.look()
    assert cluster.reports == []
    cluster.now += 0.1
    cluster.demanding.look()
    refused, *cancelled = cluster.reports
    assert isinstance(refused, StageRefused)
    assert refused.reason.startswith(
        "No worker can run tasks that take 1 cpu, 1 gpu on a worker with 2 cores, 512 MiB of memory. "
        "The workers of this cluster: 2 with 4 cores.\n"
    )
    assert len(cancelled) == 2


def test_workers_that_are_not_there_yet_are_waited_for(cluster):
    executors, cluster.executors = cluster.executors, {}
    cluster.submit(Demand(cpus=4), 1)
    cluster.now += START_SECONDS - 1
    cluster.demanding.look()
    assert cluster.reports == []
    cluster.executors = executors
    cluster.demanding.look()
    assert cluster.sent == [("a", [0])]
