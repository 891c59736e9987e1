"""Dask's configuration in the clusters that we start, each key with its reason. Used in the supervisor only.

What is not named here keeps Dask's default or what the user's own Dask configuration says.
"""

from __future__ import annotations

import logging


def cluster_configuration(scratch: str, dashboard: bool, start_method: str) -> dict[str, object]:
    """Dask's configuration for scheduler, nannies and workers, as ``{"dotted.key": value}``.

    ``start_method`` is how nannies start worker processes (`fork_server.start`), ``scratch`` the application's folder.
    """
    return {
        # The driver counts attempts itself; Dask's count blames tasks that were only assigned to a worker that died.
        "distributed.scheduler.allowed-failures": 1_000_000,
        # A worker gets no more tasks than it can run. What waits behind a long task on one worker would not run
        # elsewhere, count as running, and fall with the worker.
        "distributed.scheduler.worker-saturation": 1.0,
        # A stage is a bag of independent tasks that the scheduler hands out one by one: nothing to steal, and
        # stealing is a known source of deadlocks (dask/distributed#8787).
        "distributed.scheduler.work-stealing": False,
        # Would drop the second copy of what was replicated on purpose.
        "distributed.scheduler.active-memory-manager.start": False,
        # A worker on the same machine that dies is noticed at once; this is for one that hangs. A C function may
        # keep the interpreter lock, and with it the heartbeat, for minutes and be all right.
        "distributed.scheduler.worker-ttl": "5 minutes",
        # Peers are on the same machine: one that does not answer soon is dead, and the stage must go on.
        "distributed.comm.timeouts.connect": "10s",
        "distributed.comm.timeouts.tcp": "30s",
        # Cached partitions go to disk when they exceed this share of a worker's limit,
        "distributed.worker.memory.target": 0.6,
        # or when the process as a whole exceeds this one.
        "distributed.worker.memory.spill": 0.7,
        # A paused worker waits for memory to be freed, and nothing frees it when no task runs and the heap is merely
        # fragmented: the job would hang. Without a pause the worker goes on, or is ended by the next line.
        "distributed.worker.memory.pause": False,
        # Better one worker ended, and its tasks tried again, than the machine's out-of-memory killer choosing.
        "distributed.worker.memory.terminate": 0.95,
        # How nannies start workers.
        "distributed.worker.multiprocessing-method": start_method,
        # A user's function may start processes of its own, as it may in Spark.
        "distributed.worker.daemon": False,
        # Everything that Dask writes goes into the application's folder, which is removed as a whole: no lock files.
        "temporary-directory": scratch,
        "distributed.worker.use-file-locking": False,
        # A node that is gone for good is replaced after this time (a worker process is restarted at once).
        "distributed.deploy.lost-worker-timeout": "3s",
        # Sampling every thread's stack each 10 ms, the interpreter lock each 1 ms and NVIDIA cards costs time at
        # the start and later, and nobody looks at it without the dashboard.
        "distributed.worker.profile.enabled": dashboard,
        "distributed.admin.system-monitor.gil.enabled": dashboard,
        "distributed.diagnostics.nvml": dashboard,
        # No web pages without the dashboard: nothing to import, nothing to serve.
        **({} if dashboard else {"distributed.scheduler.http.routes": [], "distributed.worker.http.routes": []}),
    }


def quieten_logs() -> None:
    """Log what is wrong, not each worker that comes and goes: that is what our events are for."""
    logging.getLogger("distributed").setLevel(logging.WARNING)
