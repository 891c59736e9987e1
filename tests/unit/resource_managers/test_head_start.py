"""A cluster that was begun early is taken over by the context that it was begun for, and by no other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from spark_kernel.common.errors import ClusterError
from spark_kernel.resource_managers import head_start
from spark_kernel.resource_managers.inline import InlineManager
from spark_kernel.resource_managers.interface import Application
from spark_kernel.resource_managers.scratch import scratch_folder


@pytest.fixture(autouse=True)
def stopped(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The managers that were stopped."""
    urls: list[str] = []
    stop = InlineManager.stop

    def noted(manager: InlineManager) -> None:
        urls.append(manager.url)
        stop(manager)

    monkeypatch.setattr(InlineManager, "stop", noted)
    yield urls
    head_start.discard()


# What a context adds to the settings that it was given.
ADDED = {"spark.master": "inline", "spark.app.name": "pyspark-shell", "spark.rdd.compress": "True"}


def test_the_context_of_the_same_master_and_settings_takes_it() -> None:
    head_start.begin("inline", {"spark.executor.memory": "1g"}, ())
    taken = head_start.take("inline", {"spark.executor.memory": "1g", **ADDED})
    assert taken is not None
    application = Application(taken.app_id, scratch_folder(taken.app_id))
    assert taken.start(application).address is None
    taken.stop()


def test_it_is_taken_once() -> None:
    head_start.begin("inline", {}, ())
    taken = head_start.take("inline", {})
    assert taken is not None
    assert head_start.take("inline", {}) is None
    taken.stop()


@pytest.mark.parametrize(("url", "settings"), [("local[2]", {}), ("inline", {"spark.executor.memory": "1g"})])
def test_one_for_another_context_is_ended(stopped: list[str], url: str, settings: dict[str, str]) -> None:
    head_start.begin("inline", {}, ())
    assert head_start.take(url, settings) is None
    assert stopped == ["inline"]


def test_what_nobody_takes_is_ended(stopped: list[str]) -> None:
    head_start.begin("inline", {}, ())
    head_start.discard()
    assert stopped == ["inline"]
    assert head_start.take("inline", {}) is None


def test_a_second_beginning_ends_the_first(stopped: list[str]) -> None:
    head_start.begin("inline", {}, ())
    head_start.begin("inline", {}, ())
    assert stopped == ["inline"]


def test_a_wrong_master_is_left_to_the_context_to_tell() -> None:
    head_start.begin("lokal[2]", {}, ())
    assert head_start.take("lokal[2]", {}) is None


def test_it_serves_the_application_that_it_was_begun_for() -> None:
    head_start.begin("inline", {}, ())
    taken = head_start.take("inline", {})
    assert taken is not None
    with pytest.raises(ClusterError, match="app-other"):
        taken.start(Application("app-other", scratch_folder(taken.app_id)))
    taken.stop()
