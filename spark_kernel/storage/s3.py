"""What is particular to S3: Hadoop's names of its settings, time limits, and the first contact with an endpoint.

Everything else about S3 goes through fsspec like any other storage. Called by `options` and `filesystems` only.
"""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable, Mapping
from typing import Any

from fsspec.asyn import sync
from fsspec.exceptions import FSTimeoutError

from spark_kernel.common.errors import SettingsError

HADOOP_PREFIXES = ("spark.hadoop.fs.s3a.", "spark.hadoop.fs.s3n.", "spark.hadoop.fs.s3.")

# botocore makes 5 attempts of up to 60 s each, and s3fs 5 of those: minutes until an unreachable endpoint is an
# error. A task is retried as a whole, so few attempts here are enough.
DEFAULTS: Mapping[str, Any] = {
    "config_kwargs": {
        "connect_timeout": 3,
        "read_timeout": 30,
        "retries": {"mode": "standard", "total_max_attempts": 2},
    }
}
ATTEMPTS_AROUND_BOTOCORE = 2
FIRST_ANSWER_SECONDS = 8.0
"""How long a process waits for the first answer of an endpoint. Later requests may take ``read_timeout``."""

_ANONYMOUS = "AnonymousAWSCredentialsProvider"
_log = logging.getLogger(__name__)
_answering: weakref.WeakSet[Any] = weakref.WeakSet()


def options_from_hadoop(settings: Mapping[str, str]) -> dict[str, Any]:
    """The options of s3fs that Hadoop's ``fs.s3a.*`` settings ask for; those without an equivalent are warned about.

    >>> options_from_hadoop({"spark.hadoop.fs.s3a.endpoint": "127.0.0.1:9000",
    ...                      "spark.hadoop.fs.s3a.connection.ssl.enabled": "false"})
    {'endpoint_url': 'http://127.0.0.1:9000', 'use_ssl': False}

    Raises SettingsError for a value that can't be understood.
    """
    given = {name.removeprefix(prefix): value for prefix in HADOOP_PREFIXES for name, value in _under(settings, prefix)}
    options: dict[str, Any] = {}
    unknown = []
    for name, value in given.items():
        if name in _READERS:
            try:
                _READERS[name](options, value)
            except ValueError as error:
                raise SettingsError(f"spark.hadoop.fs.s3a.{name}={value!r}: {error}") from error
        else:
            unknown.append(name)
    if unknown:
        _log.warning("no effect here: %s", ", ".join(f"spark.hadoop.fs.s3a.{name}" for name in sorted(unknown)))
    endpoint = options.get("endpoint_url")
    if endpoint and "://" not in endpoint:
        options["endpoint_url"] = f"{'https' if options.get('use_ssl', True) else 'http'}://{endpoint}"
    return options


def prepare(filesystem: Any, path: str) -> None:
    """Make ``filesystem``, an s3fs file system, fail soon; on its first use in this process, see that it answers.

    A server that accepts connections and never answers would otherwise hold a job for minutes.
    Raises TimeoutError when the endpoint did not answer; whatever it does answer is for the caller's own request.
    """
    filesystem.retries = ATTEMPTS_AROUND_BOTOCORE
    bucket = path.partition("/")[0]
    if not bucket or filesystem in _answering:
        return
    try:
        sync(filesystem.loop, filesystem._call_s3, "head_bucket", Bucket=bucket, timeout=FIRST_ANSWER_SECONDS)
    except FSTimeoutError:
        raise TimeoutError(f"no answer within {FIRST_ANSWER_SECONDS:.0f} s") from None
    except OSError as refusal:
        # s3fs turns a refusal into an OSError, and a refusal is an answer.
        _log.debug("%s answers: %s", bucket, refusal)
    _answering.add(filesystem)


def _under(settings: Mapping[str, str], prefix: str) -> list[tuple[str, str]]:
    return [(name, value) for name, value in settings.items() if name.startswith(prefix)]


def _text(option: str) -> Callable[[dict[str, Any], str], None]:
    def read(options: dict[str, Any], value: str) -> None:
        options[option] = value

    return read


def _inner(outer: str, option: str, convert: Callable[[str], Any]) -> Callable[[dict[str, Any], str], None]:
    def read(options: dict[str, Any], value: str) -> None:
        options.setdefault(outer, {})[option] = convert(value)

    return read


def _boolean(value: str) -> bool:
    if str(value).lower() not in ("true", "false"):
        raise ValueError("expected true or false")
    return str(value).lower() == "true"


def _seconds(value: str) -> float:
    """Hadoop's durations: a number of milliseconds, or one with a unit."""
    units = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
    number = value.rstrip("msh")
    unit = value[len(number) :] or "ms"
    if unit not in units or not number.isdigit():
        raise ValueError("expected milliseconds, or a number with ms, s, m or h")
    return int(number) * units[unit]


def _use_ssl(options: dict[str, Any], value: str) -> None:
    options["use_ssl"] = _boolean(value)


def _path_style(options: dict[str, Any], value: str) -> None:
    style = "path" if _boolean(value) else "auto"
    options.setdefault("config_kwargs", {})["s3"] = {"addressing_style": style}


def _attempts(options: dict[str, Any], value: str) -> None:
    options.setdefault("config_kwargs", {})["retries"] = {"total_max_attempts": max(1, int(value))}


def _provider(options: dict[str, Any], value: str) -> None:
    """Which class finds the credentials; all but the anonymous one are botocore's ordinary search."""
    if value.endswith(_ANONYMOUS):
        options["anon"] = True


_READERS: dict[str, Callable[[dict[str, Any], str], None]] = {
    "access.key": _text("key"),
    "secret.key": _text("secret"),
    "session.token": _text("token"),
    "endpoint": _text("endpoint_url"),
    "endpoint.region": _inner("client_kwargs", "region_name", str),
    "path.style.access": _path_style,
    "connection.ssl.enabled": _use_ssl,
    "connection.establish.timeout": _inner("config_kwargs", "connect_timeout", _seconds),
    "connection.timeout": _inner("config_kwargs", "read_timeout", _seconds),
    "attempts.maximum": _attempts,
    "aws.credentials.provider": _provider,
    "impl": lambda options, value: None,
}
