"""Every public name of Spark's RDD API is here, and takes what it takes there. `GAPS` says what differs, and why.

``spark_api.json`` has the names (`record_api.py`); where Spark's own sources are at hand, it is compared with them.
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

from spark_kernel.core.context import pyspark_names
from tests.support.api_surface import CLASSES, surface_of_object, surfaces_of_sources
from tests.support.spark_sources import needs_spark_sources, spark_sources

RECORDED = json.loads((Path(__file__).parent / "spark_api.json").read_text(encoding="utf-8"))
MODULES = {
    name: "pyspark." + file.removesuffix(".py").removeprefix("core/").replace("/", ".")
    for file, names in CLASSES.items()
    for name in names
}
_INNER = "made by the engine only, from what only the engine has"

GAPS = {
    "Broadcast.__init__": _INNER,
    "RDD.__init__": _INNER,
    "StatusTracker.__init__": _INNER,
}


def differences(name: str) -> dict[str, str]:
    """What of a class or function is missing or takes something else, and what it takes."""
    pyspark_names.install()
    found = getattr(importlib.import_module(MODULES[name]), name, None)
    if found is None:
        return {name: "missing"}
    ours = surface_of_object(found, RECORDED[name])
    return {f"{name}.{member}": ours[member] for member, theirs in RECORDED[name].items() if ours[member] != theirs}


@pytest.mark.parametrize("name", RECORDED)
def test_every_public_name_is_there_and_takes_what_it_takes_in_spark(name: str) -> None:
    expected = {gap for gap in GAPS if gap.partition(".")[0] == name}
    found = differences(name)
    assert set(found) == expected, f"{found}; Spark: {RECORDED[name]}"


def test_what_is_imported_from_pyspark_is_what_its_own_modules_have() -> None:
    pyspark_names.install()
    pyspark = importlib.import_module("pyspark")
    for name, module in MODULES.items():
        if name in pyspark.__all__ and name not in GAPS:
            assert getattr(pyspark, name) is getattr(importlib.import_module(module), name)


@needs_spark_sources
@pytest.mark.timeout(2100)
def test_the_recorded_names_are_those_of_sparks_sources() -> None:
    assert surfaces_of_sources(spark_sources()) == RECORDED
