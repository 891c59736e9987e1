"""The event log: everything that happened, on any storage, read back as the same events."""

from __future__ import annotations

import uuid

import pytest

from spark_kernel.common import events
from spark_kernel.common.errors import StorageError
from spark_kernel.common.event_json import from_json
from spark_kernel.core.context import SparkContext
from spark_kernel.storage.documents import read_json_lines
from spark_kernel.storage.options import StorageOptions
from tests.support.inline import inline_context


def test_what_is_heard_is_what_is_written() -> None:
    folder = f"memory://event-log-{uuid.uuid4()}"
    heard = []
    with inline_context(spark_eventLog_enabled="true", spark_eventLog_dir=folder) as sc:
        sc.events.listen(heard.append)
        sc.parallelize([(1, 2)], 2).groupByKey().count()
        url = f"{folder}/{sc.applicationId}"
    read = [from_json(record) for record in read_json_lines(url, StorageOptions())]
    assert isinstance(read[0], events.ApplicationStarted)
    assert read[-len(heard) :] == heard


def test_a_log_that_cannot_be_written_is_an_error_at_once(tmp_path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(StorageError),
        inline_context(spark_eventLog_enabled="true", spark_eventLog_dir=str(tmp_path / "file")),
    ):
        pass
    assert SparkContext._active_spark_context is None
