"""Files that the driver brings to its executors."""

from __future__ import annotations

import sys
import zipfile

import pytest

from spark_kernel.common.errors import ContextError, PathNotFoundError, StorageError
from spark_kernel.core.rdd.spark_files import SparkFiles
from tests.support.inline import inline_context


@pytest.fixture
def sc(monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    with inline_context() as context:
        yield context


def test_an_added_file_is_found_by_its_name(sc, tmp_path) -> None:
    (tmp_path / "factor.txt").write_text("100")

    def scaled(numbers):
        with open(SparkFiles.get("factor.txt")) as file:
            factor = int(file.read())
        return [number * factor for number in numbers]

    sc.addFile(str(tmp_path / "factor.txt"))
    sc.addFile(str(tmp_path / "factor.txt"))
    assert sc.listFiles == [f"file:{tmp_path}/factor.txt"]
    assert sc.parallelize([1, 2], 2).mapPartitions(scaled).collect() == [100, 200]


def test_a_folder_is_added_when_that_is_asked_for(sc, tmp_path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.txt").write_text("a")
    with pytest.raises(StorageError, match="recursive=True"):
        sc.addFile(str(tmp_path / "data"))
    sc.addFile(str(tmp_path / "data"), recursive=True)
    with open(f"{SparkFiles.get('data')}/a.txt") as file:
        assert file.read() == "a"


def test_modules_and_packages_can_be_imported(sc, tmp_path) -> None:
    (tmp_path / "added_module_a.py").write_text("VALUE = 7")
    with zipfile.ZipFile(tmp_path / "packed.zip", "w") as packed:
        packed.writestr("added_package_b/__init__.py", "VALUE = 8")
    sc.addPyFile(str(tmp_path / "added_module_a.py"))
    sc.addPyFile(str(tmp_path / "packed.zip"))

    def values(_):
        import added_module_a
        import added_package_b

        return added_module_a.VALUE, added_package_b.VALUE

    assert sc.parallelize([1]).map(values).collect() == [(7, 8)]


def test_an_archive_is_unpacked_under_its_name(sc, tmp_path) -> None:
    with zipfile.ZipFile(tmp_path / "things.zip", "w") as packed:
        packed.writestr("one.txt", "1")
    sc.addArchive(f"{tmp_path}/things.zip")
    sc.addArchive(f"{tmp_path}/things.zip#again")
    assert sc.listArchives == [f"file:{tmp_path}/things.zip"]
    with open(f"{SparkFiles.get('things.zip')}/one.txt") as file:
        assert file.read() == "1"
    (tmp_path / "broken.zip").write_text("no archive")
    with pytest.raises(StorageError, match="can't be unpacked"):
        sc.addArchive(f"{tmp_path}/broken.zip")


def test_a_file_that_is_not_there_is_refused(sc, tmp_path) -> None:
    with pytest.raises(PathNotFoundError, match="nowhere"):
        sc.addFile(f"{tmp_path}/nowhere.txt")


def test_there_are_no_files_without_a_context() -> None:
    with pytest.raises(ContextError, match="neither a driver"):
        SparkFiles.get("x")
    with pytest.raises(NotImplementedError, match="Do not construct"):
        SparkFiles()
