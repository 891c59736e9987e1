"""Gangs are sent one at a time, each task to a slot of its own, or refused when there are too few slots for long."""

from __future__ import annotations

import pytest

from spark_kernel.common.errors import SettingsError
from spark_kernel.core.execution import gang_dispatch
from spark_kernel.core.execution.backend import (
    Demand,
    Executor,
    StageRefused,
    TaskBatch,
    TaskCancelled,
    TaskSpec,
    TaskStarted,
)
from spark_kernel.core.execution.demands import Room
from spark_kernel.core.execution.gang_dispatch import MORE_SLOTS, REPAIR_SECONDS, GangDispatch, GangLimits, place_gang
from spark_kernel.core.execution.ledger import Ledger
from spark_kernel.core.execution.worker_messages import Meets


class Cluster:
    """Two slots, a clock, and what is sent where."""

    def __init__(self, monkeypatch, expected: int = 2) -> None:
        self.now = 100.0
        monkeypatch.setattr(gang_dispatch.time, "monotonic", lambda: self.now)
        self.executors = {name: Executor(name, "here", 1, 0) for name in "ab"}
        self.reports: list = []
        self.sent: list[list[tuple[int, str]]] = []
        self.delivered: list = []
        self.ledger = Ledger(self.reports.append)
        self.gangs = GangDispatch(
            self.ledger,
            self._send,
            self._deliver,
            lambda seconds, look: None,
            lambda: self.executors,
            expected,
            GangLimits(),
        )

    def _send(self, entry, bundles) -> None:
        self.sent.append([(bundle.tasks[0].task_id, bundle.places[0]) for bundle in bundles])
        for bundle in bundles:
            self.ledger.sent(f"key-{bundle.tasks[0].task_id}", bundle)

    def _deliver(self, replies) -> None:
        self.delivered += [reply for said in replies.values() for reply in said]

    def submit(self, stage_id, *task_ids, **fields):
        tasks = tuple(TaskSpec(each, p, 0) for p, each in enumerate(task_ids))
        entry = self.ledger.open(TaskBatch(0, stage_id, 0, "map", b"", tasks, is_gang=True, **fields))
        self.gangs.submit(entry)
        return entry

    def line_up(self, *task_ids) -> None:
        for task_id in task_ids:
            self.gangs.meets(Meets(task_id, 0, "start", "here"), f"w{task_id}")


@pytest.fixture
def cluster(monkeypatch):
    return Cluster(monkeypatch)


def test_each_task_gets_a_slot_of_its_own(cluster):
    cluster.submit(0, 1, 2)
    assert cluster.sent == [[(1, "a"), (2, "b")]]


def test_tasks_have_started_when_all_are_ready_and_not_before(cluster):
    cluster.submit(0, 1, 2)
    cluster.line_up(1)
    assert cluster.reports == cluster.delivered == []
    cluster.line_up(2)
    assert cluster.reports == [TaskStarted(1, "w1"), TaskStarted(2, "w2")]
    assert [reply.task_id for reply in cluster.delivered] == [1, 2]


def test_a_second_gang_is_sent_when_the_first_is_over(cluster):
    cluster.submit(0, 1, 2)
    cluster.submit(1, 3, 4)
    cluster.line_up(1, 2)
    assert len(cluster.sent) == 1
    assert cluster.gangs.waits_for_room
    cluster.ledger.cancelled([1, 2])
    cluster.gangs.look()
    assert cluster.sent[1:] == [[(3, "a"), (4, "b")]]
    assert not cluster.gangs.waits_for_room


def test_gangs_that_fit_side_by_side_are_sent_at_once(cluster):
    cluster.submit(0, 1)
    cluster.submit(1, 2)
    assert cluster.sent == [[(1, "a")], [(2, "b")]]


def test_a_gang_that_would_fit_does_not_overtake_one_that_waits_for_room(cluster):
    cluster.submit(0, 1)
    cluster.submit(1, 2, 3)
    cluster.submit(2, 4)
    assert cluster.sent == [[(1, "a")]]


def test_each_task_of_a_gang_gets_what_it_takes(cluster):
    cluster.executors = {name: Executor(name, "here", 4, 0, {"GPU": ("0", "1")}) for name in "ab"}
    cluster.submit(0, 1, 2, 3, demand=Demand(cpus=2, resources={"gpu": 1}))
    assert cluster.sent == [[(1, "a"), (2, "b"), (3, "a")]]
    assert sorted((where, grant.addresses["gpu"]) for where, grant in cluster.ledger.grants()) == [
        ("a", ("0",)),
        ("a", ("1",)),
        ("b", ("0",)),
    ]


def test_a_gang_whose_tasks_take_too_much_is_too_wide(cluster):
    cluster.submit(0, 1, 2, demand=Demand(cpus=2))
    cluster.now += REPAIR_SECONDS
    cluster.gangs.look()
    assert cluster.reports[0] == StageRefused(0, MORE_SLOTS)


def test_a_gang_that_is_cancelled_while_it_waits_is_never_sent(cluster):
    cluster.submit(0, 1, 2)
    cluster.submit(1, 3, 4)
    cluster.ledger.cancel((1, 0))
    cluster.ledger.cancelled([1, 2])
    cluster.gangs.look()
    assert len(cluster.sent) == 1


def test_jobs_that_came_earlier_go_first(cluster):
    cluster.submit(0, 1, 2)
    cluster.submit(2, 5, 6, priority=2)
    cluster.submit(1, 3, 4, priority=1)
    cluster.ledger.cancelled([1, 2])
    cluster.gangs.look()
    assert cluster.sent[1] == [(3, "a"), (4, "b")]


def test_a_gang_that_is_too_wide_is_refused_after_a_while_in_the_words_of_spark(cluster):
    cluster.submit(0, 1, 2, 3)
    cluster.now += GangLimits().slots_seconds - 0.1
    cluster.gangs.look()
    assert cluster.reports == []
    cluster.now += 0.1
    cluster.gangs.look()
    assert cluster.reports == [StageRefused(0, MORE_SLOTS), *(TaskCancelled(each, "") for each in (1, 2, 3))]
    assert MORE_SLOTS.startswith(
        "[SPARK-24819]: Barrier execution mode does not allow run a barrier stage that requires"
    )


def test_workers_that_join_in_time_are_enough(cluster):
    cluster.submit(0, 1, 2, 3)
    cluster.executors["c"] = Executor("c", "here", 1, 0)
    cluster.gangs.look()
    assert cluster.sent == [[(1, "a"), (2, "b"), (3, "c")]]


def test_workers_that_should_be_there_get_longer(monkeypatch):
    cluster = Cluster(monkeypatch, expected=3)
    cluster.submit(0, 1, 2, 3)
    cluster.now += REPAIR_SECONDS - 1
    cluster.gangs.look()
    assert cluster.reports == []
    cluster.now += 1
    cluster.gangs.look()
    assert cluster.reports[0] == StageRefused(0, MORE_SLOTS)


def test_a_gang_that_is_too_wide_does_not_hold_up_another(cluster):
    cluster.submit(0, 1, 2, 3)
    cluster.submit(1, 4, 5)
    assert cluster.sent == [[(4, "a"), (5, "b")]]


def test_a_task_that_has_not_begun_is_lost_with_the_executor_that_it_was_sent_to(cluster):
    cluster.submit(0, 1, 2)
    assert cluster.ledger.executor_lost("b", "it died") == {"key-2"}
    assert [(report.task_id, report.executor_lost) for report in cluster.reports] == [(2, True)]


def test_tasks_go_where_what_they_read_is_as_long_as_there_is_room():
    tasks = [TaskSpec(0, 0, 0, preferred=("b",)), TaskSpec(1, 1, 0, preferred=("b", "a")), TaskSpec(2, 2, 0)]
    rooms = {"a": Room(Executor("a", "here", 2, 0)), "b": Room(Executor("b", "here", 1, 0))}
    assert [bundle.places for bundle in place_gang(tasks, Demand(), rooms, {})] == [("b",), ("a",), ("a",)]


def test_settings_say_how_long_gangs_wait():
    check = "spark.scheduler.barrier.maxConcurrentTasksCheck"
    settings = {f"{check}.interval": "2s", f"{check}.maxFailures": "3", "spark.barrier.sync.timeout": "1min"}
    assert GangLimits.from_settings(settings) == GangLimits(6.0, 60.0)
    with pytest.raises(SettingsError, match="maxFailures"):
        GangLimits.from_settings({f"{check}.maxFailures": "no"})
