"""What to say when the folder for intermediate data has no room: used wherever shuffled, spilled or cached data go."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

from spark_kernel.common.errors import DiskFullError

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class room_in:
    """Something is written into ``folder``, a part of the application's folder: a context manager.

    Raises DiskFullError for the system's own error about missing room; other errors pass.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            raise DiskFullError(
                f"no room for intermediate data in {self._folder} on {socket.gethostname()}: "
                f"{os.strerror(error.errno)}{_free(self._folder)}. Make room there, set spark.local.dir to a folder "
                "on a larger disk, or need less: unpersist what is cached on disk, drop columns and rows before a "
                "shuffle, use reduceByKey for groupByKey"
            ) from None


def _free(folder: Path) -> str:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        found = os.statvfs(folder)
    except OSError:
        return ""
    mebibytes = found.f_frsize / 2**20
    return f" ({found.f_bavail * mebibytes:.1f} of {found.f_blocks * mebibytes:.1f} MiB are free)"
