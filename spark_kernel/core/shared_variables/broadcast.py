"""Read-only values that every executor holds once.

On the driver a `Broadcast` holds its value and travels as its id; whoever pickles a program learns from
`record_broadcasts` which ones it refers to. On an executor it finds its value in the `BroadcastCache` of its worker,
which execution makes current while it unpickles and runs a task.
"""

from __future__ import annotations

import gc
import os
import pickle
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, BinaryIO, Generic, Protocol, TypeVar

from pyspark.errors import PySparkRuntimeError

from spark_kernel.common.errors import ContextError

T = TypeVar("T")


class BroadcastHome(Protocol):
    """What a broadcast asks of the context that made it."""

    def unpersist_broadcast(self, broadcast_id: int, blocking: bool) -> None:
        """Drop the copies on the executors; the next task that uses it gets another."""

    def destroy_broadcast(self, broadcast_id: int, blocking: bool) -> None:
        """Drop it everywhere, for good."""


class BroadcastCache:
    """The values that the tasks of one worker process have used, one copy each, shared by its threads.

    ``fetch`` gets the pickled value of a broadcast to this worker; it is asked once per broadcast.

    >>> cache = BroadcastCache(lambda broadcast_id: pickle.dumps([broadcast_id]))
    >>> cache.get(7) is cache.get(7)
    True
    """

    def __init__(self, fetch: Callable[[int], bytes]) -> None:
        self._fetch = fetch
        self._lock = threading.Lock()
        self._loading: dict[int, threading.Lock] = {}
        self._values: dict[int, Any] = {}
        self._destroyed: set[int] = set()

    def get(self, broadcast_id: int) -> Any:
        """The value, fetched and unpickled by the first thread that asks while the others wait.

        Raises ContextError when it was destroyed.
        """
        with self._lock:
            if broadcast_id in self._values:
                return self._values[broadcast_id]
            if broadcast_id in self._destroyed:
                raise _destroyed(broadcast_id)
            loading = self._loading.setdefault(broadcast_id, threading.Lock())
        with loading:
            with self._lock:
                if broadcast_id in self._values:
                    return self._values[broadcast_id]
            value = pickle.loads(self._fetch(broadcast_id))
            with self._lock:
                if broadcast_id not in self._destroyed:
                    self._values[broadcast_id] = value
                self._loading.pop(broadcast_id, None)
            return value

    def unpersist(self, broadcast_id: int) -> None:
        """Let go of the value; it is fetched again when it is used again."""
        with self._lock:
            self._values.pop(broadcast_id, None)

    def destroy(self, broadcast_id: int) -> None:
        """Let go of the value; using it from now on is an error."""
        with self._lock:
            self._values.pop(broadcast_id, None)
            self._destroyed.add(broadcast_id)


_current_cache: ContextVar[BroadcastCache | None] = ContextVar("spark_kernel_broadcasts", default=None)


@contextmanager
def broadcasts_of_worker(cache: BroadcastCache) -> Iterator[None]:
    """While it is open, broadcasts that this thread unpickles find their values in ``cache``."""
    token = _current_cache.set(cache)
    try:
        yield
    finally:
        _current_cache.reset(token)


_recorders: ContextVar[tuple[set[int], ...]] = ContextVar("spark_kernel_pickled_broadcasts", default=())


@contextmanager
def record_broadcasts() -> Iterator[set[int]]:
    """A set that fills with the ids of the broadcasts that this thread pickles while it is open."""
    pickled: set[int] = set()
    token = _recorders.set((*_recorders.get(), pickled))
    try:
        yield pickled
    finally:
        _recorders.reset(token)


class Broadcast(Generic[T]):
    """A value that every executor holds once. Made by ``sc.broadcast(value)``; read it with ``.value``.

    >>> Broadcast(0, [1, 2]).value
    [1, 2]
    """

    def __init__(self, broadcast_id: int, value: T, home: BroadcastHome | None = None) -> None:
        self._id = broadcast_id
        self._home = home
        self._value: T | None = value
        self._cache: BroadcastCache | None = None
        self._is_destroyed = False

    @property
    def id(self) -> int:
        """Unique in the application."""
        return self._id

    @property
    def value(self) -> T:
        """The value; on an executor its first use fetches it.

        Raises ContextError after `destroy`.
        """
        if self._cache is not None:
            value: T = self._cache.get(self._id)
            return value
        if self._is_destroyed:
            raise _destroyed(self._id)
        return self._value  # type: ignore[return-value]

    def unpersist(self, blocking: bool = False) -> None:
        """Delete the copies on the executors; using it again sends it again. It always waits, as if ``blocking``."""
        self._refuse_on_executor("unpersisted")
        if self._home is not None:
            self._home.unpersist_broadcast(self._id, blocking)

    def destroy(self, blocking: bool = False) -> None:
        """Delete it everywhere, with ``blocking`` before it returns; it can't be used again."""
        self._refuse_on_executor("destroyed")
        if self._is_destroyed:
            return
        self._is_destroyed = True
        self._value = None
        if self._home is not None:
            self._home.destroy_broadcast(self._id, blocking)

    def dump(self, value: T, f: BinaryIO) -> None:
        """Pickle ``value`` into the open file ``f``, and close it."""
        try:
            pickle.dump(value, f, pickle.HIGHEST_PROTOCOL)
        except pickle.PickleError:
            raise
        except Exception as error:
            raise pickle.PicklingError(f"Could not serialize broadcast: {type(error).__name__}: {error}") from error
        f.close()

    def load(self, file: BinaryIO) -> T:
        """What `dump` wrote into the file."""
        # Unpickling a large container allocates much and frees nothing: collecting garbage meanwhile is in vain.
        was_enabled = gc.isenabled()
        gc.disable()
        try:
            value: T = pickle.load(file)
            return value
        finally:
            if was_enabled:
                gc.enable()

    def load_from_path(self, path: str | os.PathLike[str]) -> T:
        """What `dump` wrote into the file at ``path``."""
        with open(path, "rb", 1 << 20) as file:
            return self.load(file)

    def __reduce__(self) -> tuple[Callable[[int], Broadcast[Any]], tuple[int]]:
        self._refuse_on_executor("serialized")
        if self._is_destroyed:
            raise _destroyed(self._id)
        for pickled in _recorders.get():
            pickled.add(self._id)
        return _arrived, (self._id,)

    def __repr__(self) -> str:
        return f"Broadcast({self._id})"

    def _refuse_on_executor(self, operation: str) -> None:
        if self._cache is not None:
            raise PySparkRuntimeError(
                errorClass="INVALID_BROADCAST_OPERATION", messageParameters={"operation": operation}
            )


def _arrived(broadcast_id: int) -> Broadcast[Any]:
    cache = _current_cache.get()
    if cache is None:
        raise PySparkRuntimeError(
            errorClass="BROADCAST_VARIABLE_NOT_LOADED", messageParameters={"variable": str(broadcast_id)}
        )
    broadcast = Broadcast[Any](broadcast_id, None)
    broadcast._cache = cache
    return broadcast


def _destroyed(broadcast_id: int) -> ContextError:
    return ContextError(
        f"Attempted to use Broadcast({broadcast_id}) after it was destroyed. Broadcast the value again, or call "
        "unpersist() instead of destroy() to free memory on the executors only."
    )
