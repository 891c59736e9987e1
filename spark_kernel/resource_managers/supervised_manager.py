"""Base of the resource managers whose cluster runs under a supervisor."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from spark_kernel.common.errors import ClusterError, SettingsError
from spark_kernel.resource_managers.cluster_plan import ClusterPlan
from spark_kernel.resource_managers.interface import Application, ClusterAddress, ResourceManager
from spark_kernel.resource_managers.scratch import remove_scratch_folder
from spark_kernel.resource_managers.supervised import SupervisedCluster


class SupervisedManager(ResourceManager):
    """Starts what `plan` says under a supervisor. A subclass says what to start and how often a task may fail."""

    def __init__(self, url: str, settings: Mapping[str, str]) -> None:
        self.url = url
        self.settings = settings
        self._application: Application | None = None
        self._cluster: SupervisedCluster | None = None
        self._listeners: list[Callable[[str], None]] = []
        self._stopped = False
        self._changing = threading.Lock()

    @abstractmethod
    def plan(self, application: Application) -> ClusterPlan:
        """What the supervisor is to start."""

    @abstractmethod
    def max_task_failures(self) -> int:
        """Attempts that a task gets."""

    def start(self, application: Application) -> ClusterAddress:
        self._claim(application)
        try:
            described = self._launch(application).listening()
        except BaseException:
            self.stop()
            raise
        return ClusterAddress(
            address=described["address"],
            cores=described["expected_workers"] * described["cores_per_worker"],
            expected_workers=described["expected_workers"],
            max_task_failures=self.max_task_failures(),
            shares_folder=True,
        )

    def scale(self, workers: int) -> None:
        if workers < 1:
            raise SettingsError(f"can't scale to {workers} workers; expected 1 or more")
        self._running().request("scale", workers=workers)

    def adapt(self, minimum: int, maximum: int) -> None:
        if not 0 <= minimum <= maximum or maximum < 1:
            raise SettingsError(
                f"can't adapt between {minimum} and {maximum} workers; expected 0 <= minimum <= maximum"
            )
        self._running().request("adapt", minimum=minimum, maximum=maximum)

    def describe(self) -> dict[str, object]:
        described: dict[str, Any] = {"master": self.url, "state": self._state()}
        if self._cluster is not None and described["state"] == "running":
            described.update(self._cluster.request("describe"))
        elif self._cluster is not None and self._cluster.lost is not None:
            described["reason"] = self._cluster.lost
        return described

    def on_lost(self, listener: Callable[[str], None]) -> None:
        with self._changing:
            cluster = self._cluster
            if cluster is None:
                self._listeners.append(listener)
        if cluster is not None:
            cluster.on_lost(listener)

    def stop(self) -> None:
        with self._changing:
            self._stopped = True
        if self._cluster is not None:
            self._cluster.stop()
        if self._application is not None:
            remove_scratch_folder(self._application.scratch)

    def _claim(self, application: Application) -> None:
        with self._changing:
            if self._stopped or self._application is not None:
                raise ClusterError(f"{self.url} was {'stopped' if self._stopped else 'started'} already; make another")
            self._application = application

    def _launch(self, application: Application) -> SupervisedCluster:
        with self._changing:
            if self._stopped:
                raise ClusterError(f"{self.url} was stopped while it started")
            (application.scratch / "tmp").mkdir(parents=True, exist_ok=True)
            self._cluster = SupervisedCluster(self.plan(application))
            for listener in self._listeners:
                self._cluster.on_lost(listener)
            return self._cluster

    def _running(self) -> SupervisedCluster:
        if self._cluster is None:
            raise ClusterError(f"{self.url} is not started")
        return self._cluster

    def _state(self) -> str:
        if self._stopped:
            return "stopped"
        if self._cluster is None:
            return "not started"
        if self._cluster.lost is not None:
            return "lost"
        return "running" if self._cluster.started else "starting"
