"""addFile, addPyFile, addArchive: files that the driver brings to its executors, in the application's folder.

The folder is that of the machine: executors on the same machine see it, others don't (`SparkFiles` tells them so).
"""

from __future__ import annotations

import importlib
import os
import shutil
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import ClassVar

from spark_kernel.common.errors import PathNotFoundError, StorageError
from spark_kernel.core.context.context_session import ContextSession
from spark_kernel.core.rdd.spark_files import FOLDER
from spark_kernel.resource_managers.scratch import scratch_folder
from spark_kernel.storage.failures import storage_errors
from spark_kernel.storage.filesystems import absolute_url, resolve


class AddedFiles:
    """The files of one context."""

    PACKAGE_EXTENSIONS: ClassVar[tuple[str, ...]] = (".zip", ".egg", ".jar")
    session: ContextSession

    def addFile(self, path: str, recursive: bool = False) -> None:
        """Bring a file, or with ``recursive`` a folder, to the executors; ``SparkFiles.get(name)`` finds it.

        A path that was added before is not added again. Raises PathNotFoundError, StorageError.
        """
        url = absolute_url(path)
        if url not in self.session.added_files:
            self._fetch(url, recursive)
            self.session.added_files.append(url)

    def addPyFile(self, path: str) -> None:
        """Let the driver and the executors import a ``.py`` file, or what is in a ``.zip`` or ``.egg``."""
        self.addFile(path)
        name = os.path.basename(path)
        folder = self._folder()
        if name.lower().endswith(self.PACKAGE_EXTENSIONS):
            # Executors are told of folders that the driver imports from, not of files.
            folder = _unpacked(folder / name, folder / f"{name}.unpacked")
        if str(folder) not in sys.path:
            sys.path.insert(1, str(folder))
        importlib.invalidate_caches()

    def addArchive(self, path: str) -> None:
        """Bring an archive to the executors, unpacked: ``SparkFiles.get(name)`` is a folder.

        ``path#name`` gives it another name. Raises PathNotFoundError, StorageError.
        """
        location, _, alias = path.partition("#")
        url = absolute_url(location)
        if url in self.session.added_archives:
            return
        fetched = self._fetch(url, recursive=False)
        packed = fetched.with_name(f"{fetched.name}.packed")
        fetched.rename(packed)
        _unpacked(packed, fetched.with_name(alias or fetched.name))
        packed.unlink()
        self.session.added_archives.append(url)

    @property
    def listFiles(self) -> list[str]:
        """URLs of what `addFile` and `addPyFile` added."""
        return list(self.session.added_files)

    @property
    def listArchives(self) -> list[str]:
        """URLs of what `addArchive` added."""
        return list(self.session.added_archives)

    def _folder(self) -> Path:
        folder = scratch_folder(self.session.app_id, self.session.settings) / FOLDER
        folder.mkdir(exist_ok=True)
        return folder

    def _fetch(self, url: str, recursive: bool) -> Path:
        self.session.require_open()
        target = self._folder() / url.rstrip("/").rpartition("/")[2]
        with storage_errors(url, "read"):
            filesystem, source = resolve(url, self.session.storage_options)
            if not filesystem.exists(source):
                raise PathNotFoundError(f"nothing is there: {url}")
            if filesystem.isdir(source) and not recursive:
                raise StorageError(f"{url} is a folder; call addFile(path, recursive=True)")
            filesystem.get(source, str(target), recursive=recursive)
        return target


def _unpacked(archive: Path, target: Path) -> Path:
    if target.is_dir():
        return target
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as packed:
                packed.extractall(target)
        else:
            with tarfile.open(archive) as tar:
                tar.extractall(target, filter="data")
    except (tarfile.TarError, zipfile.BadZipFile, OSError) as error:
        shutil.rmtree(target, ignore_errors=True)
        raise StorageError(f"{archive.name} can't be unpacked: {error}; zip and tar archives can") from error
    return target
