"""Dask preload module of our workers: Dask imports it in each worker process and calls `dask_setup` at its start."""

from __future__ import annotations

import signal

import distributed

from spark_kernel.resource_managers.dask_configuration import quieten_logs
from spark_kernel.resource_managers.web_server import close_web_server


def dask_setup(worker: distributed.Worker) -> None:
    """Make a worker of ours out of Dask's."""
    # An interrupt is for the driver, which cancels what it wants cancelled.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    quieten_logs()
    close_web_server(worker)
