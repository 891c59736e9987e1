"""Spark's own Python sources, for tests that judge our API by them: fetched from PyPI, never committed.

Only PySpark's source distribution has `pyspark/core`, and it weighs 450 MB. pip fetches it, so that mirrors and proxies
work as everywhere; the Python files stay in a cache (`~/.cache/spark-kernel`, or ``$SPARK_KERNEL_CACHE``), 2 MB, and
the archive goes. In CI such tests always run, elsewhere with ``SPARK_KERNEL_SPARK_SOURCES=1``.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import pyspark
import pytest

_SWITCH = "SPARK_KERNEL_SPARK_SOURCES"
_FETCH_SECONDS = 800
_FETCHES = 2
"""A download of this size may break off; pip begins it anew. Each test that asks for it has 2,100 seconds."""
_WANTED = re.compile(r"pyspark-[^/]+/(pyspark/(core/|resource/)?\w+\.py)")

needs_spark_sources = pytest.mark.skipif(
    not (os.environ.get("CI") or os.environ.get(_SWITCH)),
    reason=f"judged by Spark's own sources, a download of 450 MB (once): {_SWITCH}=1 python -m pytest tests/parity",
)
"""On a test that calls `spark_sources`; with a time limit of its own, since it may be the one that downloads."""


_failure: list[FetchError] = []
"""What the first attempt of this process came to: nobody waits for another one."""


class FetchError(Exception):
    """Spark's sources could not be had."""


def spark_sources() -> Path:
    """The folder ``pyspark`` of Spark's release whose API we have, from the cache or from PyPI.

    Raises FetchError, with what pip said; then at once for every later test too.
    """
    if _failure:
        raise _failure[0]
    try:
        return _fetched()
    except FetchError as error:
        _failure.append(error)
        raise


def _fetched() -> Path:
    cache = Path(os.environ.get("SPARK_KERNEL_CACHE") or Path.home() / ".cache" / "spark-kernel")
    folder = cache / f"pyspark-{pyspark.__version__}"
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="fetch-", dir=cache) as work:
            extracted = _extracted(_archive(Path(work)), Path(work) / "sources")
            try:
                extracted.rename(folder)
            except OSError:
                # Somebody else was faster, with the same files.
                if not folder.exists():
                    raise
    return folder / "pyspark"


def _archive(work: Path) -> Path:
    for _ in range(_FETCHES - 1):
        try:
            return _downloaded(work)
        except FetchError as error:
            sys.stderr.write(f"{error}\nonce more:\n")
    return _downloaded(work)


def _downloaded(work: Path) -> Path:
    requirement = f"pyspark=={pyspark.__version__}"
    # pip unpacks what it downloads to ask it for its name: in the cache's folder, since /tmp may be in memory.
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-cache-dir", "--no-binary", "pyspark"]
    command += ["--progress-bar", "off", "--dest", str(work), requirement]
    try:
        done = subprocess.run(
            command,
            env={**os.environ, "TMPDIR": str(work)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_FETCH_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise FetchError(f"pip has not downloaded {requirement} (450 MB) in {_FETCH_SECONDS} seconds") from error
    archives = list(work.glob("pyspark-*.tar.gz"))
    if done.returncode or not archives:
        raise FetchError(f"pip could not download {requirement}. It says:\n{done.stdout[-3000:]}")
    return archives[0]


def _extracted(archive: Path, target: Path) -> Path:
    with tarfile.open(archive) as tar:
        for member in tar:
            wanted = _WANTED.fullmatch(member.name)
            content = tar.extractfile(member) if wanted and member.isfile() else None
            if wanted and content is not None:
                file = target / wanted[1]
                file.parent.mkdir(parents=True, exist_ok=True)
                with open(file, "wb") as copy:
                    shutil.copyfileobj(content, copy)
    if not (target / "pyspark" / "core" / "rdd.py").exists():
        raise FetchError(f"{archive.name} has no pyspark/core/rdd.py")
    return target
