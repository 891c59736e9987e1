"""Reading an application's settings by the table (`settings_table.py`), and telling about those that do nothing.

All are kept, so that ``getConf`` shows them.
"""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Mapping
from typing import Any

from spark_kernel.common.errors import SettingsError
from spark_kernel.core.context.settings_table import DOCUMENTED, SETTINGS, Setting


def check(settings: Mapping[str, str]) -> None:
    """Read every setting that means something.

    Raises SettingsError, naming the setting, for a value that can't be used.
    """
    for name, value in settings.items():
        known = _known(name)
        if known is None:
            continue
        try:
            known.read(value)
        except SettingsError as error:
            raise SettingsError(f"{name}: {error}. {known.sentence}") from None


def value_of(settings: Mapping[str, str], name: str) -> Any:
    """The value of a setting of the table: what was set, else its default; None when there is neither.

    >>> value_of({}, "spark.eventLog.enabled"), value_of({"spark.task.maxFailures": "8"}, "spark.task.maxFailures")
    (False, 8)
    """
    known = _known(name)
    assert known is not None
    text = settings.get(name, known.default)
    return None if text is None else known.read(text)


def warn_of_idle(settings: Mapping[str, str], stacklevel: int = 2) -> None:
    """One warning that names each setting without effect here: why it has none, or what may have been meant."""
    lines = [line for name in sorted(settings) if (line := _why_idle(name, settings[name])) is not None]
    if lines:
        warnings.warn("\n  ".join(["settings without effect here:", *lines]), UserWarning, stacklevel=stacklevel)


def as_markdown() -> str:
    """The settings that have an effect, as the README's table.

    >>> print(as_markdown().splitlines()[2])
    | `spark.master` | `local[*]` | The master URL: where the cores come from. |
    """
    rows = [(_shown(each), f"`{each.default}`" if each.default else "", each.sentence) for each in DOCUMENTED]
    return "\n".join(f"| {' | '.join(row)} |" for row in [("Setting", "default", "what it does"), ("---",) * 3, *rows])


def _shown(setting: Setting) -> str:
    return f"`{setting.name}*`" if setting.is_family else f"`{setting.name}`"


def _why_idle(name: str, value: str) -> str | None:
    """What to tell about a setting; None when it has an effect, or is as if it were not set."""
    known = _known(name)
    if known is not None:
        return None if known.has_effect or value == known.default else f"{name}: {known.sentence}"
    exact = [setting.name for setting in SETTINGS if setting.has_effect and not setting.is_family]
    near = difflib.get_close_matches(name, exact, n=1, cutoff=0.85)
    return f"{name} (did you mean {near[0]}?)" if near else f"{name}: not known here"


def _known(name: str) -> Setting | None:
    fitting = [each for each in SETTINGS if name == each.name or (each.is_family and name.startswith(each.name))]
    return max(fitting, key=lambda each: len(each.name), default=None)
