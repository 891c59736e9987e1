"""What every resource manager offers, and the words for it.

The context makes a manager from a master URL (`registry.resource_manager`), starts it with its application and
connects to the address that comes back. Nothing here starts anything.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import distributed


@dataclass(frozen=True)
class Application:
    """The application that needs a cluster."""

    app_id: str
    """Unique on this machine (`spark_kernel.common.ids.new_application_id`)."""
    scratch: Path
    """Its folder on this node (`scratch.scratch_folder`); removed when the manager stops, however it ends."""
    preload: tuple[str, ...] = ()
    """Modules that every worker imports before its first task."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Its configuration, such as ``spark.executor.memory``."""


@dataclass(frozen=True)
class ClusterAddress:
    """What a driver needs to connect to a cluster and to count on it."""

    address: str | None
    """``tcp://127.0.0.1:34567``; None when there is no cluster and the driver computes by itself."""
    cores: int
    """Tasks that run at once when all workers are there."""
    expected_workers: int
    """Worker processes when all are there."""
    max_task_failures: int
    """Attempts that a task gets before its job fails."""
    security: distributed.Security | None = None
    """What to connect with, when the cluster uses TLS."""
    owns_workers: bool = True
    """Whether the cluster is ours to scale and to shut down."""
    shares_folder: bool = False
    """Whether every worker, now and later, finds the driver's folder of the application at the same place."""
    string_hashes_agree: bool = True
    """Whether ``hash()`` of a string is the same in every worker process, now and later."""


class ResourceManager(ABC):
    """One cluster for one application. Made by `parse`, started once, stopped once or more.

    Every method may be called from any thread.
    """

    url: str
    """The master URL that it was made from."""

    @classmethod
    @abstractmethod
    def parse(cls, url: str, settings: Mapping[str, str]) -> ResourceManager:
        """The manager that ``url`` names. Starts nothing.

        Raises MasterUrlError when the URL is wrong, SettingsError when a setting is.
        """

    @abstractmethod
    def start(self, application: Application) -> ClusterAddress:
        """Start the cluster, or find it. Returns when its scheduler can be reached; workers may join later.

        Raises ClusterError when that fails; nothing is left behind then.
        """

    @abstractmethod
    def scale(self, workers: int) -> None:
        """Ask for this many workers and end any `adapt`. Returns before they have joined or left.

        Raises ClusterError when this cluster can't be scaled.
        """

    @abstractmethod
    def adapt(self, minimum: int, maximum: int) -> None:
        """Let the number of workers follow the load, within these bounds.

        Raises ClusterError when this cluster can't be scaled, SettingsError when the bounds make no sense.
        """

    @abstractmethod
    def describe(self) -> dict[str, object]:
        """What a person wants to know: master, state, address, workers, cores, memory in bytes, process ids."""

    @abstractmethod
    def stop(self) -> None:
        """End what `start` started; nothing of ours is left. Does nothing the second time."""

    def on_lost(self, listener: Callable[[str], None]) -> None:  # noqa: B027
        """Call ``listener`` with the reason, once, in some thread, if the cluster ends before `stop`.

        Managers that have nothing to lose never call it.
        """
