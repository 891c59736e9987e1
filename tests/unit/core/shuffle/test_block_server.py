"""What a machine gives to others: its application's files, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from spark_kernel.core.shuffle.block_server import BlockServer
from spark_kernel.core.shuffle.transport import BlockMissingError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "application"
    (folder / "shuffle" / "3").mkdir(parents=True)
    (folder / "shuffle" / "3" / "map-0-1").write_bytes(b"0123456789")
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "application-of-somebody-else").mkdir()
    (tmp_path / "application-of-somebody-else" / "file").write_bytes(b"secret")
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "out").symlink_to(tmp_path)
    return folder


def test_ranges_of_the_applications_files_are_given(folder: Path) -> None:
    path = str(folder / "shuffle" / "3" / "map-0-1")
    assert BlockServer(folder).read([(path, 2, 5), (path, 0, 10), (path, 9, 9)]) == [b"234", b"0123456789", b""]


def test_a_folder_that_is_reached_through_a_link_is_the_same_folder(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(folder)
    path = str(folder / "shuffle" / "3" / "map-0-1")
    assert BlockServer(tmp_path / "alias").read([(path, 0, 1)]) == [b"0"]


@pytest.mark.parametrize("path", [
    "/etc/passwd", "{folder}/../secret", "{folder}/shuffle/../../secret", "{folder}/link", "{folder}/out/secret",
    "{folder}-of-somebody-else/file", "{folder}", "{folder}/shuffle", "{folder}/missing", "", "shuffle/3/map-0-1",
    "/dev/zero", "{folder}/\0",
])  # fmt: skip
def test_anything_else_is_refused(folder: Path, path: str) -> None:
    with pytest.raises(BlockMissingError):
        BlockServer(folder).read([(path.format(folder=folder), 0, 1)])


def test_a_file_that_is_too_short_or_may_not_be_read_is_refused(folder: Path) -> None:
    path = folder / "shuffle" / "3" / "map-0-1"
    with pytest.raises(BlockMissingError, match="truncated"):
        BlockServer(folder).read([(str(path), 5, 11)])
    os.unlink(path)
    with pytest.raises(BlockMissingError, match="no file of this application"):
        BlockServer(folder).read([(str(path), 0, 1)])
