"""What a supervisor hosts: any of Dask's cluster objects, with what the driver wants to know about it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from distributed.deploy import Cluster

_CHANCES = 4
"""How often workers that did not start are asked for."""


class HostedCluster:
    """A cluster object that lives in the supervisor's event loop; made there, and started by it."""

    def __init__(
        self,
        cluster: Cluster,
        workers: int,
        cores_per_worker: int,
        memory_per_worker: int,
        processes: Callable[[], dict[str, object]],
        close: Callable[[], Awaitable[object]] | None = None,
        forget_failed: Callable[[], None] | None = None,
        started: Callable[[], None] = lambda: None,
    ) -> None:
        """``cluster`` is asynchronous and has no workers; ``workers`` are asked for once its scheduler listens.

        Memory is in bytes. ``processes`` names the process ids that a person may want to look at. ``close`` ends
        the cluster faster than its own ``close`` does, where there is such a way. ``forget_failed`` lets go of workers
        that did not start, so that asking for workers again makes others. ``started`` is called once all are there.
        """
        self.cluster = cluster
        self.workers = workers
        self.cores_per_worker = cores_per_worker
        self.memory_per_worker = memory_per_worker
        self._processes = processes
        self._close = close
        self._forget_failed = forget_failed
        self._started = started

    async def start_workers(self) -> None:
        """Ask for the workers, and return when they are there.

        A worker joins before its nanny has taken note of that. If its first task ends the process just then, the
        nanny takes it for one that can't start; so those that failed get another chance.

        Raises what the last chance raised.
        """
        for chance in range(_CHANCES):
            self.cluster.scale(self.workers)
            try:
                await self.cluster
                self._started()
                return
            except Exception:
                if self._forget_failed is None or chance == _CHANCES - 1:
                    raise
                self._forget_failed()

    async def close(self) -> None:
        """End scheduler and workers."""
        await (self.cluster.close() if self._close is None else self._close())

    async def scheduler_finished(self) -> None:
        """Return when the scheduler has ended."""
        await self.cluster.scheduler.finished()

    def command(self, name: str, arguments: dict[str, Any]) -> object:
        """Carry out what the driver asked for; returns something that JSON can hold.

        Raises ValueError for what is no command.
        """
        commands: dict[str, Callable[..., object]] = {
            "scale": self._scale,
            "adapt": self._adapt,
            "describe": self.describe,
        }
        if name not in commands:
            raise ValueError(f"{name!r} is no command; expected one of {', '.join(commands)}")
        return commands[name](**arguments)

    def describe(self) -> dict[str, object]:
        """The cluster's address, its size, the workers that are there, and process ids."""
        return {
            "address": self.cluster.scheduler_address,
            "dashboard": self.cluster.dashboard_link or None,
            "expected_workers": self.workers,
            "cores_per_worker": self.cores_per_worker,
            "memory_per_worker": self.memory_per_worker,
            "workers": [
                {"name": info["name"], "address": address, "cores": info["nthreads"], "memory": info["memory_limit"]}
                for address, info in self.cluster.scheduler_info["workers"].items()
            ],
            "processes": self._processes(),
        }

    def _scale(self, workers: int) -> None:
        self._stop_adapting()
        self.workers = workers
        self.cluster.scale(workers)

    def _adapt(self, minimum: int, maximum: int) -> None:
        self._stop_adapting()
        self.cluster.adapt(minimum=minimum, maximum=maximum)

    def _stop_adapting(self) -> None:
        if self.cluster._adaptive is not None:
            self.cluster._adaptive.stop()
            self.cluster._adaptive = None
