"""The driver's eyes on Dask's scheduler: who leaves, and that Dask repeats no task on its own account."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dask._task_spec import Task
from distributed import Scheduler, SchedulerPlugin

from spark_kernel.core.execution.worker_messages import topic_of


class DriverPlugin(SchedulerPlugin):
    """One per application, on the scheduler."""

    def __init__(self, app_id: str, client_id: str) -> None:
        self.app_id = app_id
        self.name = topic_of(app_id)
        self._client_id = client_id

    def start(self, scheduler: Scheduler) -> None:
        """Called by Dask when the plug-in reaches the scheduler."""
        self._scheduler = scheduler
        # The client's own request for the topic travels another way and may come after the first messages.
        scheduler.subscribe_topic(self.name, self._client_id)

    def remove_worker(self, scheduler: Scheduler, worker: str, **kwargs: Any) -> None:
        """Tell the driver that a worker is gone."""
        scheduler.log_event(self.name, {"left": worker})

    def remove_client(self, scheduler: Scheduler, client: str) -> None:
        """Say nothing more to a driver that is gone, or has come back as another client."""
        if client == self._client_id:
            scheduler.unsubscribe_topic(self.name, client)

    def transition(self, key: Any, start: str, finish: str, *args: Any, **kwargs: Any) -> None:
        """See to it that a task of ours that has run never runs again.

        When a worker dies before the driver has noticed that its task is done, Dask would repeat it: in vain, as its
        outcome is with the driver already, and at the same time as the attempt that may take its place.
        """
        if finish == "memory" and start == "processing" and is_task_key(key, self.app_id):
            self._scheduler.tasks[key].run_spec = Task(key, nothing, _data_producer=True)

    def update_graph(self, scheduler: Scheduler, tasks: Sequence[Any], **kwargs: Any) -> None:
        """Let the next loss of a worker be the last for each task of ours.

        The driver counts attempts; Dask would run the task again on another worker, where it may kill that one too.
        """
        for key in tasks:
            if is_task_key(key, self.app_id):
                scheduler.tasks[key].suspicious = scheduler.allowed_failures

    def log_event(self, topic: str, message: Any) -> None:
        """Keep no copy of what was passed on to the driver: results are in it."""
        if topic == self.name:
            self._scheduler._broker.truncate(topic)


def nothing() -> None:
    """Stands in for a task that has run."""


def task_key(operation: str, app_id: str, stage_id: int, stage_attempt: int, partition: int, attempt: int) -> Any:
    """The Dask key of a bundle, named after its first task. Grammar: `spark_kernel.common.ids`.

    >>> task_key("map", "app-1", 4, 0, 7, 1)
    ('sk_map-app-1-4.0', 7, 1)
    """
    return f"sk_{operation}-{app_id}-{stage_id}.{stage_attempt}", partition, attempt


def is_task_key(key: Any, app_id: str) -> bool:
    """Whether `task_key` made ``key`` for this application.

    >>> is_task_key(task_key("map", "app-1", 4, 0, 7, 1), "app-1"), is_task_key("x", "app-1")
    (True, False)
    """
    return isinstance(key, tuple) and len(key) == 3 and str(key[0]).startswith("sk_") and f"-{app_id}-" in key[0]
