"""What a context does with jobs: run one, label them, cancel them, watch them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pyspark.errors import IllegalArgumentException

from spark_kernel.core.context.context_session import ContextSession
from spark_kernel.core.context.status_tracker import StatusTracker
from spark_kernel.core.context.thread_scope import DESCRIPTION, INTERRUPT, TAGS
from spark_kernel.core.rdd import RDD
from spark_kernel.core.rdd.folds import PerPartition
from spark_kernel.core.rdd.handle import concatenated
from spark_kernel.core.rdd.operations import operation

_LEVELS = {
    "ALL": logging.DEBUG,
    "TRACE": logging.DEBUG,
    "DEBUG": logging.DEBUG,
    "INFO": logging.INFO,
    "WARN": logging.WARNING,
    "ERROR": logging.ERROR,
    "FATAL": logging.CRITICAL,
    "OFF": logging.CRITICAL + 1,
}


class JobControl:
    """runJob, groups, tags, local properties, cancelling."""

    session: ContextSession

    @operation
    def runJob(
        self,
        rdd: RDD,
        partitionFunc: Callable[[Any], Iterable[Any]],
        partitions: Sequence[int] | None = None,
        allowLocal: bool = False,
    ) -> list[Any]:
        """What ``partitionFunc`` yields for each of ``partitions``, by default for all, in one list.

        ``allowLocal`` has no effect, as in Spark. Raises IllegalArgumentException for a partition that is not there.
        """
        return concatenated(rdd._run(PerPartition(partitionFunc), partitions))

    def setJobGroup(self, groupId: str, description: str, interruptOnCancel: bool = False) -> None:
        """Jobs that this thread starts from now on belong to the group, until another is set.

        Cancelling always interrupts running tasks here, whatever ``interruptOnCancel`` says.
        """
        self.session.set_job_group(groupId, description, interruptOnCancel)

    def setInterruptOnCancel(self, interruptOnCancel: bool) -> None:
        """Kept as the local property that it is in Spark; cancelling always interrupts running tasks here."""
        self.setLocalProperty(INTERRUPT, str(bool(interruptOnCancel)).lower())

    def setJobDescription(self, value: str | None) -> None:
        """Describe the jobs that this thread starts from now on."""
        self.setLocalProperty(DESCRIPTION, value)

    def setLocalProperty(self, key: str, value: str | None) -> None:
        """Something that tasks of this thread's jobs can read; None removes it."""
        self.session.scope.set(key, value)

    def getLocalProperty(self, key: str) -> str | None:
        """What this thread set, or None."""
        return self.session.scope.get(key)

    def addJobTag(self, tag: str) -> None:
        """Tag the jobs that this thread starts from now on."""
        _check_tag(tag)
        self._set_tags(self.getJobTags() | {tag})

    def removeJobTag(self, tag: str) -> None:
        """Do not tag this thread's jobs with it any more."""
        _check_tag(tag)
        self._set_tags(self.getJobTags() - {tag})

    def getJobTags(self) -> set[str]:
        """The tags of this thread's jobs."""
        return self.session.scope.current.tags()

    def clearJobTags(self) -> None:
        """Do not tag this thread's jobs any more."""
        self._set_tags(set())

    def cancelJobGroup(self, groupId: str) -> None:
        """Cancel the group's jobs; returns when their tasks have stopped."""
        self.session.cancel(lambda _, labels: labels.group == groupId, f"cancelled with its group {groupId!r}")

    def cancelJobsWithTag(self, tag: str) -> None:
        """Cancel the jobs that have the tag; returns when their tasks have stopped."""
        _check_tag(tag)
        self.session.cancel(lambda _, labels: tag in labels.tags, f"cancelled with its tag {tag!r}")

    def cancelJob(self, jobId: int) -> None:
        """Cancel one job; returns when its tasks have stopped."""
        self.session.cancel(lambda job_id, _: job_id == jobId, "cancelled")

    def cancelAllJobs(self) -> None:
        """Cancel every job; returns when their tasks have stopped."""
        self.session.cancel(lambda _, __: True, "cancelled with all jobs")

    def statusTracker(self) -> StatusTracker:
        """A look at jobs and stages."""
        return StatusTracker(self.session.ledger, self.session.runner.executors)

    def setLogLevel(self, logLevel: str) -> None:
        """How much this package logs. Raises IllegalArgumentException for a level that there is not."""
        level = _LEVELS.get(str(logLevel).upper())
        if level is None:
            raise IllegalArgumentException(
                f"requirement failed: Supplied level {logLevel} did not match one of: "
                "ALL,DEBUG,ERROR,FATAL,INFO,OFF,TRACE,WARN"
            )
        logging.getLogger("spark_kernel").setLevel(level)

    def _set_tags(self, tags: set[str]) -> None:
        self.setLocalProperty(TAGS, ",".join(sorted(tags)) or None)


def _check_tag(tag: str) -> None:
    if not tag:
        raise IllegalArgumentException("Spark job tag cannot be an empty string.")
    if "," in tag:
        raise IllegalArgumentException("Spark job tag cannot contain ','.")
