"""Single texts and lists of JSON records at a URL: event logs, saved run cards, and the like.

    write_text, read_text                    one text, replaced as a whole
    write_json_lines, read_json_lines        records, one to a line
    SegmentedLog                             records that keep coming

A log can't be one growing file, since an object can't be appended to. It is a folder of segments
(``segment-000000.jsonl``, ...), of which only the last is written again, whole, until it is large enough.
`read_json_lines` reads such a folder like one file. Called by the notebook layer; knows nothing about events.
"""

from __future__ import annotations

import json
import posixpath
import secrets
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from spark_kernel.common.errors import PathExistsError, PathNotFoundError, StorageError
from spark_kernel.storage.failures import decode_error, storage_errors
from spark_kernel.storage.filesystems import (
    StorageOptions,
    absolute_url,
    exists,
    has_folders,
    is_local,
    resolve,
)

SEGMENT_BYTES = 1 * 2**20
"""A segment that has reached this size is not written again."""


def write_text(url: str, text: str, options: StorageOptions) -> None:
    """Put ``text`` at ``url`` as UTF-8, in place of what is there; readers see the one or the other, never a part.

    >>> write_text("memory://doctest/a.txt", "hello", StorageOptions())
    >>> read_text("memory://doctest/a.txt", StorageOptions())
    'hello'

    Raises StorageError when it can't be written.
    """
    _write(url, text.encode("utf-8"), options)


def read_text(url: str, options: StorageOptions) -> str:
    """The text at ``url``. Raises PathNotFoundError, StorageError, and DecodeError when it is not UTF-8."""
    with storage_errors(url, "read"):
        filesystem, path = resolve(url, options)
        content: bytes = filesystem.cat_file(path)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise decode_error(error, url) from error


def write_json_lines(url: str, records: Iterable[Mapping[str, Any]], options: StorageOptions) -> None:
    """Put ``records`` at ``url``, one JSON object to a line, in place of what is there."""
    _write(url, _json_lines(records), options)


def read_json_lines(url: str, options: StorageOptions) -> Iterator[dict[str, Any]]:
    """The records of a file that `write_json_lines` wrote, or of a folder that a `SegmentedLog` wrote, in order.

    >>> write_json_lines("memory://doctest/b.jsonl", [{"n": 1}, {"n": 2}], StorageOptions())
    >>> list(read_json_lines("memory://doctest/b.jsonl", StorageOptions()))
    [{'n': 1}, {'n': 2}]

    Raises PathNotFoundError, and StorageError naming file and line for what is not a JSON object.
    """
    url = absolute_url(url).rstrip("/")
    for document in _documents(url, options):
        for number, line in enumerate(read_text(document, options).split("\n"), start=1):
            if line.strip():
                yield _parsed(line, document, number)


class SegmentedLog:
    """A log at ``url`` that grows, on any storage. One writer at a time; not for several threads.

    >>> log = SegmentedLog("memory://doctest/log", StorageOptions())
    >>> log.append([{"n": 1}]); log.append([{"n": 2}])
    >>> [record["n"] for record in read_json_lines("memory://doctest/log", StorageOptions())]
    [1, 2]

    Each `append` is a write of up to ``segment_bytes``, so collect records for a moment before.
    Raises PathExistsError when something is at ``url``, and StorageError when it can't be written.
    """

    def __init__(self, url: str, options: StorageOptions, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.url = absolute_url(url).rstrip("/")
        self._options = options
        self._segment_bytes = segment_bytes
        self._number = 0
        self._segment = b""
        with storage_errors(self.url, "write"):
            filesystem, path = resolve(self.url, options)
            if exists(filesystem, path):
                raise PathExistsError(f"{self.url} is there already; a log begins at a path where nothing is")

    def append(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Add ``records``; when this returns, a reader sees them."""
        self._segment += _json_lines(records)
        _write(f"{self.url}/segment-{self._number:06d}.jsonl", self._segment, self._options)
        if len(self._segment) >= self._segment_bytes:
            self._number += 1
            self._segment = b""


def _json_lines(records: Iterable[Mapping[str, Any]]) -> bytes:
    # JSON escapes line ends and whatever is not ASCII, so that each record is one line.
    return "".join(json.dumps(record) + "\n" for record in records).encode("ascii")


def _parsed(line: str, url: str, number: int) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except json.JSONDecodeError as error:
        raise StorageError(f"{url}, line {number} is not JSON ({error}): {line[:200]!r}") from error
    if not isinstance(record, dict):
        raise StorageError(f"{url}, line {number} is not a JSON object: {line[:200]!r}")
    return record


def _documents(url: str, options: StorageOptions) -> list[str]:
    """The file at ``url``, or the segments in the folder there."""
    with storage_errors(url, "read"):
        filesystem, path = resolve(url, options)
        if filesystem.info(path)["type"] != "directory":
            return [url]
        names = sorted(name.rstrip("/").rpartition("/")[2] for name in filesystem.ls(path, detail=False))
    segments = [name for name in names if name.startswith("segment-") and name.endswith(".jsonl")]
    if not segments:
        raise PathNotFoundError(f"{url} is a folder without segments of a log; name the folder of one, or a file")
    return [f"{url}/{name}" for name in segments]


def _write(url: str, content: bytes, options: StorageOptions) -> None:
    with storage_errors(url, "write"):
        filesystem, path = resolve(url, options)
        if has_folders(filesystem):
            filesystem.makedirs(posixpath.dirname(path), exist_ok=True)
        if is_local(filesystem):
            _replace_local(path, content)
        else:
            filesystem.pipe_file(path, content)


def _replace_local(path: str, content: bytes) -> None:
    """A local file is written in place, so that a reader might see half of it; a rename is seen as a whole."""
    beside = Path(path).with_name(f".{posixpath.basename(path)}.{secrets.token_hex(4)}.tmp")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
