"""Every setting that is known here: how its value is read, its default, and a sentence on what it does or why nothing.

`settings.py` reads values by this table, and the README's table is made of it. Names and defaults are Spark's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from spark_kernel.common.errors import SettingsError
from spark_kernel.resource_managers.master_url import DEFAULT_MASTER
from spark_kernel.resource_managers.notation import size_in_bytes, time_in_seconds


@dataclass(frozen=True)
class Setting:
    """One setting, or a family of settings."""

    name: str
    read: Callable[[str], Any]
    default: str | None
    sentence: str
    has_effect: bool = True
    """False for those of Spark's that are kept and do nothing; the sentence says why."""

    @property
    def is_family(self) -> bool:
        """Whether it stands for all settings that begin with its name."""
        return self.name.endswith((".", ".s3"))


def switch(text: str) -> bool:
    """``true`` or ``false``, in any case."""
    if text.strip().lower() not in ("true", "false"):
        raise SettingsError(f"{text!r} is neither true nor false")
    return text.strip().lower() == "true"


def count(text: str) -> int:
    """A whole number of at least 1."""
    if not text.strip().isdecimal() or int(text) < 1:
        raise SettingsError(f"{text!r} is no whole number of at least 1")
    return int(text)


def size(text: str) -> int:
    """A size such as ``512m``; a bare number is in bytes."""
    return size_in_bytes(text, "b")


def milliseconds(text: str) -> float:
    """Seconds meant by a time such as ``3s``; a bare number is in milliseconds."""
    return time_in_seconds(text, "ms")


def number(text: str) -> float:
    """A number of at least 0."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise SettingsError(f"{text!r} is no number of at least 0")
    return value


def fraction(text: str) -> float:
    """A number from 0 to 1."""
    if number(text) > 1:
        raise SettingsError(f"{text!r} is more than 1")
    return number(text)


def scheduling_mode(text: str) -> str:
    """``FIFO`` or ``FAIR``, in any case."""
    if text.strip().upper() not in ("FIFO", "FAIR"):
        raise SettingsError(f"{text!r} is neither FIFO nor FAIR")
    return text.strip().upper()


def _idle(name: str, why: str, default: str | None = None) -> Setting:
    """A setting of Spark's that has no effect."""
    return Setting(name, str, default, why, has_effect=False)


_APPLICATION = (
    Setting("spark.master", str, DEFAULT_MASTER, "The master URL: where the cores come from."),
    Setting("spark.app.name", str, "pyspark-shell", "The application's name."),
    Setting("spark.submit.pyFiles", str, "", "Comma-separated .py, .zip and .egg files to put on the import path."),
    Setting("spark.files", str, "", "Comma-separated files to bring to the workers, as `addFile` does."),
    Setting("spark.archives", str, "", "Comma-separated archives to bring to the workers, as `addArchive` does."),
    Setting("spark.files.overwrite", switch, "false", "Whether an added file may replace another of its name."),
    Setting("spark.executorEnv.", str, None, "Environment variables of the workers."),
    Setting("spark.executor.memory", size_in_bytes, None, "Memory of one worker process, such as 2g."),
    Setting("spark.executor.allowSparkContext", switch, "false", "Whether a task may make a context."),
    Setting("spark.local.dir", str, None, "Folder for shuffle files and spilled data on each machine."),
)

_SCHEDULING = (
    Setting("spark.default.parallelism", count, None, "Partitions of datasets when nobody says how many."),
    Setting("spark.task.cpus", count, "1", "Slots that a task takes; local[N] has a worker for each N / cpus of them."),
    Setting("spark.task.maxFailures", count, None, "Attempts that a task gets; 1 in local[N], else 4."),
    Setting("spark.stage.maxConsecutiveAttempts", count, "4", "Attempts that a stage gets whose inputs are lost."),
    Setting("spark.driver.maxResultSize", size, "1g", "Size of a job's results above which it fails; 0: any."),
    Setting("spark.scheduler.mode", scheduling_mode, "FIFO", "FAIR lets jobs of several threads share the slots."),
    Setting("spark.scheduler.allocation.file", str, None, "Any storage URL: Spark's XML file of pools for FAIR."),
    Setting("spark.locality.wait", milliseconds, "3s", "How long a task waits for the worker that has its data."),
    Setting("spark.locality.wait.process", milliseconds, None, "The same; counts more."),
    Setting(
        "spark.scheduler.barrier.maxConcurrentTasksCheck.interval",
        time_in_seconds,
        "1s",
        "How often it is checked whether there are slots enough for a barrier stage.",
    ),
    Setting(
        "spark.scheduler.barrier.maxConcurrentTasksCheck.maxFailures",
        count,
        "8",
        "After how many such checks the job fails.",
    ),
    Setting("spark.barrier.sync.timeout", time_in_seconds, None, "How long tasks of a barrier stage wait in a call."),
    Setting(
        "spark.scheduler.resource.profileMergeConflicts",
        switch,
        "false",
        "Whether a stage with several resource profiles takes the largest amounts of each.",
    ),
    Setting("spark.speculation", switch, "false", "Whether a copy of a slow task starts on another worker."),
    Setting("spark.speculation.interval", milliseconds, "100ms", "How often it is looked for slow tasks."),
    Setting("spark.speculation.multiplier", number, "3", "How many times slower than the median a task has to be."),
    Setting("spark.speculation.quantile", fraction, "0.9", "The part of a stage that has to be done before."),
    Setting("spark.speculation.minTaskRuntime", milliseconds, "100ms", "What runs for less is never slow."),
    Setting(
        "spark.speculation.task.duration.threshold",
        milliseconds,
        None,
        "How long a task may take in a stage of no more tasks than one worker has slots.",
    ),
)

_DATA = (
    Setting(
        "spark.python.worker.memory",
        size_in_bytes,
        None,
        "Memory that a task combines and sorts in before it spills; at most its share of its worker's.",
    ),
    Setting("spark.checkpoint.dir", str, None, "Where checkpoints are written, until `setCheckpointDir` is called."),
    Setting("spark.checkpoint.compress", switch, "true", "Whether the files of checkpoints are compressed (zstd)."),
    Setting("spark.hadoopRDD.ignoreEmptySplits", switch, "true", "Whether empty files make no partition."),
    Setting("spark.files.maxPartitionBytes", size, "128m", "Bytes of files that `binaryFiles` puts in a partition."),
    Setting("spark.files.openCostInBytes", size, "4m", "What opening a file counts for in that."),
    Setting("spark.hadoop.fs.s3", str, None, "Hadoop's settings for S3: keys, endpoint, path style."),
    Setting(
        "spark.kernel.storage.", str, None, "Options of an fsspec storage: spark.kernel.storage.<protocol>.<option>."
    ),
)

_WATCHING = (
    Setting("spark.eventLog.enabled", switch, "false", "Whether all events are written to `spark.eventLog.dir`."),
    Setting(
        "spark.eventLog.dir",
        str,
        "file:/tmp/spark-events",
        "Any storage URL; the log is a folder named after the application.",
    ),
    Setting("spark.ui.retainedJobs", count, "1000", "Jobs that the status tracker remembers."),
    Setting("spark.ui.retainedStages", count, "1000", "Stages that the status tracker remembers."),
    Setting("spark.kernel.startTimeout", time_in_seconds, "60s", "How long the first job waits for the cluster."),
    Setting("spark.kernel.connectTimeout", time_in_seconds, "10s", "How long a running Dask cluster gets to answer."),
    Setting(
        "spark.scheduler.maxRegisteredResourcesWaitingTime",
        time_in_seconds,
        "10s",
        "How long the first worker of a running Dask cluster is waited for.",
    ),
    Setting("spark.kernel.card", str, "auto", "Which cells have a run card: auto, magic or off."),
    Setting("spark.kernel.card.", str, None, "How run cards are shown; read by the notebook."),
    Setting("spark.kernel.fullTraceback", switch, "false", "Whether errors show the frames of this package too."),
    Setting("spark.python.profile", switch, "false", "Whether stages are profiled: see `SparkContext.show_profiles`."),
    Setting("spark.python.profile.dump", str, None, "Folder that profiles are written to when the driver ends."),
    Setting("spark.ui.enabled", switch, None, "true asks for Dask's web pages, as spark.kernel.dashboard does."),
    Setting("spark.kernel.dashboard", switch, "false", "Whether Dask's web pages are served, on loopback."),
)

# Said about themselves by PySpark and by the context; nobody is told that they have no effect.
_KEPT = (
    Setting("spark.home", str, None, "Kept for `SparkContext.sparkHome`; nothing is looked for there."),
    Setting("spark.sql.", str, None, "Settings of the SQL library."),
    Setting("spark.app.", str, None, "What the context says about itself: id, start time."),
    Setting("spark.executor.id", str, "driver", "Set by the context."),
    Setting("spark.serializer.objectStreamReset", str, "100", "Set by PySpark; Java serialisation is not used."),
    Setting("spark.jobGroup.", str, None, "Local properties of a thread: the group of its jobs."),
    Setting("spark.scheduler.pool", str, None, "Local property of a thread: the pool of its jobs under FAIR."),
    Setting("spark.job.", str, None, "Local properties of a thread: description, group, tags."),
)

_NO_JAVA = "There is no JVM."
_URL_SAYS = "The master URL says how many workers there are and how many tasks each runs at once."
_AS_IT_IS = "Data is stored and sent as it is."
_CANCELS = "A cancelled task is always interrupted, and where that does not help its worker process is ended."

_WITHOUT_EFFECT = (
    _idle("spark.rdd.compress", _AS_IT_IS, "True"),
    _idle(
        "spark.shuffle.", "Shuffle files are written as they are, one for each map task, and served by each machine."
    ),
    _idle("spark.io.", _AS_IT_IS),
    _idle("spark.broadcast.", "A broadcast value travels whole, once to each worker."),
    _idle("spark.files.", "Files are fetched once, with the time-outs of their storage; a broken one is an error."),
    _idle("spark.serializer", "Records are pickled."),
    _idle("spark.kryo.", "Records are pickled."),
    _idle("spark.executor.cores", _URL_SAYS),
    _idle("spark.executor.instances", _URL_SAYS),
    _idle("spark.cores.max", _URL_SAYS),
    _idle("spark.dynamicAllocation.", f"{_URL_SAYS} `%spark scale N` changes it."),
    _idle("spark.executor.", "Workers are Python processes; only their memory can be set."),
    _idle("spark.driver.", "The driver is the notebook's own Python process."),
    _idle("spark.memory.", "Dask's memory limit of a worker holds, shared by cached blocks and tasks."),
    _idle("spark.storage.", "Dask's memory limit of a worker holds, shared by cached blocks and tasks."),
    _idle("spark.task.reaper.", _CANCELS),
    _idle("spark.excludeOnFailure.", "No worker is left out for its failures; one that dies is replaced."),
    _idle("spark.speculation.efficiency.", "How much a task has read is not known while it runs."),
    _idle("spark.locality.wait.node", "Files have no place; only a worker's own cache is waited for."),
    _idle("spark.locality.wait.rack", "Files have no place; only a worker's own cache is waited for."),
    _idle("spark.python.worker.reuse", "Worker processes are always used again.", "true"),
    _idle("spark.python.profile.memory", "Profiles of UDFs' memory; as in Spark, RDDs have none.", "false"),
    _idle("spark.pyspark.", "The workers run the driver's Python."),
    _idle("spark.jars", _NO_JAVA),
    _idle("spark.jars.", _NO_JAVA),
    _idle("spark.network.", "Connections and their time-outs are Dask's."),
    _idle("spark.rpc.", "Connections and their time-outs are Dask's."),
    _idle("spark.ui.", "The run card is the display."),
    _idle("spark.hadoop.", "Storage other than S3 takes its options as spark.kernel.storage.<protocol>.<option>."),
)

SETTINGS = (*_APPLICATION, *_SCHEDULING, *_DATA, *_WATCHING, *_KEPT, *_WITHOUT_EFFECT)
DOCUMENTED = (*_APPLICATION, *_SCHEDULING, *_DATA, *_WATCHING)
"""Those that the README lists."""
