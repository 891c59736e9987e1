"""`spark-kernel doctor`: what is installed, what is missing, and what to do about it."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil
from jupyter_core.paths import jupyter_path

from spark_kernel import __version__
from spark_kernel.notebook.card.amounts import bytes_text
from spark_kernel.notebook.kernel_specs import SPEC_FOLDER, installed_spec

LEAST_PYTHON = (3, 10)
LEAST_MEMORY = 2_000_000_000
LEAST_DISK = 1_000_000_000
_FRONT_END = "spark-kernel"
_PACKAGES = ("dask", "distributed", "pyspark-client", "fsspec", "ipykernel", "ipywidgets", "nbclient", "nbconvert")
_REINSTALL = f"reinstall this package: {sys.executable} -m pip install --force-reinstall --no-deps spark-kernel"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    name: str
    found: str
    advice: str = ""
    """What to do; empty when all is well."""
    is_needed: bool = True
    """Whether nothing works without it."""

    @property
    def mark(self) -> str:
        """``ok``, ``note`` or ``MISSING``."""
        if not self.advice:
            return "ok"
        return "MISSING" if self.is_needed else "note"


def examine() -> list[Finding]:
    """Look at everything."""
    return [finding for look in CHECKS for finding in look()]


def report(findings: list[Finding]) -> str:
    """The findings for a person, with a verdict in the last line."""
    width = max(len(finding.name) for finding in findings)
    lines = []
    for finding in findings:
        lines.append(f"{finding.mark:<7}  {finding.name:<{width}}  {finding.found}")
        if finding.advice:
            lines.append(f"{'':<7}  {'':<{width}}  -> {finding.advice}")
    missing = [finding.name for finding in findings if finding.mark == "MISSING"]
    verdict = f"Not ready: {', '.join(missing)}." if missing else "Ready."
    return "\n".join([*lines, "", verdict])


def is_ready(findings: list[Finding]) -> bool:
    """Whether nothing that is needed is missing."""
    return all(finding.mark != "MISSING" for finding in findings)


def versions() -> Iterator[Finding]:
    """Python, this package, and the packages that it stands on."""
    python = f"{platform.python_version()} at {sys.executable}"
    advice = "" if sys.version_info >= LEAST_PYTHON else f"use Python {'.'.join(map(str, LEAST_PYTHON))} or newer"
    yield Finding("Python", python, advice)
    yield Finding("spark-kernel", __version__)
    for package in _PACKAGES:
        yield _package(package, f"{sys.executable} -m pip install {package}", is_needed=True)


def kernel_spec() -> Iterator[Finding]:
    """Whether Jupyter finds the kernel, and whether it starts this Python."""
    folder = installed_spec()
    if folder is None:
        yield Finding("kernel spec", "not found by Jupyter", _REINSTALL)
        return
    program = json.loads((folder / "kernel.json").read_text(encoding="utf-8"))["argv"][0]
    # Jupyter takes a plain "python" as the Python that it runs in itself.
    is_own = program == "python" and Path(sys.prefix).resolve() in folder.resolve().parents
    advice = "" if is_own or program == sys.executable else f"it starts {program}; {_REINSTALL}"
    yield Finding("kernel spec", str(folder), advice, is_needed=False)
    if not (SPEC_FOLDER / "kernel.json").is_file():
        yield Finding("kernel files", "incomplete", _REINSTALL)


def graphviz() -> Iterator[Finding]:
    """Whether pictures can be laid out: by the Graphviz in pygraphviz's wheel, or by a `dot` on the path."""
    dot = shutil.which("dot")
    try:
        yield Finding("Graphviz", f"in pygraphviz {version('pygraphviz')}" + (f", and {dot}" if dot else ""))
    except PackageNotFoundError:
        advice = f"{sys.executable} -m pip install 'pygraphviz>=2'; without it run cards have tables but no picture"
        yield Finding("Graphviz", dot or "none", "" if dot else advice, is_needed=False)


def machine() -> Iterator[Finding]:
    """Cores, memory and disk for the local cluster."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    yield Finding("cores", f"{cores}, all used by the default master local[*]")
    memory = psutil.virtual_memory()
    advice = "" if memory.available >= LEAST_MEMORY else "close other programs, or use fewer workers: local[1]"
    found = f"{bytes_text(memory.total)}, {bytes_text(memory.available)} available"
    yield Finding("memory", found, advice, is_needed=False)
    folder = Path(os.environ.get("SPARK_LOCAL_DIRS", tempfile.gettempdir()).split(",")[0])
    yield _scratch(folder)


def front_end() -> Iterator[Finding]:
    """JupyterLab, and the part of ours that draws interactive run cards in it."""
    yield _package("jupyterlab", f"to open notebooks here: {sys.executable} -m pip install jupyterlab", is_needed=False)
    folders = [Path(path) / _FRONT_END for path in jupyter_path("labextensions")]
    found = next((folder for folder in folders if (folder / "package.json").is_file()), None)
    advice = "" if found else f"run cards are shown as plain HTML without it; {_REINSTALL}"
    yield Finding("JupyterLab part", str(found or "not installed"), advice, is_needed=False)


def _package(name: str, advice: str, is_needed: bool) -> Finding:
    try:
        return Finding(name, version(name))
    except PackageNotFoundError:
        return Finding(name, "not installed", advice, is_needed)


def _scratch(folder: Path) -> Finding:
    if not os.access(folder, os.W_OK):
        advice = "set SPARK_LOCAL_DIRS to a folder that you may write to"
        return Finding("scratch space", f"{folder} can't be written", advice)
    free = shutil.disk_usage(folder).free
    advice = "" if free >= LEAST_DISK else "shuffles of large data need more; set SPARK_LOCAL_DIRS to a larger disk"
    return Finding("scratch space", f"{folder}, {bytes_text(free)} free", advice, is_needed=False)


CHECKS: tuple[Callable[[], Iterator[Finding]], ...] = (versions, kernel_spec, graphviz, machine, front_end)
"""In the order in which they are reported."""
