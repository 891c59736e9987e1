"""What the notebook asks of a context beyond PySpark's API."""

from __future__ import annotations

from contextlib import AbstractContextManager
from itertools import islice
from typing import Any

from spark_kernel.common.event_bus import EventBus
from spark_kernel.common.events import JobGraph
from spark_kernel.core.context.context_session import ContextSession
from spark_kernel.core.rdd import RDD
from spark_kernel.core.rdd.operations import operation


class NotebookFace:
    """Runs, plans, previews, facts."""

    session: ContextSession

    @property
    def events(self) -> EventBus:
        """Where everything that happens is announced."""
        return self.session.events

    def run(self, run_id: str) -> AbstractContextManager[None]:
        """Jobs that this thread starts inside belong to that run."""
        return self.session.run(run_id)

    def hold_actions(self) -> AbstractContextManager[None]:
        """Actions that this thread calls inside are planned and announced, and raise ActionHeldError."""
        return self.session.hold_actions()

    def cancel_run(self, run_id: str, reason: str) -> None:
        """Cancel exactly the jobs of that run; returns when their tasks have stopped, within 2 s."""
        self.session.cancel(lambda _, labels: labels.run_id == run_id, reason)

    def active_jobs(self) -> list[int]:
        """Ids of the jobs that have not ended."""
        return self.session.runner.active_jobs()

    def plan(self, rdd: RDD) -> JobGraph:
        """The stages that an action on ``rdd`` would have now. Nothing runs."""
        return self.session.plan(rdd.node)

    def name_dataset(self, rdd: RDD, name: str) -> None:
        """Name the dataset after the variable it was assigned to."""
        self.session.set_variable(rdd.node, name)

    @operation
    def preview(self, rdd: RDD, limit: int) -> tuple[list[Any], bool]:
        """The first ``limit`` records, as `RDD.take` finds them, and whether these are all."""
        rows = rdd.take(limit + 1)
        return list(islice(rows, limit)), len(rows) <= limit

    def describe(self) -> dict[str, Any]:
        """What a person wants to know of the context and its cluster."""
        session = self.session
        executors = [] if session.stopped else list(session.runner.executors())
        return {
            "master": session.master,
            "app_id": session.app_id,
            "app_name": session.settings["spark.app.name"],
            "state": session.cluster_state,
            "executors": len(executors),
            "cores": sum(executor.cores for executor in executors),
            "memory_bytes": sum(executor.memory_bytes for executor in executors),
            "active_jobs": self.active_jobs(),
            "cluster": session.manager.describe(),
        }

    def storage_status(self) -> list[dict[str, Any]]:
        """The persisted datasets and what is kept of each."""
        return [
            {
                "node_id": node.node_id,
                "name": self.session.name_of(node.node_id) or node.operation,
                "level": str(level),
                "cached_partitions": partitions,
                "partitions": node.num_partitions,
                "memory_bytes": memory,
                "disk_bytes": disk,
            }
            for node, level in self.session.facts.persisted()
            for partitions, memory, disk in [self.session.cached(node.node_id)]
        ]

    def scale(self, workers: int) -> None:
        """Ask for so many workers. Raises ClusterError when this cluster can't be scaled."""
        self.session.require_open()
        self.session.manager.scale(workers)
