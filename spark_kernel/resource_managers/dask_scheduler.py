"""``dask://host:port``: a Dask cluster that somebody else runs. It is looked at before use, and never shut down.

Before an application begins, `DaskSchedulerManager.start` makes sure that a scheduler answers, that it has workers,
and that scheduler and workers have what tasks need: this package in the same version and the same Python.
"""

from __future__ import annotations

import asyncio
import os
import platform
import socket
import time
import warnings
from collections.abc import Awaitable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, TypeVar

import distributed

from spark_kernel import __version__
from spark_kernel.common.errors import ClusterError, SettingsError
from spark_kernel.resource_managers.interface import Application, ClusterAddress, ResourceManager
from spark_kernel.resource_managers.master_url import DaskUrl
from spark_kernel.resource_managers.notation import count_setting, time_setting
from spark_kernel.resource_managers.scratch import remove_scratch_folder

Result = TypeVar("Result")

CHECK_SECONDS = 9.0
"""Everything but the wait for workers takes no longer than this."""
WORKERS_SECONDS = 10.0
"""How long to wait for a first worker, unless ``spark.scheduler.maxRegisteredResourcesWaitingTime`` says otherwise."""
TASK_FAILURES = 4
"""Spark's ``spark.task.maxFailures``."""
COMPARED = ("dask", "distributed", "cloudpickle", "msgpack")
"""Packages whose versions had better be the same on both sides."""

SCHEDULER = "the scheduler"
"""What it is called in messages."""

# Evaluated by the servers, some of which may not have this package: so it can't be a function of ours.
_LOOK = (
    "dict(python=__import__('platform').python_version(), hashed=hash('spark-kernel'),"
    " seed=__import__('os').environ.get('PYTHONHASHSEED', ''),"
    f" versions={{name: __import__('importlib.metadata').metadata.version(name) for name in {COMPARED!r}}})"
)
_LOOK_FOR_PACKAGE = "__import__('spark_kernel').__version__"


@dataclass(frozen=True)
class Found:
    """What a look at the cluster has found."""

    workers: int
    cores: int
    string_hashes_agree: bool
    differences: tuple[str, ...]
    """Versions that differ from ours without being a hindrance, in words."""


class DaskSchedulerManager(ResourceManager):
    """Connects to a running Dask scheduler."""

    def __init__(self, url: str, settings: Mapping[str, str]) -> None:
        self.url = url
        self._parsed = DaskUrl.parse(url)
        self._max_failures = count_setting(settings, "spark.task.maxFailures", TASK_FAILURES)
        self._patience = time_setting(settings, "spark.scheduler.maxRegisteredResourcesWaitingTime", WORKERS_SECONDS)
        self._security = _certificates(url) if self._parsed.protocol == "tls" else None
        self._application: Application | None = None
        self._found: Found | None = None
        self._stopped = False

    @classmethod
    def parse(cls, url: str, settings: Mapping[str, str]) -> DaskSchedulerManager:
        return cls(url, settings)

    def start(self, application: Application) -> ClusterAddress:
        if self._stopped or self._application is not None:
            raise ClusterError(f"{self.url} was {'stopped' if self._stopped else 'started'} already; make another")
        self._application = application
        # In a thread of its own: the caller's may have an event loop that is running, as a notebook's main thread has.
        with ThreadPoolExecutor(1, "spark-kernel check") as thread:
            try:
                self._found = found = thread.submit(asyncio.run, self._look()).result()
            except BaseException:
                self.stop()
                raise
        for difference in found.differences:
            warnings.warn(difference, stacklevel=2)
        return ClusterAddress(
            address=self._parsed.address,
            cores=found.cores,
            expected_workers=found.workers,
            max_task_failures=self._max_failures,
            security=self._security,
            owns_workers=False,
            string_hashes_agree=found.string_hashes_agree,
        )

    def scale(self, workers: int) -> None:
        raise ClusterError(f"{self.url} is not ours to scale; scale it with what started it")

    def adapt(self, minimum: int, maximum: int) -> None:
        raise ClusterError(f"{self.url} is not ours to scale; scale it with what started it")

    def describe(self) -> dict[str, object]:
        state = "stopped" if self._stopped else "not started" if self._found is None else "running"
        described: dict[str, object] = {"master": self.url, "state": state, "address": self._parsed.address}
        if self._found is not None:
            described |= {
                "expected_workers": self._found.workers,
                "cores": self._found.cores,
                "string_hashes_agree": self._found.string_hashes_agree,
            }
        return described

    def stop(self) -> None:
        self._stopped = True
        if self._application is not None:
            remove_scratch_folder(self._application.scratch)

    async def _look(self) -> Found:
        deadline = time.monotonic() + CHECK_SECONDS
        await self._reach_port(deadline)
        async with await self._connect(deadline) as client:
            started = time.monotonic()
            await self._wait_for_a_worker(client)
            # Waiting for workers is a limit of its own.
            return await self._examine(client, deadline + time.monotonic() - started)

    async def _reach_port(self, deadline: float) -> None:
        """Find out fast, and in plain words, when nothing is there; Dask would try again and again."""
        host, port = self._parsed.host, self._parsed.port
        try:
            _, writer = await _within(deadline, asyncio.open_connection(host, port))
        except asyncio.TimeoutError:
            raise self._unreachable(f"no answer within {CHECK_SECONDS:.0f} s") from None
        except socket.gaierror as error:
            raise self._unreachable(f"there is no host named {host!r}") from error
        except OSError as error:
            raise self._unreachable(os.strerror(error.errno) if error.errno else str(error)) from error
        writer.close()

    async def _connect(self, deadline: float) -> distributed.Client:
        client = distributed.Client(
            self._parsed.address,
            asynchronous=True,
            set_as_default=False,
            security=self._security,
            timeout=max(1.0, deadline - time.monotonic() - 1.0),
            name="spark-kernel-check",
        )
        try:
            return await _within(deadline, client)
        except (OSError, asyncio.TimeoutError, ValueError, RuntimeError) as error:
            await client.close()
            hint = (
                "it may not accept the certificates of Dask's configuration, distributed.comm.tls"
                if self._security
                else "one that speaks TLS has an address tls://host:port"
            )
            raise self._unreachable(
                f"something listens there, but does not answer as a Dask scheduler does ({hint})"
            ) from error

    async def _wait_for_a_worker(self, client: distributed.Client) -> None:
        # A cluster that adapts its size has no workers until there is something to do for them.
        task = client.submit(int, pure=False)
        try:
            await asyncio.wait_for(client.wait_for_workers(1), self._patience)
        except asyncio.TimeoutError:
            raise ClusterError(
                f"the Dask scheduler at {self._parsed.address} has no workers, and none came within "
                f"{self._patience:.0f} s; start some with: dask worker {self._parsed.address}"
            ) from None
        finally:
            task.release()

    async def _examine(self, client: distributed.Client, deadline: float) -> Found:
        address = self._parsed.address
        try:
            info = await _within(deadline, client.scheduler.identity(n_workers=-1))
            looks = await _within(deadline, _everywhere(client, _LOOK))
            packages = await _within(deadline, _everywhere(client, _LOOK_FOR_PACKAGE))
        except asyncio.TimeoutError:
            raise ClusterError(
                f"the Dask scheduler at {address} answers, but not all of its workers do within {CHECK_SECONDS:.0f} s; "
                "look for workers that are stuck or can't be reached"
            ) from None
        for server, package in packages.items():
            _require_package(server, package)
        for server, look in looks.items():
            if isinstance(look, Exception):
                raise ClusterError(f"{server} can't say what it has installed: {look}") from look
            _require_python(server, look["python"])
        workers = info["workers"].values()
        return Found(
            workers=len(workers),
            cores=sum(worker["nthreads"] for worker in workers),
            string_hashes_agree=hashes_agree([look for server, look in looks.items() if server != SCHEDULER]),
            differences=tuple(_differences(looks)),
        )

    def _unreachable(self, reason: str) -> ClusterError:
        return ClusterError(
            f"can't reach a Dask scheduler at {self._parsed.address}: {reason}; "
            "check host and port, and that the scheduler runs (dask scheduler prints its address)"
        )


def hashes_agree(looks: list[dict[str, Any]]) -> bool:
    """Whether the workers hash strings alike, and those that join later will: they do now, by a seed that was set.

    >>> hashes_agree([{"hashed": 7, "seed": "6640"}, {"hashed": 7, "seed": "6640"}])
    True
    >>> hashes_agree([{"hashed": 7, "seed": ""}, {"hashed": 8, "seed": ""}])
    False
    """
    return len({look["hashed"] for look in looks}) == 1 and all(look["seed"].isdecimal() for look in looks)


def _certificates(url: str) -> distributed.Security:
    """Those of Dask's own configuration, as for any of its clients. Raises SettingsError when there are none."""
    security = distributed.Security(require_encryption=True)
    if not security.get_connection_args("client").get("ssl_context"):
        raise SettingsError(
            f"{url} needs certificates; name them in Dask's configuration, distributed.comm.tls (ca-file, client.cert, "
            "client.key), such as DASK_DISTRIBUTED__COMM__TLS__CA_FILE in the environment"
        )
    return security


async def _within(deadline: float, work: Awaitable[Result]) -> Result:
    return await asyncio.wait_for(work, max(0.0, deadline - time.monotonic()))


async def _everywhere(client: distributed.Client, expression: str) -> dict[str, Any]:
    """The value of ``expression`` in the scheduler and in each worker, or the exception that it raised there."""
    values: dict[str, Any] = {}
    try:
        values[SCHEDULER] = await client.run_on_scheduler(eval, expression)
    except Exception as error:
        values[SCHEDULER] = error
    workers = await client.run(eval, expression, on_error="return")
    return values | {f"the worker {address}": value for address, value in workers.items()}


def _require_package(server: str, package: object) -> None:
    install = f"install it there with: pip install spark-kernel=={__version__}"
    if isinstance(package, ModuleNotFoundError):
        raise ClusterError(f"{server} has no package spark-kernel; {install}") from package
    if isinstance(package, BaseException):
        raise ClusterError(f"{server} can't import spark-kernel ({package!r}); {install}") from package
    if package != __version__:
        raise ClusterError(f"{server} has spark-kernel {package}, but this is {__version__}; {install}")


def _require_python(server: str, python: str) -> None:
    ours = platform.python_version()
    if python.split(".")[:2] != ours.split(".")[:2]:
        raise ClusterError(
            f"{server} runs Python {python}, but this is {ours}; functions can be sent between equal minor versions "
            f"only: run it with Python {'.'.join(ours.split('.')[:2])}"
        )


def _differences(looks: Mapping[str, dict[str, Any]]) -> list[str]:
    ours = {name: version(name) for name in COMPARED}
    return [
        f"{server} has {name} {theirs}, but this is {ours[name]}; tasks may fail in strange ways"
        for server, look in looks.items()
        for name, theirs in look["versions"].items()
        if theirs != ours[name]
    ]
