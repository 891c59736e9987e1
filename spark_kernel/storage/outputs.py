"""A folder of part files that appears as a whole, with one winner for each partition. Called for saveAsTextFile.

    target/_temporary/<job>/_open                           there while attempts may write
    target/_temporary/<job>/part-00000-<attempt>-<random>   one attempt's file; nobody else writes that name
    target/part-00000                                       the winner's, after commit
    target/_SUCCESS                                         written last: all of it is there

Nothing relies on a rename that is atomic or on a listing that is up to date: the driver moves the files that the
winners reported, by name, and where a storage can't move, it copies and then deletes. Readers see no name that begins
with "_". A late attempt, whose task the driver has given up, finds ``_open`` gone and removes its own file.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from fsspec.spec import AbstractBufferedFile, AbstractFileSystem

from spark_kernel.common.errors import PathExistsError, PathNotFoundError, StorageError
from spark_kernel.storage.failures import storage_errors
from spark_kernel.storage.filesystems import (
    StorageOptions,
    absolute_url,
    exists,
    has_folders,
    is_local,
    resolve,
)

UPLOAD_BLOCK_BYTES = 16 * 2**20
"""Size of the parts of an upload. S3 allows 10,000 of them: 160 GB for one part file."""
_AT_ONCE = 16

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WrittenFile:
    """What one attempt at one partition wrote. Sent to the driver, which may make it the winner."""

    path: str
    """Where it is, as the file system of the output names it."""
    bytes: int
    """As stored."""
    extension: str = ""
    """What the name of the part file ends with, such as ``.gz``."""


@dataclass
class DirectoryOutput:
    """One job's output folder. The driver prepares, commits or aborts it; executors write partitions. Picklable.

    >>> output = DirectoryOutput("memory://doctest/out", StorageOptions())
    >>> output.prepare()
    >>> output.commit({0: output.write_partition(0, 7, [b"hello"])})
    >>> sorted(resolve("memory://doctest/out", StorageOptions()).filesystem.ls("/doctest/out", detail=False))
    ['/doctest/out/_SUCCESS', '/doctest/out/part-00000']
    """

    url: str
    """The folder; a local one becomes absolute, so that it means the same on an executor."""
    options: StorageOptions
    job: str = field(default_factory=lambda: secrets.token_hex(8))
    """Tells this output's files from those of another that was aborted before."""
    _prepared: bool = field(default=False, repr=False)
    _placed: list[str] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        self.url = absolute_url(self.url).rstrip("/")

    def prepare(self) -> None:
        """Claim the folder, on the driver, before any attempt starts.

        Raises PathExistsError when something is there, even an empty folder; StorageError when it can't be written.
        """
        with storage_errors(self.url, "write"):
            filesystem, target = resolve(self.url, self.options)
            if exists(filesystem, target):
                raise PathExistsError(
                    f"Output directory {self.url} already exists; choose another path, or remove it first"
                )
            if has_folders(filesystem):
                # Where two claim the same folder at once, one fails here.
                filesystem.makedirs(target, exist_ok=False)
                filesystem.makedirs(self._attempts(target), exist_ok=True)
            self._prepared = True
            try:
                filesystem.pipe_file(self._gate(target), b"")
            except BaseException:
                self.abort()
                raise

    def write_partition(
        self, partition: int, attempt_id: int, chunks: Iterable[bytes], extension: str = ""
    ) -> WrittenFile:
        """Write ``chunks`` as one attempt's file for ``partition``, on an executor; nothing appears in the output yet.

        Raises what ``chunks`` raises, unchanged, and StorageError when the file can't be written or the output was
        committed or aborted meanwhile. In each case the attempt's file is removed.
        """
        filesystem, target = resolve(self.url, self.options)
        self._require_open(filesystem, target)
        name = f"{_part(partition)}-{attempt_id}-{secrets.token_hex(4)}{extension}"
        path = f"{self._attempts(target)}/{name}"
        written = 0
        with storage_errors(self.url, "write"):
            options = {} if is_local(filesystem) else {"block_size": UPLOAD_BLOCK_BYTES}
            file = filesystem.open(path, "wb", **options)
        try:
            for chunk in chunks:
                with storage_errors(self.url, "write"):
                    file.write(chunk)
                written += len(chunk)
            with storage_errors(self.url, "write"):
                file.close()
            self._require_open(filesystem, target)
        except BaseException:
            _give_up(filesystem, file, path)
            raise
        return WrittenFile(path, written, extension)

    def commit(self, winners: Mapping[int, WrittenFile]) -> None:
        """Make the winners the output, on the driver, and remove everything else. ``_SUCCESS`` comes last.

        Raises StorageError when a winner can't be moved into place; call `abort` then.
        """
        if not self._prepared:
            raise StorageError(f"the output {self.url} was not prepared, so there is nothing to commit")
        with storage_errors(self.url, "commit"):
            filesystem, target = resolve(self.url, self.options)
            _remove_file(filesystem, self._gate(target))
            finals = {
                written.path: f"{target}/{_part(partition)}{written.extension}"
                for partition, written in winners.items()
            }
            _for_each(filesystem, lambda source: self._move(filesystem, source, finals[source]), sorted(finals))
            filesystem.pipe_file(f"{target}/_SUCCESS", b"")
            self._placed.append(f"{target}/_SUCCESS")
        self._clean_up(filesystem, target)

    def abort(self) -> None:
        """Remove all that this output wrote, on the driver. Without `prepare`, or after it refused, nothing happens.

        Raises StorageError when something can't be removed.
        """
        if not self._prepared:
            return
        with storage_errors(self.url, "remove"):
            filesystem, target = resolve(self.url, self.options)
            _remove_file(filesystem, self._gate(target))
            while self._placed:
                _remove_file(filesystem, self._placed.pop())
            self._remove_attempts(filesystem, target)
            _remove_folder_if_empty(filesystem, target)
        self._prepared = False

    def _attempts(self, target: str) -> str:
        return f"{target}/_temporary/{self.job}"

    def _gate(self, target: str) -> str:
        return f"{self._attempts(target)}/_open"

    def _require_open(self, filesystem: Any, target: str) -> None:
        with storage_errors(self.url, "write"):
            if not exists(filesystem, self._gate(target)):
                raise PathNotFoundError(
                    f"the output {self.url} is not open here: either it was committed or aborted meanwhile, or this"
                    " machine does not share the storage with the driver (a local disk or memory:// on a cluster)"
                )

    def _move(self, filesystem: Any, source: str, target: str) -> None:
        # Named before it is there, so that an abort also finds it when the move breaks off half-way.
        self._placed.append(target)
        # Neither `copy` nor fsspec's default `mv`: both take a name with brackets for a pattern.
        if type(filesystem).mv is not AbstractFileSystem.mv:
            filesystem.mv(source, target)
        else:
            filesystem.cp_file(source, target)
            filesystem.rm_file(source)

    def _clean_up(self, filesystem: Any, target: str) -> None:
        """Remove the losers. The output is complete, so a failure here is not the job's."""
        try:
            self._remove_attempts(filesystem, target)
        except Exception as error:
            _log.warning("%s is complete, but %s/_temporary could not be removed: %s", self.url, self.url, error)

    def _remove_attempts(self, filesystem: Any, target: str) -> None:
        _for_each(filesystem, partial(_remove_file, filesystem), _files_in(filesystem, self._attempts(target)))
        _remove_folder_if_empty(filesystem, self._attempts(target))
        _remove_folder_if_empty(filesystem, f"{target}/_temporary")


def _part(partition: int) -> str:
    return f"part-{partition:05d}"


def _for_each(filesystem: Any, action: Callable[[str], None], paths: Iterable[str]) -> None:
    """Do ``action`` with each path; several at once where each is a round trip."""
    if is_local(filesystem):
        for path in paths:
            action(path)
        return
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="output") as threads:
        for done in [threads.submit(action, path) for path in paths]:
            done.result()


def _remove_file(filesystem: Any, path: str) -> None:
    try:
        filesystem.rm_file(path)
    except FileNotFoundError:
        _log.debug("%s is gone already", path)


def _files_in(filesystem: Any, folder: str) -> list[str]:
    filesystem.invalidate_cache()
    try:
        return [info["name"] for info in filesystem.ls(folder, detail=True) if info["type"] == "file"]
    except FileNotFoundError:
        return []


def _remove_folder_if_empty(filesystem: Any, folder: str) -> None:
    if has_folders(filesystem) and exists(filesystem, folder) and not filesystem.ls(folder, detail=False):
        filesystem.rmdir(folder)


def _give_up(filesystem: Any, file: Any, path: str) -> None:
    """Remove what a failed attempt wrote. The attempt's own error is what counts, so another is only logged."""
    try:
        if isinstance(file, AbstractBufferedFile):
            # Closing would complete the upload.
            file.discard()
            file.closed = True
        else:
            file.close()
        _remove_file(filesystem, path)
    except Exception as error:
        _log.warning("could not remove the file of a failed attempt, %s: %s", path, error)
