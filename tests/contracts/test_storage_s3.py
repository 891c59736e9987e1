"""What only S3 has: credentials, endpoints, buckets, uploads in parts, listings in pages."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from spark_kernel.common.errors import PathNotFoundError, StorageError
from spark_kernel.storage import s3
from spark_kernel.storage.documents import SegmentedLog, read_text, write_text
from spark_kernel.storage.filesystems import StorageOptions
from spark_kernel.storage.inputs import list_inputs
from spark_kernel.storage.lines import read_lines
from spark_kernel.storage.outputs import DirectoryOutput
from spark_kernel.storage.splits import FileSplit, plan_splits

if TYPE_CHECKING:
    from tests.support.s3_server import S3Server
    from tests.support.stores import Store

pytest_plugins = ["tests.support.s3_server", "tests.support.stores"]

# A hang would be minutes; the limit only ends a test that would never end.
pytestmark = pytest.mark.timeout(300)

ACTIONS: dict[str, Callable[[str, StorageOptions], object]] = {
    "list a file": lambda url, options: list_inputs(f"{url}/a.txt", options),
    "list a folder": lambda url, options: list_inputs(f"{url}/", options),
    "list a pattern": lambda url, options: list_inputs(f"{url}/*.txt", options),
    "read lines": lambda url, options: list(read_lines(FileSplit(f"{url}/a.txt", 0, 5, 5), options)),
    "read a text": lambda url, options: read_text(f"{url}/a.txt", options),
    "write a text": lambda url, options: write_text(f"{url}/b.txt", "x", options),
    "write an output": lambda url, options: DirectoryOutput(f"{url}/out", options).prepare(),
    "begin a log": lambda url, options: SegmentedLog(f"{url}/log", options).append([{}]),
}
every_action = pytest.mark.parametrize("action", ACTIONS.values(), ids=ACTIONS)


@every_action
def test_wrong_credentials_are_refused_with_the_names_of_the_settings(
    action: Callable[[str, StorageOptions], object], s3_store: Store, s3_checks_credentials: S3Server
) -> None:
    settings = {**s3_store.settings, "spark.hadoop.fs.s3a.secret.key": "hunter2"}
    with pytest.raises(StorageError, match=r"access denied.*spark\.hadoop\.fs\.s3a\.access\.key") as caught:
        action(s3_store.root, StorageOptions.from_settings(settings))
    assert "hunter2" not in str(caught.value)
    assert s3_store.root in str(caught.value)


def test_no_credentials_at_all_are_said_to_be_missing(
    s3_store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", f"{tmp_path}/none")
    monkeypatch.setenv("AWS_CONFIG_FILE", f"{tmp_path}/none")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    endpoint = {name: value for name, value in s3_store.settings.items() if name.endswith("endpoint")}
    with pytest.raises(StorageError, match=r"no credentials.*spark\.kernel\.storage\.s3\.anon=true"):
        list_inputs(s3_store.url("a.txt"), StorageOptions.from_settings(endpoint))


def settings_for(endpoint: str) -> dict[str, str]:
    return {
        "spark.hadoop.fs.s3a.endpoint": endpoint,
        "spark.hadoop.fs.s3a.access.key": "a",
        "spark.hadoop.fs.s3a.secret.key": "b",
    }


@pytest.fixture
def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@every_action
def test_an_endpoint_where_nobody_listens_is_said_to_be_unreachable(
    action: Callable[[str, StorageOptions], object], free_port: int
) -> None:
    options = StorageOptions.from_settings(settings_for(f"http://127.0.0.1:{free_port}"))
    with pytest.raises(StorageError, match=r"can't be reached.*spark\.hadoop\.fs\.s3a\.endpoint"):
        action("s3a://bucket/data", options)


@pytest.fixture
def silent_endpoint() -> Iterator[str]:
    """A server that accepts connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@every_action
def test_an_endpoint_that_never_answers_does_not_hold_a_job(
    action: Callable[[str, StorageOptions], object], silent_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3, "FIRST_ANSWER_SECONDS", 0.5)
    with pytest.raises(StorageError, match=r"can't be reached .*no answer within"):
        action("s3a://bucket/data", StorageOptions.from_settings(settings_for(silent_endpoint)))


@every_action
def test_a_missing_bucket_is_named_and_never_created(
    action: Callable[[str, StorageOptions], object], s3_store: Store
) -> None:
    with pytest.raises(PathNotFoundError, match="s3a://no-such-bucket/data"):
        action("s3a://no-such-bucket/data", s3_store.options)
    s3_store.filesystem.invalidate_cache()
    assert not any(name.startswith("no-such-bucket") for name in s3_store.filesystem.ls(""))


@pytest.mark.parametrize("scheme", ["s3", "s3a", "s3n"])
def test_all_names_of_the_protocol_mean_the_same(scheme: str, s3_store: Store) -> None:
    s3_store.put("a.txt", b"one\ntwo\n")
    url = s3_store.url("a.txt").replace("s3a://", f"{scheme}://")
    files = list_inputs(url, s3_store.options)
    assert [file.url for file in files] == [url]
    assert list(read_lines(plan_splits(files, 1)[0], s3_store.options)) == ["one", "two"]


def test_the_object_that_stands_for_a_folder_is_no_data(s3_store: Store) -> None:
    s3_store.put("folder/", b"")
    s3_store.put("folder/a.txt", b"a")
    assert [file.url for file in list_inputs(s3_store.url("folder"), s3_store.options)] == [
        s3_store.url("folder/a.txt")
    ]


def test_a_listing_of_several_pages_is_complete(s3_store: Store, s3_server: S3Server) -> None:
    folder = s3_store.path.partition("/")[2]
    s3_server.fill(f"{folder}/many/{number:04d}.txt" for number in range(1_050))
    assert len(list_inputs(s3_store.url("many"), s3_store.options)) == 1_050
    assert len(list_inputs(s3_store.url("many/*5.txt"), s3_store.options)) == 105


def test_a_failed_upload_leaves_no_parts_behind(s3_store: Store) -> None:
    def chunks() -> Iterator[bytes]:
        yield bytes(40 * 2**20)
        raise ValueError("the user's own")

    output = DirectoryOutput(s3_store.url("out"), s3_store.options)
    output.prepare()
    with pytest.raises(ValueError, match="the user's own"):
        output.write_partition(0, 0, chunks())
    bucket = s3_store.path.partition("/")[0]
    assert not s3_store.filesystem.list_multipart_uploads(bucket)


def test_two_servers_with_other_credentials_stand_side_by_side(s3_store: Store, free_port: int) -> None:
    url = s3_store.put("a.txt", b"one\n")
    dead = StorageOptions.from_settings(settings_for(f"http://127.0.0.1:{free_port}"))
    with pytest.raises(StorageError, match="can't be reached"):
        list_inputs(url, dead)
    assert len(list_inputs(url, s3_store.options)) == 1
