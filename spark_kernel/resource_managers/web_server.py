"""Dask opens a port for web pages in every scheduler and worker, pages or not. Here it is closed again."""

from __future__ import annotations

import dask
from distributed import Scheduler, Worker


def close_web_server(server: Scheduler | Worker) -> None:
    """Close ``server``'s port for web pages when it serves none (`dask_configuration`)."""
    kind = "scheduler" if isinstance(server, Scheduler) else "worker"
    if not dask.config.get(f"distributed.{kind}.http.routes"):
        server.http_server.stop()
        server.services.pop("dashboard", None)
