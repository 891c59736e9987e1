"""What a failed job says. Plain text for scripts and logs; the notebook shows the parts in its own way."""

from __future__ import annotations

from spark_kernel.common.errors import DiskFullError, FailedTask, JobFailedError
from spark_kernel.core.execution.backend import BackendFailed, TaskFailed, TaskFetchFailed
from spark_kernel.core.scheduler.stages import Stage, Task

_UNITS = (("EiB", 1 << 60), ("PiB", 1 << 50), ("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10))


def task_failure_message(stage: Stage, task: FailedTask, attempts: int) -> str:
    """A task raised as often as it may."""
    step = task.step or stage.outline.final.call_site
    lines = [
        f"{task.error_type}: {task.error_message}",
        f"  in {step}, partition {task.partition} of stage {stage.stage_id}, "
        f"after {attempts} attempt{'s' if attempts != 1 else ''}",
    ]
    if task.record is not None:
        lines.append(f"  at the record {task.record}")
    if "\n" in task.user_traceback.strip():
        # Otherwise there are no lines of the user's in it, only what the first line says already.
        lines.append(task.user_traceback.rstrip())
    return "\n".join(lines)


def loss_message(stage: Stage, task: Task, report: TaskFailed, losses: int) -> str:
    """Executors died under a partition as often as they may."""
    began = "while they computed" if task.executor_id is not None else "before they could begin"
    return (
        f"{losses} executors in a row died {began} partition {task.partition} of stage {stage.stage_id} "
        f"({stage.outline.final.call_site}); the last was {report.executor_id}: {report.failure.error_message}\n"
        "  Such a task usually needs more memory than its worker has, ends the process (os._exit, a crash in native "
        "code), or is killed from outside. Use more partitions, or a larger spark.executor.memory."
    )


def is_about_room(error: JobFailedError) -> bool:
    """Whether the job failed since the disk for intermediate data is full."""
    return error.task is not None and error.task.error_type.rpartition(".")[2] == DiskFullError.__name__


def fetch_failure_message(stage: Stage, report: TaskFetchFailed) -> str:
    """Shuffle files were lost as often as they may be."""
    return (
        f"Stage {stage.stage_id} ({stage.outline.final.call_site}) could not read its shuffle input in "
        f"{stage.failed_attempts} attempts in a row. The last time it was map output {report.map_partition} of shuffle "
        f"{report.shuffle_id} on {report.place.host}: {report.message}\n"
        "  Machines are being lost faster than their work can be repeated, or the folder of spark.local.dir is full "
        "or cleaned by something else."
    )


def result_size_message(results: int, size: int, limit: int) -> str:
    """The results of a job are larger than the driver may hold. The first line is Spark's.

    >>> print(result_size_message(3, 30 << 20, 1 << 30).splitlines()[0])
    Total size of serialized results of 3 tasks (30.0 MiB) is bigger than spark.driver.maxResultSize (1024.0 MiB)
    """
    return (
        f"Total size of serialized results of {results} tasks ({_size(size)}) is bigger than "
        f"spark.driver.maxResultSize ({_size(limit)})\n"
        "  Bring less to the driver: take, reduce, or save where the executors can write. A larger "
        "spark.driver.maxResultSize allows more, 0 any amount; the driver has to hold it."
    )


def _size(count: int) -> str:
    """As Spark's ``Utils.bytesToString`` has it: a unit is used from twice its size on.

    >>> _size(1 << 30), _size(1 << 31), _size(100)
    ('1024.0 MiB', '2.0 GiB', '100.0 B')
    """
    name, unit = next(((name, unit) for name, unit in _UNITS if count >= 2 * unit), ("B", 1))
    return f"{count / unit:.1f} {name}"


def backend_failure_message(report: BackendFailed) -> str:
    """The cluster can't be used any more, now or ever."""
    reason, _, details = report.reason.partition("\n")
    advice = (
        f"The cluster is gone: {reason}. Its datasets went with it: stop this context, start another one with "
        "SparkContext.getOrCreate() (in a notebook: %spark start), and make the datasets anew."
    )
    return f"{advice}\n{details}" if details else advice
