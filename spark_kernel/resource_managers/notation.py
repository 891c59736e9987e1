"""How Spark's configuration writes sizes, times, numbers and switches. Pure; used by the managers.

Emulates ``JavaUtils.byteStringAs`` and ``timeStringAs`` of Spark 4: a whole number and a unit, in any case.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeVar

from spark_kernel.common.errors import SettingsError

Number = TypeVar("Number", int, float)

# `kb` and so on mean powers of 1024 as well.
_SIZE_UNITS: Mapping[str, int] = {
    unit: 1024**power
    for power, units in enumerate(["b", "k kb", "m mb", "g gb", "t tb", "p pb"])
    for unit in units.split()
}
_TIME_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_NUMBER_AND_UNIT = re.compile(r"\s*([0-9]+)\s*([a-z]*)\s*", re.IGNORECASE)


def size_in_bytes(text: str, default_unit: str = "m") -> int:
    """Bytes meant by ``text``; a bare number is in ``default_unit``.

    >>> size_in_bytes("2g"), size_in_bytes("512MB"), size_in_bytes("1024")
    (2147483648, 536870912, 1073741824)

    Raises SettingsError.
    """
    found = _NUMBER_AND_UNIT.fullmatch(text)
    scale = _SIZE_UNITS.get(found[2].lower() or default_unit) if found else None
    if found is None or scale is None:
        raise SettingsError(f"{text!r} is no size; write a whole number and b, k, m, g, t or p, such as 512m or 2g")
    return int(found[1]) * scale


def time_in_seconds(text: str, default_unit: str = "s") -> float:
    """Seconds meant by ``text``; a bare number is in ``default_unit``.

    >>> time_in_seconds("30s"), time_in_seconds("2min"), time_in_seconds("500ms"), time_in_seconds("5")
    (30.0, 120.0, 0.5, 5.0)

    Raises SettingsError.
    """
    found = _NUMBER_AND_UNIT.fullmatch(text)
    scale = _TIME_UNITS.get(found[2].lower() or default_unit) if found else None
    if found is None or scale is None:
        raise SettingsError(f"{text!r} is no time; write a whole number and us, ms, s, m, min, h or d, such as 30s")
    return int(found[1]) * scale


def size_setting(settings: Mapping[str, str], name: str) -> int | None:
    """The size in bytes that ``settings`` gives under ``name``, or None. Raises SettingsError."""
    return None if name not in settings else _named(name, size_in_bytes, settings[name])


def time_setting(settings: Mapping[str, str], name: str, default: float) -> float:
    """The time in seconds that ``settings`` gives under ``name``. Raises SettingsError."""
    return default if name not in settings else _named(name, time_in_seconds, settings[name])


def count_setting(settings: Mapping[str, str], name: str, default: int) -> int:
    """The number from 1 that ``settings`` gives under ``name``. Raises SettingsError.

    >>> count_setting({"spark.task.maxFailures": "2"}, "spark.task.maxFailures", 4)
    2
    """
    text = settings.get(name, str(default)).strip()
    if not text.isdecimal() or int(text) < 1:
        raise SettingsError(f"{name} is {text!r}; expected a whole number from 1")
    return int(text)


def switch_setting(settings: Mapping[str, str], name: str) -> bool:
    """Whether ``settings`` switches ``name`` on; off when it is not named. Raises SettingsError."""
    text = settings.get(name, "false").strip().lower()
    if text not in ("true", "false"):
        raise SettingsError(f"{name} is {text!r}; expected true or false")
    return text == "true"


def wants_web_pages(settings: Mapping[str, str]) -> bool:
    """Whether ``spark.kernel.dashboard``, or else ``spark.ui.enabled``, switches the cluster's web pages on.

    Unlike Spark's own they are off by default: they cost every start time and memory. Raises SettingsError.

    >>> wants_web_pages({}), wants_web_pages({"spark.ui.enabled": "true"})
    (False, True)
    >>> wants_web_pages({"spark.ui.enabled": "true", "spark.kernel.dashboard": "false"})
    False
    """
    ours = "spark.kernel.dashboard"
    return switch_setting(settings, ours if ours in settings else "spark.ui.enabled")


def _named(name: str, read: Callable[[str], Number], text: str) -> Number:
    try:
        return read(text)
    except SettingsError as error:
        raise SettingsError(f"{name}: {error}") from error
