"""What the cluster holds for the driver's tasks: broadcast values and added files, each as a Dask key.

Tasks that need a value depend on its key, so Dask brings it to the worker that runs them. The driver keeps a copy: when
the connection breaks, what the cluster held is gone. Runs in the backend's event loop only.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import Any, Generic, TypeVar

from dask._task_spec import TaskRef
from distributed import Future

from spark_kernel.core.execution.parcels import Parcel

Name = TypeVar("Name", bound=Hashable)


class KeptValues(Generic[Name]):
    """Values by name."""

    def __init__(self, send: Callable[[Parcel], Future]) -> None:
        """``send`` makes a Dask key that no other value has."""
        self._send = send
        self._values: dict[Name, Parcel] = {}
        self._futures: dict[Name, Future] = {}

    def __iter__(self) -> Iterator[Name]:
        return iter(self._values)

    def put(self, name: Name, value: bytes) -> None:
        """Have the cluster hold ``value`` from now on."""
        self._values[name] = Parcel(value)
        self._futures[name] = self._send(self._values[name])

    def send_again(self) -> None:
        """The cluster holds nothing any more: send it all."""
        self._futures = {name: self._send(value) for name, value in self._values.items()}

    def drop(self, name: Name) -> None:
        """Forget a value, once the tasks that depend on it are done. Does nothing when it is not there."""
        self._values.pop(name, None)
        future = self._futures.pop(name, None)
        if future is not None:
            future.release()

    def reference(self, name: Name) -> Any:
        """What stands for the value among the arguments of a Dask task. Raises KeyError when it was dropped."""
        return TaskRef(self._futures[name].key)
