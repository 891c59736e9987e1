"""Starting the cluster in the background, so that a context exists at once."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Mapping
from pathlib import Path

from spark_kernel.common.errors import ClusterError
from spark_kernel.common.waiting import wait_attentively
from spark_kernel.core.context.pending_backend import PendingBackend
from spark_kernel.core.execution.backend import Backend
from spark_kernel.core.execution.inline import InlineBackend
from spark_kernel.core.execution.preloads import PRELOAD
from spark_kernel.core.execution.waiting_tasks import Turns
from spark_kernel.resource_managers.interface import Application, ClusterAddress, ResourceManager
from spark_kernel.resource_managers.scratch import remove_scratch_folder, scratch_folder

_DASK_BACKEND = "spark_kernel.core.execution.dask_backend"


class ClusterStart:
    """Starts a resource manager in a thread and attaches a backend for what it started."""

    def __init__(
        self,
        manager: ResourceManager,
        app_id: str,
        settings: Mapping[str, str],
        backend: PendingBackend,
        patience: float,
        turns: Turns | None = None,
    ) -> None:
        """``patience`` is how long it may take, in seconds; ``turns`` says which tasks wait for which slot."""
        self.error: BaseException | None = None
        """Why there is no cluster; None while it starts and when it did."""
        self.address: ClusterAddress | None = None
        self._manager = manager
        self._app_id = app_id
        self._settings = dict(settings)
        self._backend = backend
        self._patience = patience
        self._turns = turns
        self._done = threading.Event()
        self._alarm = threading.Timer(patience, self._give_up)
        self._alarm.daemon = True
        self._thread = threading.Thread(target=self._run, name="spark-kernel-start", daemon=True)

    def begin(self) -> None:
        """Start; returns at once."""
        self._alarm.start()
        self._thread.start()
        if self._manager.url != "inline":
            # Dask takes half a second to import: while the cluster starts, not after.
            threading.Thread(target=importlib.import_module, args=(_DASK_BACKEND,), daemon=True).start()

    def wait(self) -> ClusterAddress:
        """Where the cluster is, once it is there.

        Raises ClusterError when it did not start.
        """
        wait_attentively(self._done.wait)
        if self.address is None:
            raise self.failure()
        return self.address

    def failure(self) -> ClusterError:
        """The error to raise for whatever needs the cluster that did not start."""
        if isinstance(self.error, ClusterError):
            return self.error
        return ClusterError(f"{self._manager.url} did not start: {self.error}")

    def _run(self) -> None:
        scratch: Path | None = None
        try:
            scratch = scratch_folder(self._app_id, self._settings)
            self._manager.on_lost(self._backend.fail)
            address = self._manager.start(Application(self._app_id, scratch, PRELOAD, self._settings))
            self._backend.attach(self._make_backend(address, scratch))
            self.address = address
        except BaseException as error:
            self._fail(error)
            if scratch is not None:
                remove_scratch_folder(scratch)
        finally:
            self._alarm.cancel()
            self._done.set()

    def _give_up(self) -> None:
        self._fail(
            ClusterError(
                f"{self._manager.url} did not start within {self._patience:.0f} s. Stop this context and start "
                "another; spark.kernel.startTimeout gives it more time."
            )
        )
        self._done.set()

    def _fail(self, error: BaseException) -> None:
        if self.error is None:
            self.error = error
            self._backend.fail(str(error))

    def _make_backend(self, address: ClusterAddress, scratch: Path) -> Backend:
        if address.address is None:
            return InlineBackend(scratch, settings=self._settings)
        module = importlib.import_module(_DASK_BACKEND)
        backend: Backend = module.DaskBackend(address, self._app_id, self._settings, self._turns)
        return backend
