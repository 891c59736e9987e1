"""From a master URL to a manager: ours, and those that other packages add."""

from __future__ import annotations

from pathlib import Path

import pytest

from spark_kernel.common.errors import ClusterError, MasterUrlError
from spark_kernel.resource_managers.dask_scheduler import DaskSchedulerManager
from spark_kernel.resource_managers.inline import InlineManager
from spark_kernel.resource_managers.interface import ResourceManager
from spark_kernel.resource_managers.local import LocalClusterManager, LocalManager
from spark_kernel.resource_managers.registry import GROUP, resource_manager

NOMAD = """
from spark_kernel.resource_managers.inline import InlineManager

class NomadManager(InlineManager):
    def __init__(self, url, settings):
        super().__init__("inline", settings)
        self.url = url
        self.region = settings.get("nomad.region")

not_a_class = 7
"""


@pytest.fixture
def other_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A distribution as pip installs it, with managers for ``nomad``, ``broken``, ``odd`` and even ``local``."""
    (tmp_path / "spark_nomad_for_tests.py").write_text(NOMAD)
    metadata = tmp_path / "spark_nomad-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: spark-nomad\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        f"[{GROUP}]\n"
        "nomad = spark_nomad_for_tests:NomadManager\n"
        "local = spark_nomad_for_tests:NomadManager\n"
        "broken = spark_nomad_for_tests:Missing\n"
        "odd = spark_nomad_for_tests:not_a_class\n"
    )
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("inline", InlineManager),
        ("local", LocalManager),
        ("local[2]", LocalManager),
        ("local[*,2]", LocalManager),
        ("local-cluster[2,1,1024]", LocalClusterManager),
        ("dask://host:8786", DaskSchedulerManager),
        ("tcp://host:8786", DaskSchedulerManager),
    ],
)
def test_a_url_names_its_manager(url: str, kind: type[ResourceManager]) -> None:
    manager = resource_manager(url)
    assert type(manager) is kind
    assert manager.url == url


@pytest.mark.usefixtures("other_package")
class TestAnotherPackage:
    def test_adds_a_scheme_by_an_entry_point(self) -> None:
        manager = resource_manager("nomad://host", {"nomad.region": "eu"})
        assert type(manager).__name__ == "NomadManager"
        assert (manager.url, vars(manager)["region"]) == ("nomad://host", "eu")

    def test_does_not_replace_ours(self) -> None:
        assert type(resource_manager("local[2]")) is LocalManager

    def test_is_named_among_the_valid_forms(self) -> None:
        with pytest.raises(MasterUrlError, match=r"nomad\.\.\.  added by another package"):
            resource_manager("nomda://host")

    def test_is_named_when_its_manager_cannot_be_loaded(self) -> None:
        with pytest.raises(ClusterError, match="mend or uninstall spark-nomad"):
            resource_manager("broken://host")

    def test_is_named_when_what_it_adds_is_no_manager(self) -> None:
        with pytest.raises(ClusterError, match="is no ResourceManager class; mend or uninstall spark-nomad"):
            resource_manager("odd://host")
