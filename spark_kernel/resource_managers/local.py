"""Clusters on this machine: ``local``, ``local[N]``, ``local[*]``, ``local[N,F]`` and ``local-cluster[N,C,M]``.

In Spark ``local`` runs threads in the driver; Python's threads share one interpreter lock, so here it is worker
processes with one task at a time each. What they are made of is in `local_nodes.py`, on the supervisor's side.
"""

from __future__ import annotations

from collections.abc import Mapping

from spark_kernel.common.errors import SettingsError
from spark_kernel.resource_managers.cluster_plan import ClusterPlan, drivers_import_path
from spark_kernel.resource_managers.interface import Application
from spark_kernel.resource_managers.machine import cores_of_this_machine
from spark_kernel.resource_managers.master_url import MINIMUM_MEMORY_MIB, LocalClusterUrl, LocalUrl
from spark_kernel.resource_managers.notation import count_setting, size_setting, wants_web_pages
from spark_kernel.resource_managers.supervised_manager import SupervisedManager

LOCAL_TASK_FAILURES = 1
"""On one machine a task that failed once is taken to fail always, as in Spark."""
CLUSTER_TASK_FAILURES = 4
"""Spark's ``spark.task.maxFailures``."""


class LocalManager(SupervisedManager):
    """``local``, ``local[N]``, ``local[*]``, ``local[N,F]``: N worker processes with one core each."""

    def __init__(self, url: str, settings: Mapping[str, str]) -> None:
        super().__init__(url, settings)
        self._parsed = LocalUrl.parse(url)
        self._memory = executor_memory(settings)
        self._cpus = cpus_per_task(url, settings, self._slots())
        self._dashboard = wants_web_pages(settings)
        # What the URL says counts more: it was written for this very cluster.
        self._max_failures = self._parsed.max_failures or count_setting(
            settings, "spark.task.maxFailures", LOCAL_TASK_FAILURES
        )

    @classmethod
    def parse(cls, url: str, settings: Mapping[str, str]) -> LocalManager:
        return cls(url, settings)

    def plan(self, application: Application) -> ClusterPlan:
        return ClusterPlan(
            factory="spark_kernel.resource_managers.local_nodes:one_process",
            scratch=str(application.scratch),
            # A task that takes several slots needs them all in one process.
            workers=self._parsed.workers if self._cpus == 1 else self._slots() // self._cpus,
            cores_per_worker=self._cpus,
            memory_per_worker=self._memory,
            preload=application.preload,
            dashboard=self._dashboard,
            import_path=drivers_import_path(),
        )

    def max_task_failures(self) -> int:
        return self._max_failures

    def _slots(self) -> int:
        return self._parsed.workers or cores_of_this_machine()


class LocalClusterManager(SupervisedManager):
    """``local-cluster[N,C,M]``: N nodes, each with a worker process of C cores and M MiB; the scheduler apart."""

    def __init__(self, url: str, settings: Mapping[str, str]) -> None:
        super().__init__(url, settings)
        self._parsed = LocalClusterUrl.parse(url)
        cpus_per_task(url, settings, self._parsed.cores_per_worker)
        self._dashboard = wants_web_pages(settings)
        self._max_failures = count_setting(settings, "spark.task.maxFailures", CLUSTER_TASK_FAILURES)

    @classmethod
    def parse(cls, url: str, settings: Mapping[str, str]) -> LocalClusterManager:
        return cls(url, settings)

    def plan(self, application: Application) -> ClusterPlan:
        return ClusterPlan(
            factory="spark_kernel.resource_managers.local_nodes:process_per_node",
            scratch=str(application.scratch),
            workers=self._parsed.workers,
            cores_per_worker=self._parsed.cores_per_worker,
            memory_per_worker=self._parsed.memory_per_worker,
            preload=application.preload,
            dashboard=self._dashboard,
            import_path=drivers_import_path(),
        )

    def max_task_failures(self) -> int:
        return self._max_failures


def cpus_per_task(url: str, settings: Mapping[str, str], cores: int) -> int:
    """What ``spark.task.cpus`` says. Raises SettingsError when an executor, with ``cores``, could run no task."""
    cpus = count_setting(settings, "spark.task.cpus", 1)
    if cpus > cores:
        raise SettingsError(
            f"The number of cores per executor (={cores}) has to be >= the number of cpus per task = {cpus}: "
            f"a lower spark.task.cpus, or more cores than {url} has"
        )
    return cpus


def executor_memory(settings: Mapping[str, str]) -> int | None:
    """Bytes that ``spark.executor.memory`` gives each worker; None when it is not set. Raises SettingsError."""
    size = size_setting(settings, "spark.executor.memory")
    if size is not None and size < MINIMUM_MEMORY_MIB * 1024**2:
        raise SettingsError(
            f"spark.executor.memory is {settings['spark.executor.memory']!r}; "
            f"a worker needs {MINIMUM_MEMORY_MIB}m or more"
        )
    return size
