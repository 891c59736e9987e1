"""What the settings say about each storage: credentials, endpoints, and any other option of an fsspec backend.

Built once on the driver out of Spark-style settings and sent to the workers with each task. Never shows a value
when printed, since most of them are secrets.
"""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from spark_kernel.common.errors import SettingsError
from spark_kernel.storage.s3 import DEFAULTS as S3_DEFAULTS
from spark_kernel.storage.s3 import HADOOP_PREFIXES as S3_PREFIXES
from spark_kernel.storage.s3 import options_from_hadoop

_GENERIC = "spark.kernel.storage."
_HADOOP = "spark.hadoop.fs."
# Digits only is a fine password; JSON would make it a number.
_TEXT_OPTIONS = ("key", "secret", "token", "password", "username", "user")

# Names under which users know a protocol, and fsspec's own name of it.
PROTOCOL_ALIASES = {"s3a": "s3", "s3n": "s3", "": "file", "local": "file"}

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StorageOptions:
    """Options for each storage protocol, as fsspec's backends name them. Picklable.

    >>> options = StorageOptions.from_settings({"spark.hadoop.fs.s3a.access.key": "AKIA1"})
    >>> options.of("s3a")["key"]
    'AKIA1'
    >>> options
    StorageOptions(s3: key)
    """

    by_protocol: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """fsspec's protocol name -> keyword arguments of its file system class."""

    @classmethod
    def from_settings(cls, settings: Mapping[str, str]) -> StorageOptions:
        """Read ``spark.hadoop.fs.s3a.*`` and ``spark.kernel.storage.<protocol>.<option>`` out of ``settings``.

        The values of the second form are read as JSON where they are JSON, so that ``true``, ``16`` and
        ``{"region_name": "eu-west-1"}`` work; names and secrets stay text. They win over the first form.
        Settings of other Hadoop file systems have no meaning here and are warned about.
        Raises SettingsError for a value that can't be understood.
        """
        by_protocol: dict[str, dict[str, Any]] = {}
        if s3 := options_from_hadoop(settings):
            by_protocol["s3"] = s3
        for name, value in settings.items():
            if name.startswith(_GENERIC):
                protocol, option = _split_name(name)
                by_protocol.setdefault(protocol, {})[option] = _read_value(option, value)
        _warn_of_unknown(settings)
        return cls(by_protocol)

    def of(self, protocol: str) -> dict[str, Any]:
        """The options of ``protocol``, in a copy that fsspec may change; s3a and s3n are s3."""
        protocol = PROTOCOL_ALIASES.get(protocol, protocol)
        options = copy.deepcopy(dict(self.by_protocol.get(protocol, {})))
        return _merged(S3_DEFAULTS, options) if protocol == "s3" else options

    def __repr__(self) -> str:
        shown = "; ".join(f"{protocol}: {', '.join(sorted(given))}" for protocol, given in self.by_protocol.items())
        return f"StorageOptions({shown})"


def _split_name(name: str) -> tuple[str, str]:
    protocol, dot, option = name.removeprefix(_GENERIC).partition(".")
    if not (protocol and dot and option):
        raise SettingsError(
            f"{name} names no option; expected {_GENERIC}<protocol>.<option>, such as {_GENERIC}s3.endpoint_url"
        )
    return PROTOCOL_ALIASES.get(protocol, protocol), option


def _read_value(option: str, value: str) -> Any:
    if not isinstance(value, str) or option.rpartition("_")[2] in _TEXT_OPTIONS:
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value


def _merged(defaults: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """``given`` over ``defaults``, inner dicts merged as well."""
    merged = copy.deepcopy(dict(defaults))
    for name, value in given.items():
        both_dicts = isinstance(value, Mapping) and isinstance(merged.get(name), Mapping)
        merged[name] = _merged(merged[name], value) if both_dicts else value
    return merged


def _warn_of_unknown(settings: Mapping[str, str]) -> None:
    unknown = sorted(name for name in settings if name.startswith(_HADOOP) and not name.startswith(S3_PREFIXES))
    if unknown:
        _log.warning(
            "no effect: %s; storage other than S3 takes its options as %s<protocol>.<option>",
            ", ".join(unknown),
            _GENERIC,
        )
