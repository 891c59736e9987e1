"""Resource profiles: what a dataset's tasks take of a worker, as the user says it and as the engine wants it.

The classes to say it with are PySpark's own (``pyspark.resource``), which are plain data here. What they ask for is
looked for among the workers that are there: see `core/execution/demands.py`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, cast

from pyspark.errors import IllegalArgumentException
from pyspark.resource import ResourceProfile, TaskResourceRequest

from spark_kernel.common.ids import Counter
from spark_kernel.core.execution.backend import Demand
from spark_kernel.core.rdd.hadoop_outputs import HadoopOutputs

if TYPE_CHECKING:
    from spark_kernel.core.rdd.rdd import RDD

_CPUS = "cpus"
_CONFLICT = (
    "Multiple ResourceProfiles specified in the RDDs for this stage, either resolve the conflicting ResourceProfiles "
    "yourself or enable spark.scheduler.resource.profileMergeConflicts and understand how Spark handles the merging "
    "them."
)
"""Spark's own words."""


class ResourceRequests(HadoopOutputs):
    """Profiles of datasets."""

    def withResources(self, profile: ResourceProfile) -> RDD:
        """Compute this very dataset with tasks that take what ``profile`` says; returns itself.

        Raises IllegalArgumentException for an amount that can't be given.
        """
        _refuse_odd_amounts(profile.taskResources)
        # PySpark makes the RDD at this point, so that it has an id, and later steps are no part of it.
        self._view.rdd()
        self.has_resource_profile = True
        self._session.set_resource_profile(self.node, profile)
        return cast("RDD", self)

    def getResourceProfile(self) -> ResourceProfile | None:
        """The profile that `withResources` gave this very dataset, or None."""
        return self._session.resource_profile_of(self.node.node_id)


def demand_of(profiles: Iterable[ResourceProfile], default_cpus: int, may_merge: bool) -> Demand:
    """What each task of a stage takes whose datasets have these profiles; ``default_cpus`` where none says.

    Raises IllegalArgumentException when there are several and ``may_merge`` is not set; else the largest amounts count.

    >>> from pyspark.resource import ExecutorResourceRequests, ResourceProfileBuilder, TaskResourceRequests
    >>> requests = ExecutorResourceRequests().memory("6g"), TaskResourceRequests().resource("gpu", 0.5)
    >>> demand_of([ResourceProfileBuilder().require(requests[0]).require(requests[1]).build], 2, False)
    Demand(cpus=2, resources={'gpu': 0.5}, executor={'memory': 6144})
    """
    chosen = list({id(profile): profile for profile in profiles}.values())
    if len(chosen) > 1 and not may_merge:
        raise IllegalArgumentException(_CONFLICT)
    task: dict[str, float] = {}
    executor: dict[str, int] = {}
    for profile in chosen:
        for name, of_task in profile.taskResources.items():
            task[name] = max(task.get(name, 0.0), of_task.amount)
        for name, of_executor in profile.executorResources.items():
            executor[name] = max(executor.get(name, 0), of_executor.amount)
    cpus = int(task.pop(_CPUS, default_cpus))
    return Demand(cpus, {name: amount for name, amount in task.items() if amount}, executor)


def _refuse_odd_amounts(requests: Mapping[str, TaskResourceRequest]) -> None:
    for request in requests.values():
        amount = request.amount
        if amount > 1 and amount != int(amount):
            raise IllegalArgumentException(f"The resource amount {amount} must be either <= 1.0, or a whole number.")
    cpus = requests.get(_CPUS)
    if cpus is not None and cpus.amount < 1:
        raise IllegalArgumentException(f"A task takes at least 1 cpu, not {cpus.amount}.")


_ids = Counter(1)  # Spark's default profile has number 0.
_id_lock = threading.Lock()


def _id_of(profile: ResourceProfile) -> int:
    """A number that no other profile of this process has. PySpark asks a JVM, or a server, for it."""
    with _id_lock:
        if profile._id is None:
            profile._id = _ids.next()
        return int(profile._id)


ResourceProfile.id = property(_id_of)
