"""Placing the driver's files on another machine: once, whole, and never an older one over a newer one."""

from __future__ import annotations

import sys

import pytest

from spark_kernel.core.execution.added_files import AddedFile, FilePlacement, pack
from spark_kernel.core.execution.parcels import Parcel


@pytest.fixture
def driver(tmp_path):
    folder = tmp_path / "driver"
    folder.mkdir()
    return folder


@pytest.fixture
def executor(tmp_path):
    folder = tmp_path / "executor"
    folder.mkdir()
    return folder


def packed(folder, name, content, version, **more):
    (folder / name).write_text(content)
    return AddedFile(name, version, "there", **more), Parcel(pack(folder / name))


def test_a_file_is_placed_and_replaced_by_later_ones_only(driver, executor) -> None:
    placement = FilePlacement(executor, "here")
    first, second = packed(driver, "a.txt", "1", 1), packed(driver, "a.txt", "2", 2)
    placement.place(dict([first]))
    assert (executor / "files" / "a.txt").read_text() == "1"
    placement.place(dict([second]))
    placement.place(dict([first]))
    # A second process of this machine, whose first tasks were sent before the second version.
    FilePlacement(executor, "here").place(dict([first]))
    assert (executor / "files" / "a.txt").read_text() == "2"
    assert [path.name for path in (executor / "files").iterdir()] == ["a.txt"]


def test_a_folder_takes_the_place_of_a_folder(driver, executor) -> None:
    for version, names in ((1, ["x", "y"]), (2, ["y", "z"])):
        folder = driver / str(version) / "data"
        (folder / "deep").mkdir(parents=True)
        for name in names:
            (folder / "deep" / name).write_text(name)
        FilePlacement(executor, "here").place({AddedFile("data", version, "there"): Parcel(pack(folder))})
    assert sorted(path.name for path in (executor / "files" / "data" / "deep").iterdir()) == ["y", "z"]


def test_links_arrive_as_what_they_lead_to_and_scripts_stay_executable(driver, executor) -> None:
    (driver / "target").write_text("content")
    (driver / "target").chmod(0o755)
    (driver / "link").symlink_to(driver / "target")
    FilePlacement(executor, "here").place({AddedFile("link", 1, "there"): Parcel(pack(driver / "link"))})
    placed = executor / "files" / "link"
    assert not placed.is_symlink()
    assert placed.read_text() == "content"
    assert placed.stat().st_mode & 0o100


def test_nothing_is_written_on_the_drivers_own_machine(driver, executor) -> None:
    FilePlacement(executor, "there").place(dict([packed(driver, "a.txt", "1", 1)]))
    assert not (executor / "files").exists()


def test_modules_can_be_imported_from_where_they_are_placed(driver, executor, monkeypatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    module = packed(driver, "placed_module.py", "VALUE = 1", 1, is_imported=True)
    package = driver / "packed.zip.unpacked"
    (package / "placed_package").mkdir(parents=True)
    (package / "placed_package" / "__init__.py").write_text("VALUE = 2")
    files = dict([module, (AddedFile(package.name, 2, "there", True), Parcel(pack(package)))])
    FilePlacement(executor, "here").place(files)
    import placed_module
    import placed_package

    assert (placed_module.VALUE, placed_package.VALUE) == (1, 2)
