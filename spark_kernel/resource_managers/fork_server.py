"""Worker processes that start in a few milliseconds: forked from a process that has its imports done.

Importing Dask takes half a second of one core. Multiprocessing's fork server pays it once for all workers, but once
more than its parent, at the same time and on the same cores. So our fork server is itself a fork: of the supervisor,
when that has imported Dask and has no thread, no loop and no connection yet.

Called by the supervisor and by the nodes of a local-cluster; nowhere else.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import logging
import multiprocessing
import multiprocessing.util
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import forkserver, resource_tracker

import distributed.utils

# What a Dask worker imports when it starts, beyond `distributed` itself.
_WORKERS_OWN = ("numpy.random", "multiprocessing.synchronize", "tornado.platform.asyncio")
# Longest path of a Unix socket (on macOS), less what multiprocessing adds to the temp dir: /pymp-xxxxxxxx/listener-...
_LONGEST_TEMP_DIR = 103 - len("/pymp-xxxxxxxx/listener-xxxxxxxx")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StartMethod:
    """How worker processes are started."""

    name: str
    """One of multiprocessing's: ``forkserver`` or ``spawn``."""
    server: int | None
    """Process id of the fork server, when there is one of ours. It ends when its parent and all workers have ended."""


def start(preload: Sequence[str] = ()) -> StartMethod:
    """Start this process's fork server if the platform can; returns how to start workers.

    ``preload`` are modules that it imports before it serves; one that can't be imported is left to the worker, which
    reports it. Call it before this process has threads. Afterwards multiprocessing's method ``forkserver`` uses it.
    """
    # On macOS a fork without exec breaks system libraries.
    if sys.platform != "linux" or len(tempfile.gettempdir()) > _LONGEST_TEMP_DIR:
        return StartMethod("spawn", None)
    # Dask would have it import whatever optional package it knows, pandas among them.
    distributed.utils._forkserver_preload_set = True
    forkserver.set_forkserver_preload([])
    resource_tracker.ensure_running()
    # The fork server is started as `python -c <code>`: run the same code in a fork instead. Should multiprocessing
    # go another way one day, the server is merely started in that way.
    spawn = multiprocessing.util.spawnv_passfds
    servers: list[int] = []

    def fork(_path: str, arguments: Sequence[str], descriptors: Sequence[int]) -> int:
        servers.append(_fork_and_run(arguments[-1], descriptors, (*_WORKERS_OWN, *preload)))
        return servers[-1]

    multiprocessing.util.spawnv_passfds = fork  # type: ignore[assignment]
    try:
        forkserver.ensure_running()
    finally:
        multiprocessing.util.spawnv_passfds = spawn
    return StartMethod("forkserver", servers[-1] if servers else None)


def _fork_and_run(code: str, descriptors: Sequence[int], preload: Sequence[str]) -> int:
    sys.stdout.flush()
    sys.stderr.flush()
    # What exists by now is never garbage; if the collector does not touch it, its pages stay shared.
    gc.freeze()
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        _close_all_but({0, 1, 2, *descriptors})
        # As after an exec: the fork happened while its lock was held, and a worker may want a fork server of its own.
        forkserver._forkserver.__init__()  # type: ignore[misc]
        for module in preload:
            _import(module)
        exec(code, {"__name__": "__main__"})
    except SystemExit:
        status = 0
    except BaseException:
        _log.exception("the fork server failed")
    finally:
        os._exit(status)


def _close_all_but(kept: set[int]) -> None:
    """Close descriptors, as an exec would have: the driver's pipe must not stay open in a child."""
    for name in os.listdir("/proc/self/fd"):
        # The one that listed the folder is closed by now.
        with contextlib.suppress(OSError):
            if int(name) not in kept:
                os.close(int(name))


def _import(module: str) -> None:
    try:
        importlib.import_module(module)
    except Exception:
        _log.exception("can't import %s ahead of the workers", module)
