"""From a URL to a file system, and what the user is told when there is none."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from spark_kernel.common.errors import PathNotFoundError, StorageError
from spark_kernel.storage.failures import as_storage_error, storage_errors
from spark_kernel.storage.filesystems import (
    StorageOptions,
    absolute_url,
    exists,
    has_folders,
    is_local,
    resolve,
    url_of,
)

OPTIONS = StorageOptions()


@pytest.mark.parametrize("url", ["/data/a", "file:/data/a", "file:///data/a", "file:////data/a"])
def test_a_plain_path_and_every_form_of_file_are_local(url: str) -> None:
    filesystem, path = resolve(url, OPTIONS)
    assert is_local(filesystem)
    assert path == "/data/a"
    assert absolute_url(url) == "file:/data/a"


def test_a_relative_path_becomes_absolute_where_the_user_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert absolute_url("in/a.txt") == f"file:{tmp_path}/in/a.txt"
    assert absolute_url("file:in/a.txt") == f"file:{tmp_path}/in/a.txt"
    assert absolute_url("zip://a.txt::in/b.zip") == f"zip://a.txt::file:{tmp_path}/in/b.zip"
    assert absolute_url("simplecache::s3a://b/k") == "simplecache::s3a://b/k"


@pytest.mark.parametrize("name", ["a::b.txt", "a b", "100%20", "a#b?c", "wörter"])
def test_a_local_name_may_contain_anything(name: str) -> None:
    assert resolve(f"/data/{name}", OPTIONS).path == f"/data/{name}"
    assert resolve(absolute_url(f"/data/{name}"), OPTIONS).path == f"/data/{name}"


def test_an_unknown_protocol_is_named_with_the_nearest_one() -> None:
    with pytest.raises(StorageError, match=r"unknown protocol memmory:// in memmory://a; did you mean memory://\?"):
        resolve("memmory://a", OPTIONS)
    with pytest.raises(StorageError, match="unknown protocol qqqqqq://"):
        resolve("qqqqqq://a", OPTIONS)


@pytest.mark.parametrize(
    ("url", "package"), [("gs://bucket/a", "gcsfs"), ("s3a://bucket/a", "s3fs"), ("abfs://c/a", "adlfs")]
)
def test_a_missing_package_is_named(url: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # As if nothing had used it before in this process.
    protocol = url.partition(":")[0].replace("s3a", "s3")
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, protocol, raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(StorageError, match=rf"pip install {package}"):
        resolve(url, OPTIONS)


def test_an_option_that_the_backend_does_not_know_is_an_error() -> None:
    options = StorageOptions.from_settings({"spark.kernel.storage.zip.no_such_option": "1"})
    with pytest.raises(StorageError, match=r"can't open zip://a\.txt::file:///nowhere\.zip"):
        resolve("zip://a.txt::file:///nowhere.zip", options)


def test_file_systems_know_whether_folders_are_real() -> None:
    assert has_folders(resolve("/a", OPTIONS).filesystem)
    assert has_folders(resolve("memory://a", OPTIONS).filesystem)
    assert not has_folders(resolve("http://127.0.0.1/a", OPTIONS).filesystem)


def test_what_may_not_be_looked_at_is_not_called_missing() -> None:
    class Forbidden:
        def info(self, path: str) -> dict[str, object]:
            raise PermissionError(13, "Permission denied", path)

    with pytest.raises(PermissionError):
        exists(Forbidden(), "/a")


@pytest.mark.parametrize(
    ("path", "url", "base", "expected"),
    [
        ("/data/1", "file:/data/*", "/data/*", "file:/data/1"),
        ("/a/1", "memory://a/*", "/a/*", "memory://a/1"),
        ("b/k/1", "s3a://b/k/", "b/k", "s3a://b/k/1"),
        ("/in/1", "sftp://ada@host:22/in/*", "/in/*", "sftp://ada@host:22/in/1"),
        ("c/in/1", "abfs://c@acct.dfs.core.windows.net/in/*", "c/in/*", "abfs://c@acct.dfs.core.windows.net/in/1"),
        ("http://h/in/1", "http://h/in/*", "http://h/in/*", "http://h/in/1"),
        ("in/1", "zip://in/*::s3://b/x.zip", "in/*", "zip://in/1::s3://b/x.zip"),
        ("b/in/1", "simplecache::s3://b/in/*", "b/in/*", "simplecache::s3://b/in/1"),
    ],
)
def test_a_file_found_is_named_in_the_words_of_the_user(path: str, url: str, base: str, expected: str) -> None:
    assert url_of(path, url, base) == expected


class EndpointConnectionError(Exception):
    """As botocore names it."""


class NoCredentialsError(Exception):
    """As botocore names it."""


@pytest.mark.parametrize(
    ("error", "url", "says"),
    [
        (FileNotFoundError("x"), "file:/a", "nothing is there"),
        (FileNotFoundError("x"), "memory://a", "private to one process.*inline"),
        (FileNotFoundError("The specified bucket does not exist"), "s3a://b/k", "bucket does not exist"),
        (FileExistsError("x"), "file:/a", "choose another path"),
        (PermissionError(13, "Permission denied"), "file:/a", "permission denied; check who owns it"),
        (PermissionError("Forbidden"), "s3a://b/k", r"Forbidden.*fs\.s3a\.access\.key"),
        (IsADirectoryError(), "file:/a", "it is a folder, expected a file"),
        (NotADirectoryError(), "file:/a", "expected a folder"),
        (NotImplementedError(), "http://h/a", "doesn't offer that"),
        (EndpointConnectionError("no route"), "s3a://b/k", r"can't be reached.*no route.*fs\.s3a\.endpoint"),
        (TimeoutError("8 s"), "sftp://h/a", "can't be reached.*check its address"),
        (NoCredentialsError("none"), "s3://b/k", r"no credentials.*anon=true"),
        (OSError(28, "No space left on device"), "file:/a", "No space left on device"),
        (ValueError("odd"), "file:/a", "ValueError: odd"),
    ],
)
def test_what_a_backend_raises_is_said_in_words(error: Exception, url: str, says: str) -> None:
    found = as_storage_error(error, url, "read")
    assert re.search(rf"^can't read {re.escape(url)}: .*{says}", str(found))


def test_the_cause_is_kept_and_errors_of_ours_pass_unchanged() -> None:
    cause = OSError(5, "Input/output error")
    with pytest.raises(StorageError) as caught, storage_errors("file:/a", "read"):
        raise cause
    assert caught.value.__cause__ is cause
    ours = PathNotFoundError("as it is")
    with pytest.raises(PathNotFoundError) as passed, storage_errors("file:/a", "read"):
        raise ours
    assert passed.value is ours


def test_a_refused_connection_behind_a_missing_file_is_not_a_missing_file() -> None:
    error = FileNotFoundError("http://h/a")
    error.__cause__ = ConnectionRefusedError(111, "Connection refused")
    assert not isinstance(as_storage_error(error, "http://h/a", "read"), PathNotFoundError)
