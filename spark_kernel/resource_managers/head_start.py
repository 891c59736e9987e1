"""A cluster that starts before the code that will use it is imported.

A kernel knows its master URL at once, while the engine takes most of a second to import, as does a supervisor. So the
kernel begins the cluster first (`begin`) and imports meanwhile; the context of the same master and settings takes it
over (`take`). What nobody takes is ended (`discard`), at the latest with the process.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future

from spark_kernel.common.errors import ClusterError, SparkKernelError
from spark_kernel.common.ids import new_application_id
from spark_kernel.resource_managers.interface import Application, ClusterAddress, ResourceManager
from spark_kernel.resource_managers.master_url import scheme_of
from spark_kernel.resource_managers.registry import resource_manager
from spark_kernel.resource_managers.scratch import scratch_folder

# Settings that a context adds to what it was given; they mean nothing to a resource manager.
_ADDED_BY_CONTEXT = ("spark.master", "spark.app.", "spark.rdd.compress", "spark.serializer.", "spark.executor.id")


class StartedManager(ResourceManager):
    """A resource manager whose cluster has begun to start for the application `app_id`."""

    def __init__(self, manager: ResourceManager, app_id: str, settings: Mapping[str, str]) -> None:
        self.url = manager.url
        self.app_id = app_id
        self.settings = dict(settings)
        self._manager = manager
        self._address: Future[ClusterAddress] = Future()

    @classmethod
    def parse(cls, url: str, settings: Mapping[str, str]) -> ResourceManager:
        """The manager that will do the work."""
        return resource_manager(url, settings)

    def begin(self, preload: tuple[str, ...]) -> None:
        """Start, in a thread of its own."""
        threading.Thread(target=self._begin, args=(preload,), name="spark-kernel head start", daemon=True).start()

    def _begin(self, preload: tuple[str, ...]) -> None:
        try:
            scratch = scratch_folder(self.app_id, self.settings)
            self._address.set_result(self._manager.start(Application(self.app_id, scratch, preload, self.settings)))
        except BaseException as error:
            self._address.set_exception(error)

    def start(self, application: Application) -> ClusterAddress:
        """Wait for what `begin` started. Raises ClusterError when it did not start."""
        if application.app_id != self.app_id:
            raise ClusterError(f"this cluster was started for {self.app_id}, not for {application.app_id}")
        return self._address.result()

    def scale(self, workers: int) -> None:
        self._manager.scale(workers)

    def adapt(self, minimum: int, maximum: int) -> None:
        self._manager.adapt(minimum, maximum)

    def describe(self) -> dict[str, object]:
        return self._manager.describe()

    def stop(self) -> None:
        self._manager.stop()

    def on_lost(self, listener: Callable[[str], None]) -> None:
        self._manager.on_lost(listener)


_waiting: StartedManager | None = None
_changing = threading.Lock()


def begin(url: str, settings: Mapping[str, str], preload: tuple[str, ...]) -> None:
    """Begin to start the cluster at ``url`` in the background; workers import ``preload``.

    Does nothing when the URL or a setting is wrong: whoever makes a context of them is told.
    """
    global _waiting
    discard()
    try:
        manager = resource_manager(url, settings)
    except SparkKernelError:
        return
    kind = "local" if scheme_of(url) in ("local", "inline") else "app"
    started = StartedManager(manager, new_application_id(kind=kind), settings)
    started.begin(preload)
    with _changing:
        _waiting = started


def take(url: str, settings: Mapping[str, str]) -> StartedManager | None:
    """The cluster that was begun for this URL and these settings, once; None when there is none.

    One that was begun for others is ended.
    """
    global _waiting
    with _changing:
        started, _waiting = _waiting, None
    if started is None:
        return None
    if started.url == url and _given(started.settings) == _given(settings):
        return started
    started.stop()
    return None


@atexit.register
def discard() -> None:
    """End the cluster that nobody took."""
    global _waiting
    with _changing:
        started, _waiting = _waiting, None
    if started is not None:
        started.stop()


def _given(settings: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in settings.items() if not name.startswith(_ADDED_BY_CONTEXT)}
