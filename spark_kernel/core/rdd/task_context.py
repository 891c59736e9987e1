"""``TaskContext.get()`` of PySpark, answered by the task that the calling thread runs.

PySpark keeps one context per worker process in a class attribute; here a process may run several tasks at once. So
that attribute is looked up afresh each time. Importing this module is enough; the RDD API does.
"""

from __future__ import annotations

from typing import Any

from pyspark.resource import ResourceInformation
from pyspark.taskcontext import TaskContext

from spark_kernel.core.execution.task_scope import current_task
from spark_kernel.core.rdd.barrier import BarrierTaskContext

__all__ = ["TaskContext"]


class _OfThisTask:
    """A class attribute whose value is the running task's context, and None on the driver."""

    def __get__(self, instance: object, owner: type[Any]) -> TaskContext | None:
        task = current_task()
        if task is None:
            return None
        context = object.__new__(TaskContext if task.gang is None else BarrierTaskContext)
        context.__init__(
            stageId=task.stage_id,
            partitionId=task.partition,
            attemptNumber=task.attempt,
            taskAttemptId=task.task_id,
            localProperties=dict(task.properties),
            cpus=task.grant.cpus,
            resources={
                name: ResourceInformation(name, list(addresses)) for name, addresses in task.grant.addresses.items()
            },
        )
        if task.gang is not None:
            context._gang = task.gang
        return context


TaskContext._taskContext = _OfThisTask()
