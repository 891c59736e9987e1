"""A context is there before its cluster; what happens when the cluster comes late, or never."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import pytest

from spark_kernel.common.errors import ClusterError
from spark_kernel.core.context import SparkContext, context_session
from spark_kernel.core.context.pending_backend import PendingBackend
from spark_kernel.core.execution.backend import BackendFailed, TaskBatch, TaskCancelled, TaskSpec
from spark_kernel.resource_managers.inline import InlineManager
from tests.support.inline import inline_context


class LateManager(InlineManager):
    """Comes when it is allowed to."""

    def __init__(self) -> None:
        super().__init__("inline", {})
        self.allowed = threading.Event()

    def start(self, application):
        assert self.allowed.wait(10)
        return super().start(application)


class FailingManager(InlineManager):
    def __init__(self) -> None:
        super().__init__("inline", {})

    def start(self, application):
        raise ClusterError("no cores left; wait for some")


@pytest.fixture
def manager_of_context(monkeypatch):
    def use(manager) -> None:
        monkeypatch.setattr(context_session, "resource_manager", lambda url, settings: manager)

    return use


def test_a_job_waits_for_the_cluster_and_nothing_else_does(manager_of_context) -> None:
    manager = LateManager()
    manager_of_context(manager)
    with inline_context() as sc:
        rdd = sc.parallelize(range(4), 2).cache()
        table = sc.broadcast(10)
        assert sc.describe()["state"] == "starting"
        assert len(sc.plan(rdd).stages) == 1
        results = []
        thread = threading.Thread(target=lambda: results.append(rdd.map(lambda x: x + table.value).collect()))
        thread.start()
        assert results == []
        manager.allowed.set()
        thread.join(10)
        assert results == [[10, 11, 12, 13]]
        assert sc.describe()["state"] == "running"


def test_a_cluster_that_does_not_start_is_the_error_of_every_job(manager_of_context) -> None:
    manager_of_context(FailingManager())
    with inline_context() as sc:
        for _ in range(2):
            with pytest.raises(ClusterError, match="no cores left; wait for some"):
                sc.parallelize([1]).count()
        assert sc.describe()["state"] == "failed"


def test_patience_ends(manager_of_context) -> None:
    manager = LateManager()
    manager_of_context(manager)
    with inline_context(spark_kernel_startTimeout="10ms") as sc:
        with pytest.raises(ClusterError, match=r"did not start within 0 s.*startTimeout"):
            sc.parallelize([1]).count()
        manager.allowed.set()


def test_a_context_can_be_stopped_while_its_cluster_starts(manager_of_context) -> None:
    manager = LateManager()
    manager_of_context(manager)
    sc = SparkContext("inline", "impatient")
    sc.stop()
    manager.allowed.set()
    with inline_context() as another:
        assert another.describe()["state"] in ("starting", "running", "failed")


@dataclass
class RecordingBackend:
    calls: list = field(default_factory=list)

    def __getattr__(self, name):
        return lambda *arguments: self.calls.append((name, *arguments))


def batch(stage_id: int) -> TaskBatch:
    return TaskBatch(0, stage_id, 0, "map", b"", [TaskSpec(stage_id * 10, 0, 0)])


def test_what_waited_is_passed_on_in_order() -> None:
    backend, pending = RecordingBackend(), PendingBackend()
    pending.start(print)
    pending.put_broadcast(1, b"x")
    pending.submit(batch(5))
    pending.drop_blocks(7)
    pending.attach(backend)
    pending.submit(batch(6))
    assert backend.calls == [
        ("start", print),
        ("put_broadcast", 1, b"x"),
        ("drop_blocks", 7),
        ("submit", batch(5)),
        ("submit", batch(6)),
    ]


def test_what_waits_can_be_cancelled() -> None:
    reports, backend, pending = [], RecordingBackend(), PendingBackend()
    pending.start(reports.append)
    pending.submit(batch(5))
    pending.submit(batch(6))
    pending.cancel(5, 0)
    assert reports == [TaskCancelled(50, "")]
    pending.attach(backend)
    assert [call for call in backend.calls if call[0] == "submit"] == [("submit", batch(6))]


def test_after_a_failure_every_batch_is_answered() -> None:
    reports, pending = [], PendingBackend()
    pending.start(reports.append)
    pending.submit(batch(5))
    pending.fail("gone")
    pending.submit(batch(6))
    assert reports == [BackendFailed("gone"), BackendFailed("gone")]
