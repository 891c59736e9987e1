"""Files that the driver brings to its executors."""

from __future__ import annotations

import os
import sys
import tarfile
import zipfile
from pathlib import Path

import fsspec
import pytest

from spark_kernel.common.errors import ContextError, PathExistsError, PathNotFoundError, StorageError
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
    sc.addFile(f"{tmp_path}/data/", recursive=True)
    assert sc.listFiles == [f"file:{tmp_path}/data/"]


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


def content_of_one(name: str) -> str:
    with open(f"{SparkFiles.get(name)}/one.txt") as file:
        return file.read()


def test_an_archive_is_unpacked_under_its_name(sc, tmp_path) -> None:
    with zipfile.ZipFile(tmp_path / "things.zip", "w") as packed:
        packed.writestr("one.txt", "1")
    sc.addArchive(f"{tmp_path}/things.zip")
    sc.addArchive(f"{tmp_path}/things.zip")
    sc.addArchive(f"{tmp_path}/things.zip#again")
    assert sc.listArchives == [f"file:{tmp_path}/things.zip", f"file:{tmp_path}/things.zip#again"]
    for name in ("things.zip", "again"):
        assert sc.parallelize([name]).map(content_of_one).collect() == ["1"]
    with tarfile.open(tmp_path / "packed.tar.gz", "w:gz") as packed:
        packed.add(tmp_path / "things.zip", "inner/one.txt")
    sc.addArchive(f"{tmp_path}/packed.tar.gz#tar")
    assert os.listdir(SparkFiles.get("tar")) == ["inner"]
    (tmp_path / "broken.zip").write_text("no archive")
    with pytest.raises(StorageError, match="can't be unpacked"):
        sc.addArchive(f"{tmp_path}/broken.zip")


def test_a_file_that_is_not_there_is_refused(sc, tmp_path) -> None:
    with pytest.raises(PathNotFoundError, match="nowhere"):
        sc.addFile(f"{tmp_path}/nowhere.txt")


def test_another_file_of_the_same_name_is_refused_or_takes_its_place(tmp_path) -> None:
    for folder, content in (("one", "1"), ("two", "2"), ("same", "1")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.txt").write_text(content)
    with inline_context() as sc:
        sc.addFile(f"{tmp_path}/one/a.txt")
        with pytest.raises(PathExistsError, match=r"a\.txt exists and does not match contents of .*two/a\.txt"):
            sc.addFile(f"{tmp_path}/two/a.txt")
        sc.addFile(f"{tmp_path}/same/a.txt")
        assert sc.listFiles == [f"file:{tmp_path}/one/a.txt", f"file:{tmp_path}/same/a.txt"]
        assert sc.parallelize([1]).map(lambda _: Path(SparkFiles.get("a.txt")).read_text()).collect() == ["1"]
    with inline_context(spark_files_overwrite="true") as sc:
        sc.addFile(f"{tmp_path}/one/a.txt")
        sc.addFile(f"{tmp_path}/two/a.txt")
        assert sc.parallelize([1]).map(lambda _: Path(SparkFiles.get("a.txt")).read_text()).collect() == ["2"]


def test_any_storage_will_do_and_a_script_can_be_run(sc) -> None:
    fsspec.filesystem("memory").pipe_file("/added/run.sh", b"#!/bin/sh\ntr a b\n")
    sc.addFile("memory://added/run.sh")
    assert os.access(SparkFiles.get("run.sh"), os.X_OK)
    assert SparkFiles.get("nothing") == f"{SparkFiles.getRootDirectory()}/nothing"


def test_the_files_go_with_the_context(tmp_path) -> None:
    (tmp_path / "a.txt").write_text("a")
    with inline_context() as sc:
        sc.addFile(f"{tmp_path}/a.txt")
        folder = SparkFiles.getRootDirectory()
        assert os.listdir(folder) == ["a.txt"]
    assert not os.path.exists(folder)


def test_there_are_no_files_without_a_context() -> None:
    with pytest.raises(ContextError, match="neither a driver"):
        SparkFiles.get("x")
    with pytest.raises(NotImplementedError, match="Do not construct"):
        SparkFiles()
