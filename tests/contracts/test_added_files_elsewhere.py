"""Added files reach workers that have folders of their own, as those of other machines have."""

from __future__ import annotations

import os
import signal
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark import SparkConf

from spark_kernel.core.context import SparkContext
from spark_kernel.core.rdd.spark_files import SparkFiles
from tests.support.clusters import until
from tests.support.foreign_cluster import foreign_cluster

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


@pytest.fixture(params=[{"workers": 2}, {"bare": 1}], ids=["nannies", "no nannies"])
def elsewhere(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The master URL of a cluster whose applications' folders are below ``tmp_path/elsewhere``."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    with foreign_cluster(**request.param, variables={"SPARK_LOCAL_DIRS": str(folder)}) as address:
        yield address.replace("tcp://", "dask://")


def context(master: str, **settings: str) -> SparkContext:
    """A context that waits for workers as long as a busy machine takes to start them."""
    conf = SparkConf().setMaster(master).setAppName("files")
    conf.set("spark.scheduler.maxRegisteredResourcesWaitingTime", "60s").set("spark.kernel.startTimeout", "120s")
    for name, value in settings.items():
        conf.set(name.replace("_", "."), value)
    return SparkContext(conf=conf)


def content(name: str) -> tuple[str, str]:
    """Where an added file is, and what is in it."""
    path = SparkFiles.get(name)
    return path, Path(path).read_text()


def test_files_folders_archives_and_modules_reach_workers_elsewhere(elsewhere: str, tmp_path: Path) -> None:
    (tmp_path / "factor.txt").write_text("100")
    (tmp_path / "data" / "deep").mkdir(parents=True)
    (tmp_path / "data" / "deep" / "a.txt").write_text("a")
    (tmp_path / "module_elsewhere.py").write_text("VALUE = 7")
    for name, inner in (("things.zip", "one.txt"), ("package.zip", "package_elsewhere/__init__.py")):
        with zipfile.ZipFile(tmp_path / name, "w") as packed:
            packed.writestr(inner, "VALUE = 8")

    def imported(_: int) -> tuple[int, int]:
        import module_elsewhere
        import package_elsewhere

        return module_elsewhere.VALUE, package_elsewhere.VALUE

    with context(elsewhere) as sc:
        sc.addFile(f"{tmp_path}/factor.txt")
        numbers = sc.parallelize(range(4), 4)
        found = set(numbers.map(lambda _: content("factor.txt")).collect())
        assert {text for _, text in found} == {"100"}
        assert all(path.startswith(f"{tmp_path}/elsewhere/") for path, _ in found)
        assert not SparkFiles.get("factor.txt").startswith(f"{tmp_path}/elsewhere/")

        sc.addFile(f"{tmp_path}/data", recursive=True)
        sc.addArchive(f"{tmp_path}/things.zip#unpacked")
        names = ("factor.txt", "data/deep/a.txt", "unpacked/one.txt")
        read = numbers.map(lambda _: tuple(content(name)[1] for name in names)).collect()
        assert read == [("100", "a", "VALUE = 8")] * 4

        sc.addPyFile(f"{tmp_path}/module_elsewhere.py")
        sc.addPyFile(f"{tmp_path}/package.zip")
        assert numbers.map(imported).collect() == [(7, 8)] * 4
    until(lambda: not list((tmp_path / "elsewhere").glob("*/*")), "the folders elsewhere are removed", 30)


def test_a_file_that_takes_the_place_of_another_does_so_everywhere(elsewhere: str, tmp_path: Path) -> None:
    with context(elsewhere, spark_files_overwrite="true") as sc:
        for number in range(3):
            folder = tmp_path / str(number)
            folder.mkdir()
            (folder / "a.txt").write_text(str(number))
            sc.addFile(f"{folder}/a.txt")
            read = sc.parallelize(range(8), 8).map(lambda _: content("a.txt")[1]).collect()
            assert read == [str(number)] * 8


def test_a_worker_that_is_started_again_has_the_files(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("still here")
    folder = tmp_path / "elsewhere"
    folder.mkdir()

    def killed_once(_: int) -> str:
        mark = Path(f"{tmp_path}/killed")
        if not mark.exists():
            mark.touch()
            for placed in folder.rglob("a.txt*"):
                placed.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return content("a.txt")[1]

    with (
        foreign_cluster(workers=1, variables={"SPARK_LOCAL_DIRS": str(folder)}) as address,
        context(address.replace("tcp://", "dask://")) as sc,
    ):
        sc.addFile(f"{tmp_path}/a.txt")
        assert sc.parallelize(range(2), 2).map(killed_once).collect() == ["still here"] * 2
