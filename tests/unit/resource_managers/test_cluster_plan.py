"""What the supervisor is told, and the environment that it starts in."""

from __future__ import annotations

import dataclasses
import json

import pytest

from spark_kernel.resource_managers.cluster_plan import ClusterPlan, supervisor_environment
from spark_kernel.resource_managers.dask_configuration import cluster_configuration

PLAN = ClusterPlan(
    factory="package.module:function",
    scratch="/tmp/spark-kernel-1/app-1",
    workers=2,
    cores_per_worker=3,
    memory_per_worker=None,
    preload=("json", "csv"),
    dashboard=True,
    import_path=("/a", "/b"),
    options={"queue": "long"},
)


def test_a_plan_survives_its_way_to_the_supervisor() -> None:
    assert ClusterPlan.from_message(json.loads(json.dumps(PLAN.to_message()))) == PLAN


class TestTheEnvironment:
    def test_gives_numerical_libraries_the_workers_cores(self) -> None:
        environment = supervisor_environment(PLAN, {})
        assert environment["OMP_NUM_THREADS"] == environment["OPENBLAS_NUM_THREADS"] == "3"

    def test_respects_what_the_user_has_set(self) -> None:
        assert supervisor_environment(PLAN, {"OMP_NUM_THREADS": "8"})["OMP_NUM_THREADS"] == "8"

    @pytest.mark.parametrize(
        ("inherited", "seed"),
        [({}, "0"), ({"PYTHONHASHSEED": "random"}, "0"), ({"PYTHONHASHSEED": ""}, "0"), ({"PYTHONHASHSEED": "7"}, "7")],
    )
    def test_has_one_seed_for_the_hashes_of_strings(self, inherited: dict[str, str], seed: str) -> None:
        assert supervisor_environment(PLAN, inherited)["PYTHONHASHSEED"] == seed

    def test_keeps_all_files_in_the_applications_folder(self) -> None:
        inherited = {"TMPDIR": "/elsewhere", "SPARK_LOCAL_DIRS": "/elsewhere", "HOME": "/home/ada"}
        environment = supervisor_environment(PLAN, inherited)
        assert environment["TMPDIR"] == "/tmp/spark-kernel-1/app-1/tmp"
        assert environment["SPARK_LOCAL_DIRS"] == environment["SPARK_KERNEL_SCRATCH"] == PLAN.scratch
        assert environment["HOME"] == "/home/ada"


class TestDasksConfiguration:
    def test_leaves_counting_failures_to_the_driver(self) -> None:
        configuration = cluster_configuration("/tmp/x", dashboard=False, start_method="spawn")
        assert configuration["distributed.scheduler.allowed-failures"] == 1_000_000

    def test_never_pauses_a_worker_for_good(self) -> None:
        configuration = cluster_configuration("/tmp/x", dashboard=False, start_method="spawn")
        assert configuration["distributed.worker.memory.pause"] is False
        assert 0 < float(str(configuration["distributed.worker.memory.terminate"])) < 1

    def test_serves_web_pages_with_the_dashboard_only(self) -> None:
        without = cluster_configuration("/tmp/x", dashboard=False, start_method="spawn")
        assert without["distributed.scheduler.http.routes"] == without["distributed.worker.http.routes"] == []
        assert "distributed.scheduler.http.routes" not in cluster_configuration("/tmp/x", True, "spawn")

    def test_names_keys_that_dask_knows(self) -> None:
        # Values are only read by name, so a slip in a name would go unnoticed.
        import dask
        import distributed  # noqa: F401  its defaults are part of the configuration

        for key in cluster_configuration("/tmp/x", dashboard=False, start_method="spawn"):
            assert dask.config.get(key, "unknown") != "unknown", key

    def test_a_plan_is_a_value(self) -> None:
        with pytest.raises(dataclasses.FrozenInstanceError):
            PLAN.workers = 3  # type: ignore[misc]
