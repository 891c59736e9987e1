"""What `pip install` puts on a machine: the kernel and the JupyterLab parts, without Node."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SHARED = "share/jupyter"


@pytest.fixture(scope="module")
def shared_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Files of the wheel that end up in the environment's own folders, by their path there."""
    folder = tmp_path_factory.mktemp("wheel")
    # Nothing on the way may look for Node.
    environment = {**os.environ, "PATH": str(Path(sys.executable).parent)}
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=REPOSITORY,
        env=environment,
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        marker = ".data/data/"
        return {name.split(marker)[1]: archive.read(name) for name in archive.namelist() if marker in name}


def test_the_wheel_carries_the_jupyterlab_extension(shared_files: dict[str, bytes]) -> None:
    home = f"{SHARED}/labextensions/spark-kernel"
    build = json.loads(shared_files[f"{home}/package.json"])["jupyterlab"]["_build"]
    assert f"{home}/{build['load']}" in shared_files
    assert json.loads(shared_files[f"{home}/install.json"])["packageName"] == "spark-kernel"


def test_the_wheel_carries_the_kernel(shared_files: dict[str, bytes]) -> None:
    specification = json.loads(shared_files[f"{SHARED}/kernels/spark/kernel.json"])
    assert specification["argv"][0] == "python", "an absolute path is frozen from the building machine"
