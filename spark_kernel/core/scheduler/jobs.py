"""A job as the thread sees it that asked for it: what it wants, and the handle it waits on."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from spark_kernel.common.call_sites import CallSite
from spark_kernel.common.errors import JobError
from spark_kernel.common.waiting import wait_attentively
from spark_kernel.core.lineage.node import Node
from spark_kernel.core.scheduler.messages import JobLabels


@dataclass(frozen=True)
class JobRequest:
    """An action: ``function`` of each of some partitions of a dataset."""

    final: Node
    partitions: Sequence[int]
    """Indices; one that is named twice is computed once and delivered twice."""
    function: Callable[[Iterator[Any]], Any]
    """Runs in the task, over the partition's records; what it returns is delivered."""
    call_site: CallSite
    labels: JobLabels = field(default_factory=JobLabels)
    hold: bool = False
    """Plan and announce the job, but do not run it."""


class JobHandle:
    """Filled by the scheduler's thread, waited for by the caller's.

    The wait is on a condition of our own, so that an interrupt reaches the caller at once.
    """

    def __init__(self, job_id: int) -> None:
        self.job_id = job_id
        self._changed = threading.Condition()
        self._arrived: deque[tuple[int, Any]] = deque()
        self._done = False
        self._error: JobError | None = None

    def deliver(self, partition: int, value: Any) -> None:
        """A partition's result is here."""
        with self._changed:
            self._arrived.append((partition, value))
            self._changed.notify_all()

    def finish(self, error: JobError | None) -> None:
        """Nothing more will come."""
        with self._changed:
            self._done = True
            self._error = error
            self._changed.notify_all()

    def results(self) -> Iterator[tuple[int, Any]]:
        """Partitions and their results as they arrive. Raises the job's error, if it ends with one."""
        while True:
            with self._changed:
                wait_attentively(self._something_new)
                if not self._arrived:
                    break
                arrived = list(self._arrived)
                self._arrived.clear()
            yield from arrived
        if self._error is not None:
            raise self._error

    def _something_new(self, seconds: float) -> bool:
        return self._changed.wait_for(lambda: bool(self._arrived) or self._done, seconds)
