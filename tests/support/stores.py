"""The storages that one suite of contract tests runs on: local files, ``memory://`` and S3.

Use with ``pytest_plugins = ["tests.support.s3_server", "tests.support.stores"]``; a test that takes `store` runs once
on each.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fsspec
import pytest

from spark_kernel.storage.filesystems import StorageOptions


@dataclass(frozen=True)
class Store:
    """An empty place on one storage, and a client of the test's own to fill and inspect it."""

    name: str
    root: str
    """URL of the place, without a slash at its end."""
    settings: Mapping[str, str]
    """What a user would configure to reach it."""
    filesystem: Any
    path: str
    """The place as `filesystem` names it."""
    options: StorageOptions = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", StorageOptions.from_settings(self.settings))

    def url(self, name: str) -> str:
        return f"{self.root}/{name}"

    def put(self, name: str, content: bytes) -> str:
        """Write a file; returns its URL."""
        path = f"{self.path}/{name}"
        if self.name == "local":
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        self.filesystem.pipe_file(path, content)
        return self.url(name)

    def get(self, name: str) -> bytes:
        content: bytes = self.filesystem.cat_file(f"{self.path}/{name}")
        return content

    def remove(self, name: str) -> None:
        self.filesystem.rm_file(f"{self.path}/{name}")

    def names(self, folder: str = "") -> list[str]:
        """Every file below ``folder``, relative to it."""
        start = f"{self.path}/{folder}".rstrip("/")
        self.filesystem.invalidate_cache()
        return sorted(found.removeprefix(start + "/") for found in self.filesystem.find(start))

    def has(self, name: str) -> bool:
        """Whether a file or a folder is there."""
        self.filesystem.invalidate_cache()
        return bool(self.filesystem.exists(f"{self.path}/{name}"))


@pytest.fixture
def local_store(tmp_path: Path) -> Store:
    return Store("local", f"file:{tmp_path}", {}, fsspec.filesystem("file"), str(tmp_path))


@pytest.fixture
def memory_store() -> Store:
    name = uuid.uuid4().hex
    return Store("memory", f"memory://{name}", {}, fsspec.filesystem("memory"), f"/{name}")


@pytest.fixture
def s3_store(request: pytest.FixtureRequest) -> Store:
    server = request.getfixturevalue("s3_server")
    path = f"{server.bucket}/{uuid.uuid4().hex}"
    return Store("s3", f"s3a://{path}", server.settings, server.filesystem, path)


@pytest.fixture(params=["local", "memory", "s3"])
def store(request: pytest.FixtureRequest) -> Store:
    """An empty place, on each storage in turn."""
    found: Store = request.getfixturevalue(f"{request.param}_store")
    return found
