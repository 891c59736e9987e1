"""addFile, addPyFile, addArchive: files that the driver brings to its executors, wherever these run.

The driver fetches them into the application's folder, where `SparkFiles` finds them and every executor of its machine
too; to other machines they travel with the tasks (`core/execution/added_files.py`), so through the driver and Dask's
scheduler. What is many gigabytes large is better read by its URL, in the tasks.
"""

from __future__ import annotations

import filecmp
import importlib
import logging
import os
import secrets
import shutil
import stat
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from spark_kernel.common.errors import PathExistsError, PathNotFoundError, StorageError
from spark_kernel.core.context import settings as settings_table
from spark_kernel.core.context.context_session import ContextSession
from spark_kernel.core.execution.added_files import FOLDER
from spark_kernel.resource_managers.scratch import scratch_folder
from spark_kernel.storage.failures import storage_errors
from spark_kernel.storage.filesystems import absolute_url, resolve

_log = logging.getLogger(__name__)


class AddedFiles:
    """The files of one context."""

    PACKAGE_EXTENSIONS: ClassVar[tuple[str, ...]] = (".zip", ".egg", ".jar")
    session: ContextSession

    def addFile(self, path: str, recursive: bool = False) -> None:
        """Bring a file, or with ``recursive`` a folder, to the executors; ``SparkFiles.get(name)`` finds it.

        ``path`` is a local one or any URL. One that was added before is not added again. Raises PathNotFoundError,
        StorageError, and PathExistsError when something else was added under the same name, unless
        ``spark.files.overwrite`` is true.
        """
        self._add_file(path, recursive, is_imported=False)

    def addPyFile(self, path: str) -> None:
        """Let the driver and the executors import a ``.py`` file, or what is in a ``.zip`` or ``.egg``.

        Raises what `addFile` raises.
        """
        placed = self._add_file(path, recursive=False, is_imported=not path.lower().endswith(self.PACKAGE_EXTENSIONS))
        if placed is None:
            return
        folder = placed.parent
        if placed.name.lower().endswith(self.PACKAGE_EXTENSIONS):
            # Executors of this machine are told of folders that the driver imports from, not of files.
            folder = placed.with_name(f"{placed.name}.unpacked")
            with self._fresh(folder) as target:
                _unpack(placed, target)
            self.session.put_file(folder, is_imported=True)
        if str(folder) not in sys.path:
            sys.path.insert(1, str(folder))
        importlib.invalidate_caches()

    def addArchive(self, path: str) -> None:
        """Bring an archive to the executors, unpacked: ``SparkFiles.get(name)`` is a folder.

        ``path#name`` gives it another name. Raises PathNotFoundError, StorageError.
        """
        self.session.require_open()
        location, mark, alias = path.partition("#")
        url = absolute_url(location)
        if url + mark + alias in self.session.added_archives:
            _log.warning("%s has been added already", path)
            return
        folder = self._folder() / (alias or _name_of(url))
        with self._fresh(folder) as target:
            fetched = target.with_name(f"{target.name}-{_name_of(url)}")
            try:
                self._fetch(url, fetched, recursive=False)
                _unpack(fetched, target)
            finally:
                fetched.unlink(missing_ok=True)
        self.session.put_file(folder)
        self.session.added_archives.append(url + mark + alias)

    @property
    def listFiles(self) -> list[str]:
        """URLs of what `addFile` and `addPyFile` added; those of folders end with a slash."""
        return list(self.session.added_files)

    @property
    def listArchives(self) -> list[str]:
        """URLs of what `addArchive` added, with the names that were given."""
        return list(self.session.added_archives)

    def _folder(self) -> Path:
        folder = scratch_folder(self.session.app_id, self.session.settings) / FOLDER
        folder.mkdir(exist_ok=True)
        return folder

    def _add_file(self, path: str, recursive: bool, is_imported: bool) -> Path | None:
        """Where it is on this machine; None when it was added before."""
        self.session.require_open()
        url = absolute_url(path).rstrip("/")
        if not {url, f"{url}/"}.isdisjoint(self.session.added_files):
            _log.warning("%s has been added already", path)
            return None
        target = self._folder() / _name_of(url)
        with self._fresh(target) as fetched:
            self._fetch(url, fetched, recursive)
            self._refuse_to_overwrite(target, fetched, url)
        self.session.put_file(target, is_imported)
        self.session.added_files.append(f"{url}/" if target.is_dir() else url)
        return target

    def _refuse_to_overwrite(self, target: Path, fetched: Path, url: str) -> None:
        overwrites = settings_table.value_of(self.session.settings, "spark.files.overwrite")
        if target.exists() and not overwrites and not _same_content(target, fetched):
            raise PathExistsError(
                f"File {target.name} exists and does not match contents of {url}: another file of that name was added. "
                "Rename one of them, or set spark.files.overwrite to true"
            )

    def _fetch(self, url: str, target: Path, recursive: bool) -> None:
        with storage_errors(url, "read"):
            filesystem, source = resolve(url, self.session.storage_options)
            if not filesystem.exists(source):
                raise PathNotFoundError(f"nothing is there: {url}")
            if filesystem.isdir(source) and not recursive:
                raise StorageError(
                    f"{url} is a directory and recursive is not turned on: call addFile(path, recursive=True)"
                )
            filesystem.get(source, str(target), recursive=recursive)
        if target.is_file():
            # As in Spark, so that a script can be given to `pipe`.
            target.chmod(target.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)

    @contextmanager
    def _fresh(self, target: Path) -> Iterator[Path]:
        """A place to make ``target`` at, which takes its own place once that is done and never half made."""
        making = target.parent.with_name(f"{FOLDER}-making")
        making.mkdir(exist_ok=True)
        fresh = making / secrets.token_hex(8)
        try:
            yield fresh
            if target.is_dir():
                shutil.rmtree(target)
            os.replace(fresh, target)
        finally:
            if fresh.is_dir():
                shutil.rmtree(fresh, ignore_errors=True)
            else:
                fresh.unlink(missing_ok=True)


def _name_of(url: str) -> str:
    """What a URL is called in the folder of added files: the last part of its path.

    >>> _name_of("https://example.org/data/a.csv?version=2"), _name_of("zip://in/a.txt::file:/x.zip")
    ('a.csv', 'a.txt')
    """
    path = url.split("::")[0].rstrip("/")
    if path.startswith(("http://", "https://")):
        path = path.partition("?")[0].partition("#")[0]
    return path.rpartition("/")[2].rpartition(":")[2]


def _same_content(one: Path, other: Path) -> bool:
    if one.is_file() and other.is_file():
        return filecmp.cmp(one, other, shallow=False)
    if not (one.is_dir() and other.is_dir()):
        return False
    names = [{path.relative_to(root) for path in root.rglob("*")} for root in (one, other)]
    return names[0] == names[1] and all(_same_content(one / name, other / name) for name in names[0])


def _unpack(archive: Path, target: Path) -> None:
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as packed:
                packed.extractall(target)
        else:
            with tarfile.open(archive) as tar:
                tar.extractall(target, filter="data")
    except (tarfile.TarError, zipfile.BadZipFile, OSError) as error:
        raise StorageError(f"{archive.name} can't be unpacked: {error}; zip and tar archives can") from error
