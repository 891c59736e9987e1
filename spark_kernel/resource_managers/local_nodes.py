"""The clusters of ``local[N]`` and ``local-cluster[N,C,M]``, made in the supervisor.

    local[N]          scheduler and nannies in the supervisor's own loop; a worker process each
    local-cluster     scheduler in a process of its own, nannies in one process for each node; a worker process each

Everything listens on loopback, on ports that the system chose.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

import distributed.system
from distributed import Nanny, Scheduler
from distributed.core import Status
from distributed.deploy import SpecCluster
from tornado.ioloop import PeriodicCallback

from spark_kernel.resource_managers import worker_setup
from spark_kernel.resource_managers.cluster_plan import ClusterPlan
from spark_kernel.resource_managers.hosted_cluster import HostedCluster
from spark_kernel.resource_managers.machine import cores_of_this_machine
from spark_kernel.resource_managers.master_url import MINIMUM_MEMORY_MIB
from spark_kernel.resource_managers.server_process import ServerProcess
from spark_kernel.resource_managers.web_server import close_web_server

LOOPBACK = "127.0.0.1"
MEMORY_SHARE = 0.8
"""Of the machine's memory, for all workers together; the rest is for driver, system and file cache."""
GRACE_SECONDS = 1.0
"""A worker gets this long to end by itself when the cluster is closed."""
REPLACE_SECONDS = 2.0
"""How often it is checked whether a node is gone for good."""


def one_process(plan: ClusterPlan) -> HostedCluster:
    """Factory of ``local[N]``."""
    cluster = LocalNodes(
        scheduler={"cls": QuietScheduler, "options": scheduler_options(plan)},
        worker={"cls": SeededNanny, "options": nanny_options(plan, LocalNodes.size(plan))},
    )

    def processes() -> dict[str, object]:
        workers = {str(name): nanny.pid for name, nanny in cluster.workers.items()}
        return {"supervisor": os.getpid(), "scheduler": os.getpid(), "workers": workers}

    return _hosted(cluster, plan, processes)


def process_per_node(plan: ClusterPlan) -> HostedCluster:
    """Factory of ``local-cluster[N,C,M]``."""
    scheduler = {"server": f"{__name__}:QuietScheduler", **scheduler_options(plan)}
    node = {
        "server": f"{__name__}:SeededNanny",
        "preload_ahead": plan.preload,
        **nanny_options(plan, LocalNodes.size(plan)),
    }
    cluster = LocalNodes(
        scheduler={"cls": ServerProcess, "options": scheduler},
        worker={"cls": ServerProcess, "options": node},
    )

    def processes() -> dict[str, object]:
        nodes = {str(name): node.pid for name, node in cluster.workers.items()}
        return {"supervisor": os.getpid(), "scheduler": cluster.scheduler.pid, "nodes": nodes}

    return _hosted(cluster, plan, processes)


def scheduler_options(plan: ClusterPlan) -> dict[str, Any]:
    """How a scheduler of ours is made."""
    return {"host": LOOPBACK, "port": 0, "dashboard_address": f"{LOOPBACK}:0", "dashboard": plan.dashboard}


def nanny_options(plan: ClusterPlan, workers: int) -> dict[str, Any]:
    """How a nanny of ours is made, and through it its worker."""
    return {
        "host": LOOPBACK,
        "nthreads": plan.cores_per_worker,
        "memory_limit": memory_per_worker(plan, workers),
        "local_directory": plan.scratch,
        "preload": [worker_setup.__name__, *plan.preload],
        "dashboard_address": f"{LOOPBACK}:0",
        "dashboard": plan.dashboard,
    }


def memory_per_worker(plan: ClusterPlan, workers: int) -> int:
    """Bytes: what the plan says, or an equal share of what the machine, or its container, has."""
    if plan.memory_per_worker is not None:
        return plan.memory_per_worker
    share = int(distributed.system.MEMORY_LIMIT * MEMORY_SHARE / workers)
    # With less, workers would be ended as soon as they have started. What they share is counted in each of them.
    return max(share, MINIMUM_MEMORY_MIB * 1024**2)


class QuietScheduler(Scheduler):
    """A scheduler that has no port for web pages unless it serves some."""

    async def start_unsafe(self) -> QuietScheduler:
        """Start listening."""
        await super().start_unsafe()
        close_web_server(self)
        return self


class SeededNanny(Nanny):
    """A nanny whose workers hash strings with the seed of their supervisor.

    Dask replaces the seed 0 by one of its own; but 0 is what partitions are laid out with in Spark.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for environment in (self.pre_spawn_env, self.env):
            environment["PYTHONHASHSEED"] = os.environ["PYTHONHASHSEED"]


class LocalNodes(SpecCluster):
    """Scheduler and workers on this machine; a node that is gone for good is replaced."""

    def __init__(self, scheduler: dict[str, Any], worker: dict[str, Any]) -> None:
        super().__init__(scheduler=scheduler, worker=worker, asynchronous=True, name="spark-kernel")
        self.is_started = False
        """Whether all workers have been there once: those that are missing before are still being started."""
        self.periodic_callbacks["replace-lost"] = PeriodicCallback(self._replace_lost, REPLACE_SECONDS * 1000)

    @staticmethod
    def size(plan: ClusterPlan) -> int:
        """How many workers the plan asks for."""
        return plan.workers or cores_of_this_machine()

    def _replace_lost(self) -> None:
        # Dask drops a worker that is gone from `workers`, but keeps its place in `worker_spec`.
        if self._adaptive is None and self.is_started and len(self.workers) < len(self.worker_spec):
            self.scale(len(self.worker_spec))

    def started(self) -> None:
        """All workers are there: from now on those that are lost are replaced."""
        self.is_started = True

    def forget_failed(self) -> None:
        """Let go of workers that did not start; their places in `worker_spec` stay."""
        for name, worker in list(self.workers.items()):
            if worker.status != Status.running:
                del self.workers[name]

    async def close_at_once(self) -> None:
        """End everything without moving the workers' data to each other first, as `close` would."""
        await asyncio.gather(*(worker.close(timeout=GRACE_SECONDS) for worker in self.workers.values()))
        await self.scheduler.close()


def _hosted(cluster: LocalNodes, plan: ClusterPlan, processes: Any) -> HostedCluster:
    workers = LocalNodes.size(plan)
    return HostedCluster(
        cluster,
        workers=workers,
        cores_per_worker=plan.cores_per_worker,
        memory_per_worker=memory_per_worker(plan, workers),
        processes=processes,
        close=cluster.close_at_once,
        forget_failed=cluster.forget_failed,
        started=cluster.started,
    )
