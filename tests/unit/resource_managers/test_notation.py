"""Sizes, times, numbers and switches, written as Spark's configuration writes them."""

from __future__ import annotations

import pytest

from spark_kernel.common.errors import SettingsError
from spark_kernel.resource_managers.notation import (
    count_setting,
    size_in_bytes,
    size_setting,
    switch_setting,
    time_in_seconds,
    time_setting,
)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("2g", 2 * 1024**3),
        ("2G", 2 * 1024**3),
        ("2gb", 2 * 1024**3),
        ("512m", 512 * 1024**2),
        ("1024", 1024**3),
        ("10k", 10 * 1024),
        ("7b", 7),
        ("1t", 1024**4),
        ("1p", 1024**5),
        (" 3 g ", 3 * 1024**3),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert size_in_bytes(text) == size


@pytest.mark.parametrize("text", ["", "g", "-1g", "1.5g", "2 x", "2gib", "2bb", "many", "1g2m"])
def test_what_is_no_size_is_an_error_that_shows_how_to_write_one(text: str) -> None:
    with pytest.raises(SettingsError, match="such as 512m or 2g"):
        size_in_bytes(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30", 30.0), ("30s", 30.0), ("500ms", 0.5), ("250us", 0.00025), ("2m", 120.0), ("2min", 120.0), ("1h", 3600.0)],
)
def test_times(text: str, seconds: float) -> None:
    assert time_in_seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "s", "-1s", "0.5s", "3 weeks"])
def test_what_is_no_time_is_an_error_that_shows_how_to_write_one(text: str) -> None:
    with pytest.raises(SettingsError, match="such as 30s"):
        time_in_seconds(text)


def test_an_error_names_the_setting() -> None:
    with pytest.raises(SettingsError, match=r"spark\.executor\.memory: 'lots' is no size"):
        size_setting({"spark.executor.memory": "lots"}, "spark.executor.memory")
    with pytest.raises(SettingsError, match=r"spark\.wait: 'long' is no time"):
        time_setting({"spark.wait": "long"}, "spark.wait", 1.0)


def test_a_setting_that_is_not_there_has_its_default() -> None:
    assert size_setting({}, "spark.executor.memory") is None
    assert time_setting({}, "spark.wait", 2.5) == 2.5
    assert count_setting({}, "spark.task.maxFailures", 4) == 4
    assert switch_setting({}, "spark.kernel.dashboard") is False


@pytest.mark.parametrize("text", ["0", "-1", "two", "", "1.0"])
def test_a_count_is_a_whole_number_from_one(text: str) -> None:
    with pytest.raises(SettingsError, match=r"spark\.task\.maxFailures is .* expected a whole number from 1"):
        count_setting({"spark.task.maxFailures": text}, "spark.task.maxFailures", 4)


def test_a_switch_is_true_or_false() -> None:
    assert switch_setting({"spark.kernel.dashboard": "TRUE"}, "spark.kernel.dashboard") is True
    with pytest.raises(SettingsError, match="expected true or false"):
        switch_setting({"spark.kernel.dashboard": "yes"}, "spark.kernel.dashboard")
