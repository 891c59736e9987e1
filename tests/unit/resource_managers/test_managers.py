"""What managers make of their URL and settings, before anything is started."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from spark_kernel.common.errors import ClusterError, SettingsError
from spark_kernel.resource_managers.interface import Application
from spark_kernel.resource_managers.local import LocalClusterManager, LocalManager
from spark_kernel.resource_managers.registry import resource_manager


def an_application(folder: Path) -> Application:
    return Application("app-1", folder, preload=("json",))


class TestInline:
    def test_has_one_core_and_no_cluster(self, tmp_path: Path) -> None:
        manager = resource_manager("inline")
        address = manager.start(an_application(tmp_path))
        assert (address.address, address.cores, address.expected_workers) == (None, 1, 0)
        assert manager.describe() == {"master": "inline", "state": "running", "address": None, "workers": []}

    def test_removes_the_applications_folder_when_it_stops(self, tmp_path: Path) -> None:
        folder = tmp_path / "app-1"
        folder.mkdir()
        (folder / "block").write_bytes(b"x")
        manager = resource_manager("inline")
        manager.start(an_application(folder))
        manager.stop()
        manager.stop()
        assert not folder.exists()
        assert manager.describe()["state"] == "stopped"

    def test_can_be_started_once_only(self, tmp_path: Path) -> None:
        manager = resource_manager("inline")
        manager.start(an_application(tmp_path))
        with pytest.raises(ClusterError, match="started already"):
            manager.start(an_application(tmp_path))

    def test_has_nothing_to_scale(self) -> None:
        manager = resource_manager("inline")
        with pytest.raises(ClusterError, match=r"use local\[N\]"):
            manager.scale(2)
        with pytest.raises(ClusterError, match=r"use local\[N\]"):
            manager.adapt(1, 2)


class TestLocal:
    def test_plans_a_worker_process_for_each_core(self, tmp_path: Path) -> None:
        plan = LocalManager.parse("local[3]", {}).plan(an_application(tmp_path))
        assert (plan.workers, plan.cores_per_worker, plan.memory_per_worker) == (3, 1, None)
        assert plan.scratch == str(tmp_path)
        assert plan.preload == ("json",)
        assert not plan.dashboard

    def test_workers_find_the_modules_that_the_driver_finds(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "path", ["", "/a", "/b", "/a"])
        monkeypatch.chdir(tmp_path)
        plan = LocalManager.parse("local", {}).plan(an_application(tmp_path))
        assert plan.import_path == (str(tmp_path), "/a", "/b")

    def test_a_star_leaves_the_number_to_the_machine(self, tmp_path: Path) -> None:
        assert LocalManager.parse("local[*]", {}).plan(an_application(tmp_path)).workers is None

    @pytest.mark.parametrize(
        ("url", "settings", "failures"),
        [
            ("local[2]", {}, 1),
            ("local[2,3]", {}, 3),
            ("local[2]", {"spark.task.maxFailures": "5"}, 5),
            ("local[2,3]", {"spark.task.maxFailures": "5"}, 3),
        ],
    )
    def test_a_task_fails_once_unless_told_otherwise(self, url: str, settings: dict[str, str], failures: int) -> None:
        assert LocalManager.parse(url, settings).max_task_failures() == failures

    def test_executor_memory_is_a_workers_limit(self, tmp_path: Path) -> None:
        manager = LocalManager.parse("local[2]", {"spark.executor.memory": "2g"})
        assert manager.plan(an_application(tmp_path)).memory_per_worker == 2 * 1024**3

    @pytest.mark.parametrize(
        "settings",
        [
            {"spark.executor.memory": "lots"},
            {"spark.executor.memory": "10m"},
            {"spark.task.maxFailures": "0"},
            {"spark.kernel.dashboard": "perhaps"},
        ],
    )
    def test_a_wrong_setting_is_refused_before_anything_starts(self, settings: dict[str, str]) -> None:
        with pytest.raises(SettingsError, match=next(iter(settings)).replace(".", r"\.")):
            resource_manager("local[2]", settings)

    def test_before_it_is_started_it_has_nothing_to_scale_or_to_stop(self) -> None:
        manager = resource_manager("local[2]")
        with pytest.raises(ClusterError, match="is not started"):
            manager.scale(3)
        assert manager.describe() == {"master": "local[2]", "state": "not started"}
        manager.stop()
        assert manager.describe() == {"master": "local[2]", "state": "stopped"}

    def test_once_stopped_it_starts_no_more(self, tmp_path: Path) -> None:
        manager = resource_manager("local[2]")
        manager.stop()
        with pytest.raises(ClusterError, match="stopped already"):
            manager.start(an_application(tmp_path))


class TestLocalCluster:
    def test_plans_nodes_with_cores_and_memory(self, tmp_path: Path) -> None:
        plan = LocalClusterManager.parse("local-cluster[2,3,1024]", {}).plan(an_application(tmp_path))
        assert (plan.workers, plan.cores_per_worker, plan.memory_per_worker) == (2, 3, 1024**3)

    @pytest.mark.parametrize(("settings", "failures"), [({}, 4), ({"spark.task.maxFailures": "2"}, 2)])
    def test_a_task_may_fail_four_times_unless_told_otherwise(self, settings: dict[str, str], failures: int) -> None:
        assert LocalClusterManager.parse("local-cluster[2,1,1024]", settings).max_task_failures() == failures
