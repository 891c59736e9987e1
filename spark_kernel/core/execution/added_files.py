"""Files that the driver brings to its executors: packed there, placed here, each once on a machine.

The driver's own machine has them already, in the application's folder, and so has every worker on it. Elsewhere a file
comes with the first bundle of tasks that is sent after it was added, as a Dask key on which the bundle depends: so
workers that join late or are started again get it as well.

    <application's folder>/files/<name>                  what `SparkFiles.get(name)` finds
    <application's folder>/files-placed/<name>.version   which version of it is in place
    <application's folder>/files-placed/lock             held by the process that places one

Called by the context (`AddedFile`, `pack`) and by the executor's plug-in (`FilePlacement`).
"""

from __future__ import annotations

import importlib
import io
import os
import shutil
import sys
import tarfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from spark_kernel.core.execution.parcels import Parcel

if sys.platform != "win32":
    import fcntl

FOLDER = "files"
"""In the application's folder."""
_PLACED = "files-placed"


@dataclass(frozen=True)
class AddedFile:
    """A file or a folder that executors are to have."""

    name: str
    """In the folder of added files."""
    version: int
    """No other added file of the application has it; a higher one takes the place of a lower one of the same name."""
    machine: str
    """`machine_id` of the driver's machine, where it is in place."""
    is_imported: bool = False
    """Whether Python looks for modules in it, when it is a folder, or beside it, when it is a file."""


def pack(path: Path) -> bytes:
    """The file or folder as bytes, for `FilePlacement.place`. Links are packed as what they lead to.

    Raises OSError.
    """
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", dereference=True) as tar:
        tar.add(path, arcname=path.name)
    return packed.getvalue()


class FilePlacement:
    """The added files of one application in one executor process."""

    def __init__(self, folder: Path, machine: str) -> None:
        """``folder`` is the application's on this machine, ``machine`` its `machine_id`."""
        self._files = folder / FOLDER
        self._placed = folder / _PLACED
        self._machine = machine
        self._done: set[int] = set()
        self._lock = threading.Lock()

    def place(self, files: Mapping[AddedFile, Parcel]) -> None:
        """See that ``files`` are there, and can be imported from where that was asked for.

        Raises OSError when one can't be written.
        """
        with self._lock:
            missing = {file: data for file, data in files.items() if file.version not in self._done}
            for file, data in missing.items():
                if file.machine != self._machine:
                    self._place(file, data)
                if file.is_imported:
                    self._import_from(file)
                self._done.add(file.version)

    def _place(self, file: AddedFile, data: Parcel) -> None:
        self._files.mkdir(exist_ok=True)
        self._placed.mkdir(exist_ok=True)
        # Other workers of this machine share the folder.
        with _held(self._placed / "lock"):
            version = self._placed / f"{file.name}.version"
            if version.exists() and int(version.read_text()) >= file.version:
                return
            incoming = self._placed / "incoming"
            shutil.rmtree(incoming, ignore_errors=True)
            with tarfile.open(fileobj=io.BytesIO(data.data), mode="r") as tar:
                tar.extractall(incoming, filter="data")
            target = self._files / file.name
            if target.is_dir():
                shutil.rmtree(target)
            os.replace(incoming / file.name, target)
            version.write_text(str(file.version))

    def _import_from(self, file: AddedFile) -> None:
        path = self._files / file.name
        folder = str(path if path.is_dir() else self._files)
        if folder not in sys.path:
            sys.path.append(folder)
        importlib.invalidate_caches()


@contextmanager
def _held(lock: Path) -> Iterator[None]:
    """Hold a file's lock, which ends with the process at the latest."""
    with open(lock, "w") as file:
        if sys.platform != "win32":
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
