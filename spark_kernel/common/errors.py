"""Every error that a user can meet.

    SparkKernelError
    ├── SettingsError            a configuration value or a flag can't be used
    │   └── MasterUrlError       the master URL is wrong
    ├── ContextError             the context is stopped, missing, or used where it can't be
    ├── ActionHeldError          an action was called while actions are held back (``--plan``)
    ├── SerializationError       something that has to travel can't be pickled (also pickle.PicklingError)
    ├── ClusterError             the cluster did not start, can't be reached, or lacks something
    ├── StorageError             a path can't be read or written
    │   ├── PathNotFoundError    (also FileNotFoundError)
    │   ├── PathExistsError      (also FileExistsError)
    │   ├── DecodeError          text that is not what it claims to be (also ValueError)
    │   └── DiskFullError        shuffled, spilled or cached data have no room
    ├── JobError                 a job ended without its result
    │   ├── JobFailedError       a task failed too often
    │   └── JobCancelledError    somebody cancelled it
    └── EventLogError            a saved log can't be read back

Each message says what was expected and what to do next.
"""

from __future__ import annotations

from dataclasses import dataclass
from pickle import PicklingError

from spark_kernel.common.call_sites import CallSite


class SparkKernelError(Exception):
    """Base of all errors of this package."""


class SettingsError(SparkKernelError):
    """A configuration value or a flag that can't be used."""


class MasterUrlError(SettingsError):
    """A master URL that names no cluster."""


class ContextError(SparkKernelError, RuntimeError):
    """The context is stopped, missing, or used in a place where it can't be."""


class ActionHeldError(SparkKernelError):
    """An action was planned and drawn, but not run, because actions are held back (``%%spark --plan``)."""


class SerializationError(SparkKernelError, PicklingError):
    """A function or a value that has to travel between the driver and a task, and can't be pickled."""


class ClusterError(SparkKernelError):
    """The cluster did not start, can't be reached, or lacks something that is needed."""


class StorageError(SparkKernelError):
    """A path that can't be read or written."""


class PathNotFoundError(StorageError, FileNotFoundError):
    """Nothing is there to be read."""


class PathExistsError(StorageError, FileExistsError):
    """Something is there already and would be overwritten."""


class DecodeError(StorageError, ValueError):
    """Bytes that are not what they claim to be; the message names the file and the offset."""


class DiskFullError(StorageError):
    """There is no room for shuffled, spilled or cached data in the folder of ``spark.local.dir``."""


class EventLogError(SparkKernelError):
    """A saved event log that can't be read back."""


@dataclass(frozen=True)
class FailedTask:
    """What is known of the task attempt that made a job fail."""

    stage_id: int
    partition: int
    attempt: int
    """From 0."""
    executor_id: str
    error_type: str
    """``ZeroDivisionError``."""
    error_message: str
    """``str()`` of the user's exception."""
    user_traceback: str
    """The user's own frames, as Python prints them; nothing of ours."""
    full_traceback: str
    """Every frame, for those who ask."""
    step: CallSite | None = None
    """The operation whose function raised, and the line that made it."""
    record: str | None = None
    """``repr`` of the record it was given, truncated."""


class JobError(SparkKernelError):
    """A job that ended without its result."""

    def __init__(self, message: str, job_id: int | None = None) -> None:
        super().__init__(message)
        self.job_id = job_id


class JobFailedError(JobError):
    """A task failed as often as it may.

    ``task`` describes the last attempt; ``__cause__`` is the user's own exception when it could be sent.
    """

    def __init__(self, message: str, job_id: int | None = None, task: FailedTask | None = None) -> None:
        super().__init__(message, job_id)
        self.task = task


class JobCancelledError(JobError):
    """Somebody cancelled the job."""
