"""The grammar of master URLs. Pure: nothing is imported, started or looked up.

Forms that a manager of ours understands are dataclasses with a ``parse``; the rest of this file makes the error
that a person gets for anything else: what is wrong, the valid forms, and the nearest one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from urllib.parse import urlsplit

from spark_kernel.common.errors import MasterUrlError

DEFAULT_MASTER = "local[*]"
"""Where the cores come from when nobody says."""

FORMS: Mapping[str, str] = {
    "inline": "no cluster: tasks run one after the other in the driver",
    "local": "one worker process on this machine",
    "local[N]": "N worker processes on this machine",
    "local[*]": "one worker process for each core",
    "local[N,F]": "N worker processes; a task may fail F times (N may be *)",
    "local-cluster[N,C,M]": "N nodes on this machine, each with a worker of C cores and M MiB",
    "dask://host:port": "a running Dask scheduler (tcp://host:port is the same)",
    "tls://host:port": "a running Dask scheduler that speaks TLS",
}
"""Every form that a manager of this package understands, and what it means."""

_RUN_DASK_THERE = "start a Dask cluster there and give its address as dask://host:port"
_NOT_AVAILABLE: Mapping[str, str] = {
    **dict.fromkeys(
        ["yarn", "k8s", "ssh", "slurm", "pbs", "sge", "lsf", "htcondor", "oar", "gateway"],
        f"not available yet; {_RUN_DASK_THERE}",
    ),
    "spark": "Spark's standalone master runs JVM executors only; use local[*], or dask://host:port for a cluster",
    "mesos": f"Spark 4 has dropped Mesos; {_RUN_DASK_THERE}",
}

MINIMUM_MEMORY_MIB = 256
"""Less than this and a worker is over its limit as soon as it has imported what it needs."""
MOST_WORKERS = 1000
"""More processes than this on one machine is a slip of the finger."""
DASK_PORT = 8786
"""Where a Dask scheduler listens unless told otherwise."""


@dataclass(frozen=True)
class LocalUrl:
    """``local``, ``local[N]``, ``local[*]``, ``local[N,F]`` or ``local[*,F]``."""

    workers: int | None
    """Worker processes of one core each; None: one for each core of the machine."""
    max_failures: int | None
    """Attempts that a task gets; None: not said."""

    @classmethod
    def parse(cls, url: str) -> LocalUrl:
        """
        >>> LocalUrl.parse("local[4,2]"), LocalUrl.parse("local[*]")
        (LocalUrl(workers=4, max_failures=2), LocalUrl(workers=None, max_failures=None))

        Raises MasterUrlError.
        """
        if url == "local":
            return cls(1, None)
        found = re.fullmatch(r"local\[(?:([0-9]+)|\*)\s*(?:,\s*([0-9]+)\s*)?\]", url)
        if found is None:
            raise wrong_form(url)
        workers = None if found[1] is None else _count(url, "number of workers", found[1], MOST_WORKERS)
        failures = None if found[2] is None else _count(url, "number of attempts", found[2])
        return cls(workers, failures)


@dataclass(frozen=True)
class LocalClusterUrl:
    """``local-cluster[N,C,M]``."""

    workers: int
    """Nodes, each with one worker process."""
    cores_per_worker: int
    """Tasks that a worker runs at once."""
    memory_per_worker: int
    """Bytes."""

    @classmethod
    def parse(cls, url: str) -> LocalClusterUrl:
        """
        >>> LocalClusterUrl.parse("local-cluster[2, 1, 1024]")
        LocalClusterUrl(workers=2, cores_per_worker=1, memory_per_worker=1073741824)

        Raises MasterUrlError.
        """
        found = re.fullmatch(r"local-cluster\[\s*([0-9]+)\s*,\s*([0-9]+)\s*,\s*([0-9]+)\s*\]", url)
        if found is None:
            raise wrong_form(url)
        workers = _count(url, "number of workers", found[1], MOST_WORKERS)
        cores = _count(url, "number of cores", found[2], MOST_WORKERS)
        mebibytes = _count(url, "memory", found[3])
        if mebibytes < MINIMUM_MEMORY_MIB:
            raise MasterUrlError(
                f"{url}: a worker can't live in {mebibytes} MiB; give it at least {MINIMUM_MEMORY_MIB}, "
                f"as in local-cluster[{workers},{cores},1024]"
            )
        return cls(workers, cores, mebibytes * 1024**2)


@dataclass(frozen=True)
class DaskUrl:
    """``dask://host:port``, ``tcp://host:port`` or ``tls://host:port``."""

    protocol: str
    """``tcp`` or ``tls``."""
    host: str
    port: int

    @property
    def address(self) -> str:
        """As Dask writes it: ``tcp://127.0.0.1:8786``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.protocol}://{host}:{self.port}"

    @classmethod
    def parse(cls, url: str) -> DaskUrl:
        """
        >>> DaskUrl.parse("dask://node7").address, DaskUrl.parse("tls://[::1]:9000").address
        ('tcp://node7:8786', 'tls://[::1]:9000')

        Raises MasterUrlError.
        """
        if "://" not in url:
            raise wrong_form(url)
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise wrong_form(url, f"{url}: {error}", suggest=False) from error
        if not host or port == 0 or parts.path.strip("/") or parts.query or parts.fragment or parts.username:
            raise wrong_form(url)
        return cls("tls" if parts.scheme == "tls" else "tcp", host, DASK_PORT if port is None else port)


def scheme_of(url: str) -> str:
    """What names the manager.

    >>> scheme_of("local[2]"), scheme_of("local-cluster[2,1,1024]"), scheme_of("k8s://https://host:443")
    ('local', 'local-cluster', 'k8s')
    """
    found = re.match(r"[A-Za-z][A-Za-z0-9+._-]*", url)
    return found[0] if found else ""


def unknown_scheme(url: str, others: tuple[str, ...] = ()) -> MasterUrlError:
    """The error for a URL whose scheme no manager has. ``others`` are the schemes that other packages added."""
    known = _NOT_AVAILABLE.get(scheme_of(url))
    return wrong_form(url, None if known is None else f"{url}: {known}", others, suggest=known is None)


def wrong_form(
    url: object, problem: str | None = None, others: tuple[str, ...] = (), suggest: bool = True
) -> MasterUrlError:
    """The error for a URL that has none of the valid forms."""
    lines = [problem or f"{url!r} is no master URL"]
    if suggest and isinstance(url, str) and url.strip():
        lines[0] += f"; did you mean {nearest_form(url.strip())}?"
    lines.append("A master URL is one of:")
    width = max(map(len, FORMS))
    lines.extend(f"  {form:<{width}}  {meaning}" for form, meaning in FORMS.items())
    lines.extend(f"  {scheme}...  added by another package" for scheme in others)
    return MasterUrlError("\n".join(lines))


def nearest_form(url: str) -> str:
    """The valid form that looks most like ``url``, with its numbers or its host filled in.

    >>> nearest_form("local(4)"), nearest_form("locl[2,3]"), nearest_form("dask:/node7:8786")
    ('local[4]', 'local[2,3]', 'dask://node7:8786')
    """
    if re.search(r":/|:\d+$", url):
        found = re.fullmatch(r"(?:([A-Za-z]+):(?!\d+$)/*)?(.*)", url, re.DOTALL)
        scheme, rest = found.groups("") if found else ("", "")
        return f"{_likest(scheme, ['dask', 'tcp', 'tls'], 0.6) or 'dask'}://{rest or 'host:port'}"
    numbers = re.findall(r"\d+|\*", url)
    skeleton = re.sub(r"\d+", "N", url)
    shapes = {re.sub(r"\b[FCM]\b", "N", form): form for form in FORMS if "://" not in form}
    # A form with as many numbers as were written is more likely meant than another that looks a little more like it.
    fitting = [shape for shape, form in shapes.items() if len(_holes(form)) == len(numbers)]
    shape = _likest(skeleton, fitting, 0.75) or _likest(skeleton, list(shapes), 0.6) or "local[*]"
    return _filled(shapes[shape], numbers)


def _likest(text: str, candidates: list[str], at_least: float) -> str:
    ratios = {candidate: SequenceMatcher(None, text, candidate).ratio() for candidate in candidates}
    best = max(ratios, key=ratios.__getitem__, default="")
    return best if ratios.get(best, 0.0) >= at_least else ""


def _filled(form: str, numbers: list[str]) -> str:
    # Only the number of workers may be `*`.
    if len(_holes(form)) != len(numbers) or "*" in numbers[1:]:
        return form
    remaining = iter(numbers)
    return re.sub(r"\b[NFCM]\b|\*", lambda _: next(remaining), form)


def _holes(form: str) -> list[str]:
    return re.findall(r"\b[NFCM]\b|\*", form)


def _count(url: str, what: str, digits: str, most: int | None = None) -> int:
    number = int(digits)
    if number < 1 or (most is not None and number > most):
        bounds = "at least 1" if most is None else f"1 to {most}"
        raise MasterUrlError(f"{url}: the {what} is {number}; expected {bounds}")
    return number
