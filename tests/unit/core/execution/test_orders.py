"""What travels to executors."""

from __future__ import annotations

import os
import sys
import sysconfig
import threading
from pathlib import Path

import pytest

from spark_kernel.core.execution.backend import TaskSpec
from spark_kernel.core.execution.orders import head_of, order_of, use_import_paths, users_import_paths
from spark_kernel.core.execution.serialization import loads
from tests.support.programs import batch_of, source


def test_a_task_travels_with_its_own_payloads_only() -> None:
    batch = batch_of(source([1], [2]))
    orders = [order_of(spec) for spec in batch.tasks]
    assert [list(loads(order.payloads).values()) for order in orders] == [[[1]], [[2]]]
    assert order_of(TaskSpec(0, 0, 0)).payloads == b""
    assert head_of(batch).program == batch.program


def test_a_payload_that_cannot_travel_is_an_error_of_its_task() -> None:
    with pytest.raises(TypeError, match="lock"):
        order_of(TaskSpec(0, 0, 0, {0: threading.Lock()}))


def test_the_users_own_folders_travel_and_installed_ones_do_not(tmp_path: Path) -> None:
    schemes = sysconfig.get_paths()
    paths = (str(tmp_path), schemes["stdlib"], schemes["purelib"], str(tmp_path / "missing"), "")
    assert users_import_paths(paths) == (str(tmp_path.resolve()), os.getcwd())


def test_an_executor_appends_the_folders_that_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", ["/already"])
    use_import_paths((str(tmp_path), str(tmp_path / "elsewhere"), "/already", str(tmp_path)))
    assert sys.path == ["/already", str(tmp_path)]
