"""What the notebook needs of the engine, as interfaces, and the engine that provides it.

The notebook's only import of ``core`` is here, on first use: a kernel answers before the engine is loaded, and the
unit tests put a stand-in in its place.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

from spark_kernel.common.event_bus import EventBus
from spark_kernel.common.events import JobGraph


class Context(Protocol):
    """The part of a SparkContext that the notebook uses."""

    @property
    def events(self) -> EventBus:
        """Where everything is announced."""

    @property
    def stopped(self) -> bool:
        """Whether it can't be used any more."""

    @property
    def master(self) -> str:
        """Its master URL."""

    @property
    def applicationId(self) -> str:
        """Its application id, the first part of run ids."""

    def getConf(self) -> Any:
        """Its settings; ``.get(key)`` is None for one that is not set."""

    def run(self, run_id: str) -> AbstractContextManager[object]:
        """Jobs started inside, by this thread, belong to that run."""

    def hold_actions(self) -> AbstractContextManager[object]:
        """Actions inside are planned and announced, then raise ActionHeldError."""

    def cancel_run(self, run_id: str, reason: str) -> None:
        """Cancel the jobs of that run; returns when they are cancelled."""

    def cancelJob(self, jobId: int) -> None:
        """Cancel one job."""

    def cancelAllJobs(self) -> None:
        """Cancel every job."""

    def active_jobs(self) -> list[int]:
        """Ids of the jobs that run now."""

    def plan(self, rdd: Any) -> JobGraph:
        """The stages that an action on ``rdd`` would run."""

    def preview(self, rdd: Any, limit: int) -> tuple[list[Any], bool]:
        """The first rows of ``rdd``, and whether that is all of them."""

    def name_dataset(self, rdd: Any, name: str) -> None:
        """Give the dataset the name of its variable."""

    def describe(self) -> dict[str, Any]:
        """Facts for ``%spark status``."""

    def storage_status(self) -> list[dict[str, Any]]:
        """Persisted datasets for ``%spark storage``."""

    def scale(self, workers: int) -> None:
        """Ask for so many workers."""

    def stop(self) -> None:
        """End the application and its cluster."""


class Engine(Protocol):
    """Makes contexts and knows datasets."""

    def begin(self, master: str | None, settings: Mapping[str, str]) -> None:
        """Start what takes long, such as a cluster, before `open_context` is called with the same arguments."""

    def open_context(self, master: str | None, settings: Mapping[str, str]) -> Context:
        """The process's active context, or a started one.

        ``master`` None means the one of ``settings`` or the engine's default. Raises SettingsError or ClusterError.
        """

    def active_context(self) -> Context | None:
        """The context that the user's own code made or left running, if there is one."""

    def check_master(self, master: str) -> None:
        """Raises MasterUrlError when ``master`` names no cluster."""

    def is_dataset(self, value: object) -> bool:
        """Whether ``value`` is a lazy dataset, which has a graph and a preview."""


class SparkEngine:
    """The engine of this package, imported by the first method that is called."""

    def begin(self, master: str | None, settings: Mapping[str, str]) -> None:
        """Give the cluster a head start on importing the rest of the engine."""
        from spark_kernel.core.execution.preloads import PRELOAD
        from spark_kernel.resource_managers import head_start
        from spark_kernel.resource_managers.master_url import DEFAULT_MASTER

        head_start.begin(master or settings.get("spark.master", DEFAULT_MASTER), settings, PRELOAD)

    def open_context(self, master: str | None, settings: Mapping[str, str]) -> Context:
        """A SparkContext, whose cluster starts in the background."""
        from pyspark.conf import SparkConf

        from spark_kernel.core.context import SparkContext

        conf = SparkConf().setAll(list(settings.items()))
        if master is not None:
            conf.setMaster(master)
        return SparkContext.getOrCreate(conf)

    def active_context(self) -> Context | None:
        """The active SparkContext of this process."""
        # Nothing is imported: where nobody has imported the engine there is no context.
        module = sys.modules.get("spark_kernel.core.context.spark_context")
        context: Context | None = getattr(getattr(module, "SparkContext", None), "_active_spark_context", None)
        return context

    def check_master(self, master: str) -> None:
        """Ask the resource manager of that URL."""
        from spark_kernel.resource_managers.registry import resource_manager

        resource_manager(master, {})

    def is_dataset(self, value: object) -> bool:
        """RDDs are."""
        from spark_kernel.core.rdd import RDD

        return isinstance(value, RDD)
