"""What the driver tells the supervisor to start, as a message; and the environment to start it in. Pure."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from spark_kernel.resource_managers.scratch import FOLDER_VARIABLE

_THREAD_COUNTS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)

LOG_NAME = "cluster.log"
"""In the application's folder: what the processes of the cluster, and functions that print, have written."""


@dataclass(frozen=True)
class ClusterPlan:
    """A cluster that a supervisor is to start and to end."""

    factory: str
    """``module:function``, called in the supervisor with the plan; returns a `HostedCluster`."""
    scratch: str
    """The application's folder, for everything that the cluster writes."""
    workers: int | None
    """Worker processes; None: one for each core."""
    cores_per_worker: int
    """Tasks that a worker runs at once."""
    memory_per_worker: int | None
    """Bytes; None: an equal share of what the machine has."""
    preload: tuple[str, ...] = ()
    """Modules that every worker imports before its first task."""
    dashboard: bool = False
    """Whether Dask's web pages are served, on loopback."""
    import_path: tuple[str, ...] = ()
    """Where workers look for modules, so that they find what the driver finds."""
    options: Mapping[str, object] = field(default_factory=dict)
    """What the factory wants to know beyond that."""

    def to_message(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return asdict(self)

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> ClusterPlan:
        """What `to_message` made, after it has been JSON."""
        lists = {name: tuple(message[name]) for name in ("preload", "import_path")}
        return cls(**{**message, **lists})


def drivers_import_path() -> tuple[str, ...]:
    """This process's ``sys.path``, with the empty entry written out as the working directory that it means."""
    try:
        here = os.getcwd()
    except FileNotFoundError:
        # Somebody has removed it; then there is nothing in it either.
        here = ""
    return tuple(dict.fromkeys(str(entry) or here for entry in sys.path if str(entry) or here))


def supervisor_environment(plan: ClusterPlan, inherited: Mapping[str, str]) -> dict[str, str]:
    """The environment of the supervisor, from which all processes of the cluster have theirs.

    Most of it takes effect only when a process begins, so it has to be there before the first one does.
    """
    scratch = Path(plan.scratch)
    threads = dict.fromkeys(_THREAD_COUNTS, str(plan.cores_per_worker))
    seed = inherited.get("PYTHONHASHSEED", "")
    return {
        # A worker computes with its own cores only, unless the user knows better (as Spark sets OMP_NUM_THREADS).
        **threads,
        # Give freed memory back to the system soon; otherwise a worker seems full when it is not (Dask's own value).
        "MALLOC_TRIM_THRESHOLD_": "65536",
        **inherited,
        # hash() of a string must be the same in all workers; 0 is what Spark's launcher sets as well.
        "PYTHONHASHSEED": seed if seed.isdecimal() else "0",
        FOLDER_VARIABLE: plan.scratch,
        # Where pyspark.shuffle, and with TMPDIR everything else, puts its files: removed with the folder.
        "SPARK_LOCAL_DIRS": plan.scratch,
        "TMPDIR": str(scratch / "tmp"),
    }
