"""The application's folder: where it is, who may look into it, and when it goes."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from spark_kernel.common.errors import ClusterError
from spark_kernel.resource_managers.scratch import (
    FOLDER_VARIABLE,
    LEAST_AGE_SECONDS,
    LOCK_NAME,
    local_directory,
    remove_scratch_folder,
    scratch_folder,
    sweep,
)


@pytest.fixture(autouse=True)
def local_dirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_LOCAL_DIRS", str(tmp_path))
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)


@pytest.fixture
def folder() -> Iterator[Path]:
    folder = scratch_folder("app-1")
    yield folder
    remove_scratch_folder(folder)


def let_go_without_removing(folder: Path) -> None:
    """As the system does for a process that dies: the folder stays, the lock is gone."""
    kept = folder.with_name("kept")
    folder.rename(kept)
    remove_scratch_folder(folder)
    kept.rename(folder)


def is_held(folder: Path) -> bool:
    with (folder / LOCK_NAME).open("r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def make_old(folder: Path) -> None:
    then = time.time() - LEAST_AGE_SECONDS - 10
    os.utime(folder, (then, then))


class TestWhereItIs:
    def test_it_lies_in_a_folder_of_the_user(self, tmp_path: Path, folder: Path) -> None:
        assert folder == tmp_path / f"spark-kernel-{os.getuid()}" / "app-1"

    def test_nobody_else_may_look_into_it(self, folder: Path) -> None:
        for path in (folder, folder.parent):
            assert stat.S_IMODE(path.stat().st_mode) == 0o700

    def test_it_is_the_same_for_all_who_ask(self, folder: Path) -> None:
        (folder / "block").write_bytes(b"x")
        assert scratch_folder("app-1") == folder
        assert (folder / "block").read_bytes() == b"x"

    def test_the_environment_counts_more_than_the_setting(self, tmp_path: Path) -> None:
        assert local_directory({"spark.local.dir": "/from/setting"}) == tmp_path

    def test_the_setting_counts_more_than_the_temp_dir(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("SPARK_LOCAL_DIRS")
        assert local_directory({"spark.local.dir": "/first, /second"}) == Path("/first")

    def test_a_worker_of_ours_is_told_by_its_environment(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(FOLDER_VARIABLE, str(folder))
        monkeypatch.setenv("SPARK_LOCAL_DIRS", str(folder))
        assert scratch_folder("app-1") == folder

    def test_what_the_environment_says_about_another_application_does_not_count(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "elsewhere" / "app-1"))
        folder = scratch_folder("app-2")
        assert folder.parent == tmp_path / f"spark-kernel-{os.getuid()}"
        remove_scratch_folder(folder)

    def test_a_place_that_cannot_be_written_is_an_error_that_names_the_setting(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "file").write_text("not a folder")
        monkeypatch.setenv("SPARK_LOCAL_DIRS", str(tmp_path / "file"))
        with pytest.raises(ClusterError, match=r"set spark\.local\.dir"):
            scratch_folder("app-1")

    def test_a_link_that_somebody_put_in_its_place_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "trap").mkdir()
        (tmp_path / f"spark-kernel-{os.getuid()}").symlink_to(tmp_path / "trap")
        with pytest.raises(ClusterError, match="belongs to somebody else"):
            scratch_folder("app-1")


class TestWhenItGoes:
    def test_it_is_held_as_long_as_it_is_used(self, folder: Path) -> None:
        assert is_held(folder)
        let_go_without_removing(folder)
        assert not is_held(folder)

    def test_it_is_removed_with_all_that_is_in_it(self, folder: Path) -> None:
        (folder / "deep" / "er").mkdir(parents=True)
        (folder / "deep" / "er" / "block").write_bytes(b"x")
        remove_scratch_folder(folder)
        assert not folder.exists()
        remove_scratch_folder(folder)

    def test_it_is_made_again_after_it_was_removed(self, folder: Path) -> None:
        remove_scratch_folder(folder)
        assert scratch_folder("app-1").is_dir()
        assert is_held(folder)

    def test_it_is_made_again_after_somebody_else_removed_it(self, folder: Path) -> None:
        (folder / LOCK_NAME).unlink()
        folder.rmdir()
        assert scratch_folder("app-1").is_dir()
        assert is_held(folder)


class TestSweeping:
    def test_a_folder_in_use_is_left_alone(self, folder: Path) -> None:
        make_old(folder)
        assert sweep(folder.parent) == []
        assert folder.is_dir()

    def test_a_folder_that_nobody_holds_is_removed(self, folder: Path) -> None:
        other = scratch_folder("app-2")
        let_go_without_removing(other)
        assert sweep(folder.parent) == [other]
        assert not other.exists()
        assert folder.is_dir()

    def test_a_young_folder_without_a_lock_may_be_about_to_get_one(self, folder: Path) -> None:
        other = folder.parent / "app-2"
        other.mkdir()
        assert sweep(folder.parent) == []
        make_old(other)
        assert sweep(folder.parent) == [other]

    def test_files_and_links_beside_the_folders_are_none_of_its_business(self, folder: Path, tmp_path: Path) -> None:
        (folder.parent / "note").write_text("mine")
        (tmp_path / "target").mkdir()
        make_old(tmp_path / "target")
        (folder.parent / "link").symlink_to(tmp_path / "target")
        assert sweep(folder.parent) == []
        assert (tmp_path / "target").is_dir()

    def test_nothing_to_sweep_is_fine(self, tmp_path: Path) -> None:
        assert sweep(tmp_path / "nowhere") == []
