"""The committed JupyterLab parts: what `pip install` gives to a machine that has no Node."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
SOURCES = REPOSITORY / "extension"
OUTPUT = REPOSITORY / "spark_kernel" / "labextension"

# What extension/scripts/build.mjs calls its sources.
FOLDERS = ("scripts", "src", "style")
FILES = ("package.json", "package-lock.json", "tsconfig.json", "webpack.config.cjs")

# Names of things that look like addresses: XML namespaces, which nothing ever asks the network for.
NAMESPACES = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink", "http://www.w3.org/1999/xhtml"}


def digest(path: Path) -> str:
    """SHA-256 of a text file, whatever line ends the checkout has."""
    return hashlib.sha256(path.read_bytes().replace(b"\r\n", b"\n")).hexdigest()


def test_the_build_output_was_built_from_these_sources() -> None:
    files = [file for folder in FOLDERS for file in (SOURCES / folder).rglob("*") if file.is_file()]
    files += [SOURCES / name for name in FILES]
    now = {file.relative_to(SOURCES).as_posix(): digest(file) for file in files}
    built_from = json.loads((OUTPUT / "sources.json").read_text(encoding="utf-8"))
    assert built_from == now, "spark_kernel/labextension is stale: run `npm ci && npm run build` in extension/"


def test_what_jupyterlab_loads_is_there() -> None:
    build = json.loads((OUTPUT / "package.json").read_text(encoding="utf-8"))["jupyterlab"]["_build"]
    assert build["mimeExtension"] == "./mimeExtension"
    assert (OUTPUT / build["load"]).is_file()
    assert [path.name for path in OUTPUT.glob("static/remoteEntry.*.js")] == [Path(build["load"]).name]


def test_the_extension_has_the_version_of_the_package() -> None:
    from spark_kernel import __version__

    assert json.loads((SOURCES / "package.json").read_text(encoding="utf-8"))["version"] == __version__


@pytest.mark.parametrize("path", sorted(path.relative_to(OUTPUT).as_posix() for path in OUTPUT.rglob("*.*")))
def test_no_address_and_no_folder_of_the_building_machine_is_built_in(path: str) -> None:
    text = (OUTPUT / path).read_text(encoding="utf-8")
    assert set(re.findall(r"\w+://[^\s\"'`)]*", text)) <= NAMESPACES
    assert re.findall(r"/(?:home|root|tmp|usr|work|Users)/", text) == []


def test_the_lock_file_pins_packages_without_saying_where_they_were_downloaded() -> None:
    lock = json.loads((SOURCES / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert [name for name, package in packages.items() if "resolved" in package] == []
    unpinned = [name for name, package in packages.items() if "integrity" not in package]
    assert unpinned == []
