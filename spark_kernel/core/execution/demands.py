"""What tasks take of their executor, and what executors have: CPUs, memory, and resources such as GPUs. Pure.

A resource is known by its addresses, which a task gets for itself: ``gpu`` with the addresses ``0`` and ``1``. A task
may take a part of one address, so that several share it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from spark_kernel.core.execution.backend import Demand, Executor

_MEMORY = ("memory", "memoryOverhead", "pyspark.memory", "offHeap")
"""Spark's kinds of memory, in MiB; a worker has one memory for all of them."""
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Grant:
    """What one task, or one bundle of tasks that run one after the other, takes of its executor."""

    cpus: int = 1
    addresses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Name of a resource, as the user wrote it -> addresses."""
    share: Mapping[str, float] = field(default_factory=dict)
    """How much of each address; 1.0 where nothing is said."""
    reserved: Mapping[str, float] = field(default_factory=dict)
    """The same as Dask counts it: the worker's own name for the resource -> amount."""


ONE_SLOT = Grant()


class Room:
    """What an executor has left."""

    def __init__(self, executor: Executor, taken: Iterable[Grant] = ()) -> None:
        self._executor = executor
        self.cpus = executor.cores
        self._left = {name: dict.fromkeys(addresses, 1.0) for name, addresses in executor.resources.items()}
        for grant in taken:
            self.take(grant)

    def grant_for(self, demand: Demand) -> Grant | None:
        """What a task with this demand would get; None when there is not enough left.

        >>> room = Room(Executor("w1", "here", 4, 0, {"GPU": ("0", "1")}))
        >>> room.grant_for(Demand(cpus=2, resources={"gpu": 1})).addresses
        {'gpu': ('0',)}
        >>> room.grant_for(Demand(cpus=5)) is None
        True
        """
        if demand.cpus > self.cpus:
            return None
        addresses: dict[str, tuple[str, ...]] = {}
        share: dict[str, float] = {}
        reserved: dict[str, float] = {}
        for name, amount in demand.resources.items():
            if amount <= 0:
                continue
            own_name = _own_name(self._executor, name)
            free = self._free(own_name, min(amount, 1.0))
            count = max(1, int(amount))
            if own_name is None or len(free) < count:
                return None
            addresses[name], share[name] = tuple(free[:count]), min(amount, 1.0)
            reserved[own_name] = amount
        return Grant(demand.cpus, addresses, share, reserved)

    def take(self, grant: Grant) -> None:
        """Somebody has it now."""
        self.cpus -= grant.cpus
        for name, addresses in grant.addresses.items():
            left = self._left.get(_own_name(self._executor, name) or "", {})
            for address in addresses:
                left[address] = left.get(address, 0.0) - grant.share.get(name, 1.0)

    def _free(self, own_name: str | None, share: float) -> Sequence[str]:
        left = self._left.get(own_name or "", {})
        # The fullest first, so that whole addresses stay free for those who need one.
        fitting = [address for address, rest in left.items() if rest + _ROUNDING >= share]
        return sorted(fitting, key=lambda address: left[address])


def suits(demand: Demand, executor: Executor) -> bool:
    """Whether the executor, with nothing else to do, could run a task with this demand.

    >>> suits(Demand(executor={"cores": 2, "memory": 512}), Executor("w1", "here", 2, 1 << 30))
    True
    >>> suits(Demand(executor={"gpu": 1}), Executor("w1", "here", 2, 1 << 30))
    False
    """
    wanted = demand.executor
    memory = sum(wanted.get(kind, 0) for kind in _MEMORY) << 20
    if wanted.get("cores", 0) > executor.cores or (executor.memory_bytes and memory > executor.memory_bytes):
        return False
    others = {name: amount for name, amount in wanted.items() if name != "cores" and name not in _MEMORY}
    has = {name: executor.resources.get(_own_name(executor, name) or "", ()) for name in others}
    return all(len(has[name]) >= amount for name, amount in others.items()) and (
        Room(executor).grant_for(demand) is not None
    )


def concurrent_tasks(demand: Demand, executors: Iterable[Executor], limit: int) -> int:
    """How many tasks with this demand the executors could run at once, up to ``limit``.

    >>> concurrent_tasks(Demand(cpus=2), [Executor("w1", "here", 5, 0), Executor("w2", "here", 1, 0)], 100)
    2
    """
    count = 0
    for executor in executors:
        room = Room(executor)
        while count < limit and suits(demand, executor) and (grant := room.grant_for(demand)) is not None:
            room.take(grant)
            count += 1
    return count


def refusal(demand: Demand, executors: Sequence[Executor]) -> str:
    """Why no executor can run such tasks, and what to do."""
    kinds: dict[str, int] = {}
    for executor in executors:
        has = [f"{executor.cores} core{'s' * (executor.cores != 1)}"]
        if executor.memory_bytes:
            has.append(f"{executor.memory_bytes >> 20} MiB")
        has += [f"{len(addresses)} {name}" for name, addresses in sorted(executor.resources.items())]
        kinds[", ".join(has)] = kinds.get(", ".join(has), 0) + 1
    there = "; ".join(f"{count} with {kind}" for kind, count in kinds.items()) or "none"
    return (
        f"No worker can run tasks that take {_listed({'cpus': demand.cpus, **demand.resources})}"
        + (f" on a worker with {_listed(demand.executor)}" if demand.executor else "")
        + f". The workers of this cluster: {there}.\n"
        "  Ask for less in the ResourceProfile or in spark.task.cpus, or use a cluster that has it: "
        "local-cluster[workers,cores,MiB], or dask://... with workers started with --resources 'GPU=1'."
    )


def addresses_of(resources: Mapping[str, float], visible_gpus: str = "") -> dict[str, tuple[str, ...]]:
    """The addresses of what a Dask worker was started with; ``visible_gpus`` is its ``CUDA_VISIBLE_DEVICES``.

    >>> addresses_of({"GPU": 2.0, "FPGA": 1.0}, "3,5")
    {'GPU': ('3', '5'), 'FPGA': ('0',)}
    """
    found = {name: tuple(map(str, range(int(amount)))) for name, amount in resources.items()}
    gpus = tuple(part.strip() for part in visible_gpus.split(",") if part.strip())
    for name, addresses in found.items():
        if name.lower() == "gpu" and len(gpus) == len(addresses):
            found[name] = gpus
    return found


def _own_name(executor: Executor, name: str) -> str | None:
    """Spark's resources are written small (``gpu``), Dask's mostly large (``GPU``)."""
    return next((own for own in executor.resources if own.lower() == name.lower()), None)


def _listed(amounts: Mapping[str, float]) -> str:
    return ", ".join(map(_amount_text, amounts, amounts.values()))


def _amount_text(name: str, amount: float) -> str:
    if name in _MEMORY:
        return f"{amount} MiB of {name}"
    return f"{amount:g} {name.removesuffix('s') if amount == 1 else name}"
