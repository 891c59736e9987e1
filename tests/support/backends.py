"""Backends for tests that all of them have to pass, and the clusters for those that need one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spark_kernel.common.ids import new_application_id
from spark_kernel.core.execution.backend import Backend, ExecutorJoined
from spark_kernel.core.execution.dask_backend import DaskBackend
from spark_kernel.core.execution.inline import InlineBackend
from spark_kernel.resource_managers.interface import Application, ClusterAddress
from spark_kernel.resource_managers.registry import resource_manager
from spark_kernel.resource_managers.scratch import scratch_folder
from tests.support.programs import ReportLog

PRELOAD = ("spark_kernel.core.execution.worker_preload",)


@contextmanager
def local_cluster(url: str = "local[2]") -> Iterator[ClusterAddress]:
    """A running cluster, and its application's id as the folder name of its scratch."""
    settings: dict[str, str] = {}
    app_id = new_application_id()
    manager = resource_manager(url, settings)
    try:
        yield manager.start(Application(app_id, scratch_folder(app_id, settings), PRELOAD, settings))
    finally:
        manager.stop()


@contextmanager
def dask_backend(cluster: ClusterAddress, app_id: str | None = None) -> Iterator[tuple[DaskBackend, ReportLog]]:
    """A backend on ``cluster`` whose executors are there."""
    with started(DaskBackend(cluster, app_id or new_application_id())) as (backend, log):
        log.wait_for(lambda reports: joined(reports) >= cluster.expected_workers)
        yield backend, log


@contextmanager
def inline_backend(folder: Path) -> Iterator[tuple[InlineBackend, ReportLog]]:
    """The backend without a cluster."""
    with started(InlineBackend(folder)) as (backend, log):
        yield backend, log


@contextmanager
def started(backend: Backend) -> Iterator[tuple[Backend, ReportLog]]:
    """The backend, and what it reports."""
    log = ReportLog()
    backend.start(log)
    try:
        yield backend, log
    finally:
        backend.stop()


def joined(reports: list) -> int:
    """How many executors have joined."""
    return sum(isinstance(report, ExecutorJoined) for report in reports)
