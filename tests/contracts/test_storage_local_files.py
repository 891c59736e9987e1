"""What only the operating system's files have: permissions, links, pipes, open handles; and very long lines."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from spark_kernel.common.errors import PathNotFoundError, StorageError
from spark_kernel.storage.documents import read_text, write_text
from spark_kernel.storage.filesystems import StorageOptions
from spark_kernel.storage.inputs import list_inputs
from spark_kernel.storage.lines import encode_lines, read_lines
from spark_kernel.storage.outputs import DirectoryOutput
from spark_kernel.storage.splits import FileSplit, plan_splits

OPTIONS = StorageOptions()
NOBODY = 65534


@contextmanager
def an_ordinary_user() -> Iterator[None]:
    """Root may read everything, so that permissions only show to somebody else."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may use, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o777)
        yield Path(name)


def test_an_unreadable_file_is_named(open_folder: Path) -> None:
    file = open_folder / "a.txt"
    file.write_text("secret")
    file.chmod(0)
    files = list_inputs(str(file), OPTIONS)
    with an_ordinary_user(), pytest.raises(StorageError, match=rf"can't read file:{file}: permission denied"):
        list(read_lines(plan_splits(files, 1)[0], OPTIONS))


@pytest.mark.parametrize("pattern", ["", "/a.txt", "/*", "/*.txt"])
def test_an_unreadable_folder_is_named(open_folder: Path, pattern: str) -> None:
    folder = open_folder / "closed"
    folder.mkdir()
    (folder / "a.txt").write_text("x")
    folder.chmod(0)
    try:
        with an_ordinary_user(), pytest.raises(StorageError, match=rf"can't list file:{folder}.*: permission denied"):
            list_inputs(f"{folder}{pattern}", OPTIONS)
    finally:
        folder.chmod(0o700)


def test_a_folder_that_may_not_be_written_is_named(open_folder: Path) -> None:
    folder = open_folder / "closed"
    folder.mkdir(mode=0o755)
    with an_ordinary_user():
        with pytest.raises(StorageError, match=r"can't write file:.*/out: permission denied"):
            DirectoryOutput(f"{folder}/out", OPTIONS).prepare()
        with pytest.raises(StorageError, match=r"can't write .*/a\.txt: permission denied"):
            write_text(f"{folder}/a.txt", "x", OPTIONS)
    assert list(folder.iterdir()) == []


def test_links_are_followed_and_those_that_lead_nowhere_are_no_input(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (tmp_path / "real.txt").write_text("one\ntwo\n")
    (folder / "link.txt").symlink_to(tmp_path / "real.txt")
    (folder / "dangling.txt").symlink_to(tmp_path / "none.txt")
    for path in (str(folder), f"{folder}/*"):
        files = list_inputs(path, OPTIONS)
        assert [(file.url, file.size) for file in files] == [(f"file:{folder}/link.txt", 8)]
        assert list(read_lines(plan_splits(files, 1)[0], OPTIONS)) == ["one", "two"]
    with pytest.raises(PathNotFoundError):
        list_inputs(f"{folder}/dangling.txt", OPTIONS)


def test_a_link_to_a_folder_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.txt").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    for path in ("link", "link/*", "l*"):
        assert [file.url for file in list_inputs(f"{tmp_path}/{path}", OPTIONS)] == [f"file:{tmp_path}/link/a.txt"]


def test_a_pipe_is_refused_by_name_and_left_out_of_a_folder(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(StorageError, match="neither a file nor a folder"):
        list_inputs(f"{tmp_path}/pipe", OPTIONS)
    assert [file.url for file in list_inputs(str(tmp_path), OPTIONS)] == [f"file:{tmp_path}/a.txt"]


def test_a_folder_read_as_a_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="it is a folder, expected a file"):
        read_text(str(tmp_path), OPTIONS)
    with pytest.raises(StorageError, match="it is a folder, expected a file"):
        list(read_lines(FileSplit(f"file:{tmp_path}", 0, 1, 1), OPTIONS))


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts open files in /proc")
def test_a_file_is_closed_however_reading_ends(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(b"line\n" * 100_000 + b"\xff\n")
    split = FileSplit(f"file:{file}", 0, 500_002, 500_002)
    before = open_files()
    iterator = read_lines(split, OPTIONS)
    next(iterator)
    assert open_files() == before + 1
    del iterator
    assert open_files() == before
    with pytest.raises(StorageError):
        list(read_lines(split, OPTIONS))
    assert open_files() == before


def test_a_deleted_file_that_is_being_read_is_read_to_its_end(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(b"line\n" * 100_000)
    iterator = read_lines(FileSplit(f"file:{file}", 0, 500_000, 500_000), OPTIONS)
    next(iterator)
    file.unlink()
    assert sum(1 for _ in iterator) == 99_999


def test_a_relative_path_is_the_same_file_after_a_change_of_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.txt").write_text("here\n")
    monkeypatch.chdir(tmp_path)
    splits = plan_splits(list_inputs("a.txt", OPTIONS), 1)
    output = DirectoryOutput("out", OPTIONS)
    monkeypatch.chdir("/")
    assert list(read_lines(splits[0], OPTIONS)) == ["here"]
    output.prepare()
    output.commit({})
    assert (tmp_path / "out" / "_SUCCESS").exists()


@pytest.mark.parametrize("line_end", [b"", b"\r\n"])
def test_a_line_of_200_megabytes_is_read_by_one_split_and_written_again(tmp_path: Path, line_end: bytes) -> None:
    size = 200 * 2**20
    file = tmp_path / "long.txt"
    with file.open("wb") as opened:
        opened.write(b"first\n")
        for _ in range(200):
            opened.write(b"x" * 2**20)
        opened.write(line_end + b"last" * bool(line_end))
    first, *others = plan_splits(list_inputs(str(file), OPTIONS), 2)
    assert [len(chunk) for chunk in encode_lines(read_lines(first, OPTIONS))] == [6, size + 1]
    assert [list(read_lines(split, OPTIONS)) for split in others] == [[], [], [], [], [], ["last"] if line_end else []]
