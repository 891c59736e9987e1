"""Dask preload module: what a task needs is imported before the first one arrives, not by it.

Python looks for cyclic garbage after every 700 containers that were made. Tasks make millions, and keep them: grouping
a million keys spent a third of its time on looking. So it looks less often, and never again at what was imported here.
"""

from __future__ import annotations

import gc

from spark_kernel.core.execution import worker_plugin

__all__ = ["worker_plugin"]

gc.set_threshold(50_000, 20, 100)
gc.freeze()
