"""Unit tests can't be slow: whatever starts a process or talks to a cluster raises here."""

from __future__ import annotations

import multiprocessing.process
import subprocess

import pytest


def _refuse(what: str):
    def refuse(*args, **kwargs):
        pytest.fail(f"a unit test started {what}; such tests belong to tests/contracts or tests/faults", pytrace=True)

    return refuse


@pytest.fixture(autouse=True)
def no_processes_and_no_clusters(monkeypatch):
    """Every unit test runs under this."""
    monkeypatch.setattr(subprocess.Popen, "__init__", _refuse("a process"))
    monkeypatch.setattr(subprocess.Popen, "__del__", lambda self: None)
    monkeypatch.setattr(multiprocessing.process.BaseProcess, "start", _refuse("a process"))
    monkeypatch.setattr("distributed.Client.__init__", _refuse("a Dask client"))
