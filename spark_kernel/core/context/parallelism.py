"""What a master URL promises before its cluster is there: cores, and how often a task may fail."""

from __future__ import annotations

from spark_kernel.resource_managers.machine import cores_of_this_machine
from spark_kernel.resource_managers.master_url import LocalClusterUrl, LocalUrl, scheme_of


def promised_cores(master: str) -> int | None:
    """Tasks that will run at once; None when only the cluster can tell.

    >>> promised_cores("local[4,2]"), promised_cores("local-cluster[2,3,1024]"), promised_cores("dask://host:8786")
    (4, 6, None)
    """
    scheme = scheme_of(master)
    if scheme == "inline":
        return 1
    if scheme == "local":
        workers = LocalUrl.parse(master).workers
        return workers if workers is not None else cores_of_this_machine()
    if scheme == "local-cluster":
        url = LocalClusterUrl.parse(master)
        return url.workers * url.cores_per_worker
    return None


def promised_task_failures(master: str, setting: int | None) -> int:
    """Attempts that a task gets. ``setting`` is ``spark.task.maxFailures``; what the URL itself says counts more.

    >>> promised_task_failures("local[4,2]", 3), promised_task_failures("local[4]", 3)
    (2, 3)
    >>> promised_task_failures("local[4]", None), promised_task_failures("dask://host:8786", None)
    (1, 4)
    """
    scheme = scheme_of(master)
    if scheme == "local":
        said = LocalUrl.parse(master).max_failures
        if said is not None:
            return said
    if setting is not None:
        return setting
    return 1 if scheme in ("inline", "local") else 4
