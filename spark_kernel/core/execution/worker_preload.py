"""Dask preload module: what a task needs is imported before the first one arrives, not by it."""

from __future__ import annotations

from spark_kernel.core.execution import worker_plugin

__all__ = ["worker_plugin"]
