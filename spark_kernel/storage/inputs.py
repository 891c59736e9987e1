"""From what the user wrote to the files that are there.

Rules of Hadoop's FileInputFormat, as Spark's textFile shows them: comma lists; patterns; a folder means the files in
it; names that start with ``_`` or ``.`` are not data. Called by the RDD layer when a dataset is planned, on the driver.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from spark_kernel.common.errors import PathNotFoundError, StorageError
from spark_kernel.storage.failures import says_missing, storage_errors
from spark_kernel.storage.filesystems import StorageOptions, absolute_url, can_seek, resolve, url_of
from spark_kernel.storage.globs import component_matcher, expand_braces, is_pattern, split_paths, unescape

Subfolders = Literal["refuse", "skip", "descend"]
"""What a folder inside an input folder means: an error (textFile), nothing (wholeTextFiles), or more input
(``mapreduce.input.fileinputformat.input.dir.recursive``)."""


@dataclass(frozen=True)
class InputFile:
    """A file that was there when the input was listed."""

    url: str
    """Where it is, in the words of the user's path; local files as ``file:/absolute/path``."""
    size: int | None
    """Bytes as stored, or None where the storage doesn't say."""
    seekable: bool = True
    """Whether it can be read from any place, and not only from its beginning."""


def list_inputs(paths: str, options: StorageOptions, subfolders: Subfolders = "refuse") -> list[InputFile]:
    """The files that ``paths`` means: one path, a pattern, or a comma-separated list of both.

    The order is that of the list; files of one pattern or folder are sorted by path. A file named twice in the list
    is there twice, as in Spark. A folder without data gives no file, which is not an error.

    Raises PathNotFoundError when a path doesn't exist, or is not data because of its name, or a pattern matches
    nothing; StorageError when something can't be listed, is neither file nor folder, or holds a subfolder.
    """
    files: list[InputFile] = []
    for pattern in split_paths(paths):
        listing = _Listing(absolute_url(pattern), options, subfolders)
        files.extend(listing.files())
    return files


@dataclass(frozen=True)
class _Entry:
    """One name on a file system."""

    path: str
    url: str
    kind: str
    """"file", "directory", or something that is no input."""
    size: int | None


class _Listing:
    """One path or pattern, and what is there under it."""

    def __init__(self, pattern: str, options: StorageOptions, subfolders: Subfolders) -> None:
        self.pattern = pattern
        self.options = options
        self.subfolders = subfolders

    def files(self) -> list[InputFile]:
        with storage_errors(self.pattern, "list"):
            choices = expand_braces(self.pattern)
            found = {entry.url: (entry, filesystem) for url in choices for entry, filesystem in self._matches(url)}
            if not found:
                raise PathNotFoundError(self._nothing_found(choices))
            return [
                InputFile(file.url, file.size, can_seek(filesystem))
                for _, (entry, filesystem) in sorted(found.items())
                for file in self._files_of(entry, filesystem, explicit=len(found) == 1)
            ]

    def _matches(self, url: str) -> Iterator[tuple[_Entry, Any]]:
        """What is there under the names that ``url``, a pattern without braces, matches; and its file system."""
        filesystem, path = resolve(url, self.options)
        # "?" begins the query of a web address.
        wildcards = "*[" if url.startswith(("http://", "https://")) else "*?["
        for match, info in _matching_paths(filesystem, path, wildcards):
            entry = _entry(filesystem, match, info, url_of(match, url, path)) if _is_data(match) else None
            if entry is not None:
                yield entry, filesystem

    def _files_of(self, entry: _Entry, filesystem: Any, explicit: bool) -> Iterator[_Entry]:
        if entry.kind == "file":
            yield entry
        elif entry.kind == "directory":
            yield from self._files_in(entry, filesystem)
        elif explicit:
            raise StorageError(f"{entry.url} is neither a file nor a folder, so it can't be read as input")

    def _files_in(self, folder: _Entry, filesystem: Any) -> Iterator[_Entry]:
        waiting = [folder]
        while waiting:
            current = waiting.pop()
            for entry in _children(filesystem, current):
                if entry.kind == "file":
                    yield entry
                elif entry.kind == "directory" and self.subfolders == "descend":
                    waiting.append(entry)
                elif entry.kind == "directory" and self.subfolders == "refuse":
                    raise StorageError(
                        f"{current.url} contains the folder {entry.url}, and folders in folders are not read;"
                        f" write {current.url}/* to read the files of both"
                    )

    def _nothing_found(self, choices: list[str]) -> str:
        if len(choices) > 1 or any(is_pattern(component) for component in self.pattern.split("/")):
            return f"the pattern {self.pattern} matches no file; names that start with '_' or '.' never match"
        name = posixpath.basename(self.pattern.rstrip("/"))
        if name.startswith(("_", ".")):
            return (
                f"{self.pattern} is not read, as in Spark, because its name starts with {name[0]!r};"
                " rename it, or name the files in it if it is a folder"
            )
        return f"nothing is there: {self.pattern}; check the path, and that every machine of the cluster sees it"


def _matching_paths(filesystem: Any, pattern: str, wildcards: str) -> list[tuple[str, dict[str, Any] | None]]:
    """Paths that match ``pattern``, with what a listing says of them; None where none was needed.

    Goes down one component at a time, so that only folders that may lead to a match are listed.
    """
    components = pattern.split("/")
    found: list[tuple[str, dict[str, Any] | None]] = [("", None)]
    for position, component in enumerate(components):
        before = [path + "/" if position else "" for path, info in found if info is None or info["type"] != "file"]
        if is_pattern(component, wildcards):
            matcher = component_matcher(component, wildcards)
            found = [
                (path, info)
                for folder in before
                for path, info in _listed(filesystem, folder).items()
                if matcher.fullmatch(posixpath.basename(path))
            ]
        else:
            found = [(folder + unescape(component), None) for folder in before]
    return found


def _children(filesystem: Any, folder: _Entry) -> list[_Entry]:
    """What is data in a folder, sorted by name."""
    listed = filesystem.ls(folder.path, detail=True)
    entries = (
        _entry(filesystem, path, info, url_of(path, folder.url, folder.path))
        for path, info in _inside(listed, folder.path).items()
        if _is_data(path)
    )
    return sorted((entry for entry in entries if entry is not None), key=lambda entry: entry.path)


def _listed(filesystem: Any, folder: str) -> dict[str, dict[str, Any]]:
    """Path -> information for all that is in ``folder``; nothing when it is no folder."""
    folder = folder.rstrip("/") or filesystem.root_marker
    try:
        return _inside(filesystem.ls(folder, detail=True), folder)
    except (FileNotFoundError, NotADirectoryError):
        return {}


def _inside(infos: list[dict[str, Any]], folder: str) -> dict[str, dict[str, Any]]:
    """Without what some storages list besides: the folder itself, as an empty object or as the file that it is."""
    paths = {info["name"].rstrip("/"): info for info in infos}
    return {path: info for path, info in paths.items() if path.rpartition("/")[0] == folder.rstrip("/")}


def _entry(filesystem: Any, path: str, info: dict[str, Any] | None, url: str) -> _Entry | None:
    """What is at ``path``, or None when nothing is."""
    try:
        # A listing describes a link itself and not what it leads to.
        if info is None or info.get("islink"):
            info = filesystem.info(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        if says_missing(error):
            return None
        raise
    return _Entry(path, url, info["type"], info.get("size"))


def _is_data(path: str) -> bool:
    return not posixpath.basename(path).startswith(("_", "."))
