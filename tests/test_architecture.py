"""The layers of the design, as data. An import that points up, or a second door to a library, fails here."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "spark_kernel"

# Each layer may import itself and what stands below it.
LAYERS = ["common", "storage", "resource_managers", "core", "libraries", "notebook"]

# What each part of the core may import, besides itself.
CORE = {
    "lineage": set(),
    "shared_variables": {"lineage"},
    "cache": {"lineage"},
    "shuffle": {"lineage"},
    "execution": {"shuffle", "cache", "shared_variables", "lineage"},
    "scheduler": {"execution", "shuffle", "cache", "shared_variables", "lineage"},
    "rdd": {"scheduler", "execution", "shuffle", "cache", "shared_variables", "lineage"},
    "context": {"rdd", "scheduler", "execution", "shuffle", "cache", "shared_variables", "lineage"},
}

# What each library may import, besides itself.
LIBRARIES: dict[str, set[str]] = {"sql": set(), "streaming": {"sql"}, "ml": {"sql"}, "graph": {"sql"}}

# Outside library -> the folders or files that may import it.
DOORS = {
    "fsspec": ["storage"],
    "dask": ["resource_managers", "core/execution", "core/shuffle/worker_plugin.py"],
    "distributed": ["resource_managers", "core/execution", "core/shuffle/worker_plugin.py"],
    "cloudpickle": ["core/execution"],
    "duckdb": ["libraries/sql"],
    "sqlglot": ["libraries/sql"],
    "grpc": ["libraries/sql/connect"],
    "google": ["libraries/sql/connect"],
    "IPython": ["notebook"],
    "ipykernel": ["notebook"],
    "ipywidgets": ["notebook"],
    "anywidget": ["notebook"],
    "graphviz": ["notebook"],
    "pygraphviz": ["notebook"],
}

# `%load_ext spark_kernel` and the version live in the package's own file, which stands above the layers.
TOP = PACKAGE / "__init__.py"


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if path != TOP and "labextension" not in path.parts)


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Every module that the file imports, those inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import; write the whole name"
            module = node.module or ""
            yield node.lineno, module
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def violations(path: Path) -> Iterator[str]:
    relative = path.relative_to(PACKAGE)
    for line, module in imports(path):
        where = f"{relative}:{line} imports {module}"
        parts = module.split(".")
        if parts[0] == "spark_kernel":
            yield from (f"{where}: {reason}" for reason in inner_violations(relative.parts, parts[1:]))
        elif parts[0] in DOORS and not any(relative.as_posix().startswith(door) for door in DOORS[parts[0]]):
            yield f"{where}: its door is {', '.join(DOORS[parts[0]])}"


def inner_violations(importer: tuple[str, ...], imported: list[str]) -> Iterator[str]:
    if not imported or imported[0] == "__version__":
        return
    here, there = importer[0], imported[0]
    if here == "notebook" and there not in LAYERS:
        return
    if LAYERS.index(there) > LAYERS.index(here):
        yield f"{there} stands above {here}"
    rules = {"core": CORE, "libraries": LIBRARIES}.get(here)
    if rules is None or here != there or len(imported) < 2 or len(importer) < 3:
        return
    part, other = importer[1], imported[1]
    if part != other and other not in rules[part]:
        yield f"{here}/{part} may not import {here}/{other}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_point_down_and_libraries_have_one_door(path: Path) -> None:
    assert list(violations(path)) == []


def test_common_uses_the_standard_library_only() -> None:
    import sys

    outside = {
        f"{path.name}:{line} {module}"
        for path in (PACKAGE / "common").glob("*.py")
        for line, module in imports(path)
        if module.split(".")[0] not in {*sys.stdlib_module_names, "spark_kernel"}
    }
    assert outside == set()


def test_every_folder_of_the_package_is_a_known_layer() -> None:
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders <= {*LAYERS, "labextension"}
    parts = {path.name for path in (PACKAGE / "core").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert parts <= {*CORE}


@pytest.mark.parametrize(
    ("importer", "imported", "allowed"),
    [
        (("storage", "files.py"), ["core", "rdd"], False),
        (("core", "rdd", "rdd.py"), ["storage", "files"], True),
        (("core", "lineage", "node.py"), ["core", "rdd"], False),
        (("core", "rdd", "rdd.py"), ["core", "lineage", "node"], True),
        (("libraries", "ml", "fit.py"), ["libraries", "graph"], False),
        (("libraries", "ml", "fit.py"), ["libraries", "sql"], True),
    ],
)
def test_the_rules_themselves_can_fail(importer: tuple[str, ...], imported: list[str], allowed: bool) -> None:
    assert (list(inner_violations(importer, imported)) == []) is allowed
