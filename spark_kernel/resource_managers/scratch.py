"""The application's folder on a node: shuffle files, spilled data and cached blocks live there.

    <local dir>/spark-kernel-<uid>/<app id>/    mode 0700; <local dir>: $SPARK_LOCAL_DIRS, spark.local.dir or temp dir

A folder is in use as long as a process that asked for it lives: `scratch_folder` takes a shared file lock, which the
operating system drops when the process ends, however it ends. `sweep` removes folders that nobody holds. A file lock
can't be fooled by a process id that was given again, nor by a clock that was set.

The driver and the workers both ask here. A worker of a cluster that we started is told by an environment variable
where the driver's folder is. What is inside the folder belongs to its users (shuffle, cache), not to this file.
"""

from __future__ import annotations

import logging
import os
import shutil
import socket
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from spark_kernel.common.errors import ClusterError

if sys.platform != "win32":
    import fcntl

FOLDER_VARIABLE = "SPARK_KERNEL_SCRATCH"
"""In the environment of our own workers: the folder of their application."""
LOCK_NAME = "in-use.lock"
LEAST_AGE_SECONDS = 600.0
"""A folder without a lock file that is younger than this may belong to somebody who is about to take the lock."""

_log = logging.getLogger(__name__)
_held: dict[Path, int] = {}
_holding = threading.Lock()


def scratch_folder(app_id: str, settings: Mapping[str, str] | None = None) -> Path:
    """The application's folder on this node; made and held if need be. The same for every process of the node.

    Raises ClusterError when it can't be made, or when somebody else owns the place.
    """
    inherited = os.environ.get(FOLDER_VARIABLE)
    if inherited and Path(inherited).name == app_id:
        folder = Path(inherited)
    else:
        folder = _users_folder(local_directory(settings or {})) / app_id
    with _holding:
        if folder not in _held or not folder.is_dir():
            _let_go(folder)
            _held[folder] = _make_and_hold(folder)
    return folder


def machine_id(folder: Path) -> str:
    """Equal for two processes exactly when they find the same files in ``folder``, the application's."""
    found = folder.stat()
    return f"{socket.gethostname()}-{found.st_dev}-{found.st_ino}"


def local_directory(settings: Mapping[str, str]) -> Path:
    """Where folders of applications are made: the first of ``$SPARK_LOCAL_DIRS``, ``spark.local.dir``, temp dir.

    Of a comma-separated list the first entry counts.
    """
    named = os.environ.get("SPARK_LOCAL_DIRS") or settings.get("spark.local.dir") or tempfile.gettempdir()
    return Path(named.split(",")[0].strip()).expanduser().absolute()


def remove_scratch_folder(folder: Path) -> None:
    """Remove the folder and all that is in it, and let go of it. Does nothing when it is gone."""
    with _holding:
        _let_go(folder)
    _remove(folder)


def sweep(users_folder: Path) -> list[Path]:
    """Remove the folders beside each other in ``users_folder`` that no living process holds; returns those."""
    swept = []
    for folder in sorted(users_folder.iterdir()) if users_folder.is_dir() else []:
        if not folder.is_dir() or folder.is_symlink():
            continue
        descriptor = _claim(folder)
        if descriptor is not None:
            _remove(folder)
            os.close(descriptor)
            swept.append(folder)
    return swept


def _users_folder(directory: Path) -> Path:
    uid = os.getuid() if sys.platform != "win32" else 0
    folder = directory / f"spark-kernel-{uid}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise ClusterError(
            f"can't make the scratch folder {folder}: {error.strerror}; "
            "set spark.local.dir to a folder you can write to"
        ) from error
    # In a temp dir that all users share, somebody else may have made a folder of this name to read what we write.
    if not stat.S_ISDIR(found.st_mode) or (sys.platform != "win32" and found.st_uid != uid):
        raise ClusterError(f"{folder} belongs to somebody else; set spark.local.dir to a folder of your own")
    return folder


def _make_and_hold(folder: Path) -> int:
    for _ in range(10):
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
        except FileNotFoundError:
            # Swept between the two steps.
            continue
        except OSError as error:
            raise ClusterError(
                f"can't make the scratch folder {folder}: {error.strerror}; "
                "set spark.local.dir to a folder you can write to"
            ) from error
        _lock(descriptor, exclusive=False)
        # Whoever sweeps holds the exclusive lock, and may have removed the file while we waited for ours.
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)
    raise ClusterError(f"{folder} disappears as soon as it is made; is something cleaning up {folder.parent}?")


def _let_go(folder: Path) -> None:
    descriptor = _held.pop(folder, None)
    if descriptor is not None:
        os.close(descriptor)


def _lock(descriptor: int, exclusive: bool) -> bool:
    """Take the lock; an exclusive one only if it is free. True when taken, or when the place knows no locks."""
    if sys.platform == "win32":
        return not exclusive
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB if exclusive else fcntl.LOCK_SH)
    except OSError:
        # Held by a living process; or a file system without locks, where nothing can be known and nothing is swept.
        return False
    return True


def _claim(folder: Path) -> int | None:
    """The descriptor of the exclusive lock on a folder that nobody holds; None when somebody may hold it."""
    lock = folder / LOCK_NAME
    try:
        if not lock.exists() and time.time() - folder.stat().st_mtime < LEAST_AGE_SECONDS:
            return None
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        return None
    if _lock(descriptor, exclusive=True):
        return descriptor
    os.close(descriptor)
    return None


def _remove(folder: Path) -> None:
    # A process that is just ending may still write: what appears meanwhile is taken by the next round.
    for _ in range(3):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.05)
    _log.warning("could not remove all of %s", folder)
