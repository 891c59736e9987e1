"""The settings that mean something here: name, what kind of value, default, and one sentence.

Others are kept, so that ``getConf`` shows them, and warned about once.
"""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Callable, Iterable, Mapping
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


SETTINGS = (
    Setting("spark.master", str, DEFAULT_MASTER, "The master URL: where the cores come from."),
    Setting("spark.app.name", str, "pyspark-shell", "The application's name."),
    Setting("spark.default.parallelism", count, None, "Partitions of datasets when nobody says how many."),
    Setting("spark.executor.memory", size_in_bytes, None, "Memory of one worker process, such as 2g."),
    Setting("spark.executor.allowSparkContext", switch, "false", "Whether a task may make a context."),
    Setting("spark.task.maxFailures", count, None, "Attempts that a task gets; 1 in local[N], else 4."),
    Setting("spark.stage.maxConsecutiveAttempts", count, "4", "Attempts that a stage gets whose inputs are lost."),
    Setting("spark.local.dir", str, None, "Folder for shuffle files and spilled data on each machine."),
    Setting("spark.hadoopRDD.ignoreEmptySplits", switch, "true", "Whether empty files make no partition."),
    Setting("spark.eventLog.enabled", switch, "false", "Whether all events are written to `spark.eventLog.dir`."),
    Setting(
        "spark.eventLog.dir",
        str,
        "file:/tmp/spark-events",
        "Any storage URL; the log is a folder named after the application.",
    ),
    Setting("spark.submit.pyFiles", str, "", "Comma-separated .py, .zip and .egg files to put on the import path."),
    Setting("spark.kernel.startTimeout", time_in_seconds, "60s", "How long the first job waits for the cluster."),
    Setting("spark.kernel.connectTimeout", time_in_seconds, "10s", "How long a running Dask cluster gets to answer."),
    Setting("spark.kernel.card", str, "auto", "Which cells have a run card: auto, magic or off."),
    Setting("spark.kernel.card.", str, None, "How run cards are shown; read by the notebook."),
    Setting("spark.kernel.fullTraceback", switch, "false", "Whether errors show the frames of this package too."),
    Setting("spark.ui.enabled", switch, None, "true asks for Dask's web pages, as spark.kernel.dashboard does."),
    Setting("spark.kernel.dashboard", switch, "false", "Whether Dask's web pages are served, on loopback."),
    Setting(
        "spark.kernel.storage.", str, None, "Options of an fsspec storage: spark.kernel.storage.<protocol>.<option>."
    ),
    Setting("spark.hadoop.fs.s3", str, None, "Hadoop's settings for S3: keys, endpoint, path style."),
    Setting("spark.executorEnv.", str, None, "Environment variables of the workers."),
    Setting("spark.home", str, None, "Kept for `SparkContext.sparkHome`; nothing is looked for there."),
    Setting("spark.rdd.compress", switch, "True", "Set by PySpark; shuffle data is stored as is."),
    Setting("spark.serializer.objectStreamReset", str, "100", "Set by PySpark; Java serialisation is not used."),
    Setting("spark.sql.", str, None, "Settings of the SQL library."),
    Setting("spark.app.", str, None, "What the context says about itself: id, start time."),
    Setting("spark.executor.id", str, "driver", "Set by the context."),
)


def check(settings: Mapping[str, str]) -> None:
    """Read every setting that means something.

    Raises SettingsError, naming the setting, for a value that can't be used.
    """
    for name, value in settings.items():
        known = _known(name)
        if known is None:
            continue
        try:
            known.read(value)
        except SettingsError as error:
            raise SettingsError(f"{name}: {error}. {known.sentence}") from None


def value_of(settings: Mapping[str, str], name: str) -> Any:
    """The value of a setting of the table: what was set, else its default; None when there is neither.

    >>> value_of({}, "spark.eventLog.enabled"), value_of({"spark.task.maxFailures": "8"}, "spark.task.maxFailures")
    (False, 8)
    """
    known = _known(name)
    assert known is not None
    text = settings.get(name, known.default)
    return None if text is None else known.read(text)


def warn_of_unknown(names: Iterable[str], stacklevel: int = 2) -> None:
    """One warning that names all settings without effect here, and what may have been meant."""
    unknown = sorted(name for name in names if _known(name) is None)
    if not unknown:
        return
    exact = [setting.name for setting in SETTINGS if not setting.is_family]
    shown = []
    for name in unknown:
        near = difflib.get_close_matches(name, exact, n=1, cutoff=0.85)
        shown.append(f"{name} (did you mean {near[0]}?)" if near else name)
    warnings.warn(f"settings without effect here: {', '.join(shown)}", UserWarning, stacklevel=stacklevel)


def _known(name: str) -> Setting | None:
    fitting = [each for each in SETTINGS if name == each.name or (each.is_family and name.startswith(each.name))]
    return max(fitting, key=lambda each: len(each.name), default=None)
