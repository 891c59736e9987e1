"""Files behind a web server on loopback, of the plain kind that can't deliver a part of a file."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from spark_kernel.common.errors import PathNotFoundError, StorageError
from spark_kernel.storage.documents import write_text
from spark_kernel.storage.filesystems import StorageOptions
from spark_kernel.storage.inputs import list_inputs
from spark_kernel.storage.lines import read_lines
from spark_kernel.storage.splits import plan_splits

OPTIONS = StorageOptions()
LINES = [f"line {number}" for number in range(300_000)]


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        if self.path.startswith("/unsized"):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"one\ntwo\n")
        elif self.path.startswith("/forbidden"):
            self.send_error(403)
        else:
            super().do_GET()

    def do_HEAD(self) -> None:
        if self.path.startswith("/unsized"):
            self.send_response(200)
            self.end_headers()
        elif self.path.startswith("/forbidden"):
            self.send_error(403)
        else:
            super().do_HEAD()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "a.txt").write_text("\n".join(LINES))
    (tmp_path / "a.gz").write_bytes(gzip.compress("\n".join(LINES).encode()))
    listener = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(tmp_path)))
    thread = threading.Thread(target=listener.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.server_address[1]}"
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()


@pytest.mark.parametrize("name", ["a.txt", "a.gz", "a.gz?signature=1"])
def test_a_file_is_one_split_read_from_its_beginning(server: str, name: str) -> None:
    splits = plan_splits(list_inputs(f"{server}/{name}", OPTIONS), 4)
    assert len(splits) == 1
    assert list(read_lines(splits[0], OPTIONS)) == LINES


def test_a_file_of_unknown_size_is_read_to_its_end(server: str) -> None:
    files = list_inputs(f"{server}/unsized.txt", OPTIONS)
    assert [file.size for file in files] == [None]
    assert list(read_lines(plan_splits(files, 4)[0], OPTIONS)) == ["one", "two"]


def test_a_missing_file_is_named(server: str) -> None:
    with pytest.raises(PathNotFoundError, match=r"none\.txt"):
        list_inputs(f"{server}/none.txt", OPTIONS)


def test_a_forbidden_file_is_not_called_missing(server: str) -> None:
    with pytest.raises(StorageError, match=r"permission denied.*403"):
        list_inputs(f"{server}/forbidden.txt", OPTIONS)


def test_a_server_that_is_not_there_is_said_to_be_unreachable(server: str) -> None:
    with pytest.raises(StorageError, match="can't be reached"):
        list_inputs("http://127.0.0.1:1/a.txt", OPTIONS)


def test_writing_is_refused(server: str) -> None:
    with pytest.raises(StorageError, match="can't write"):
        write_text(f"{server}/b.txt", "x", OPTIONS)
