"""Writing all events to storage, as JSON lines in a folder named after the application."""

from __future__ import annotations

import logging
import queue
import threading
import time
from typing import Any

from spark_kernel.common.errors import StorageError
from spark_kernel.common.event_json import to_json
from spark_kernel.common.events import Event
from spark_kernel.storage.documents import SegmentedLog
from spark_kernel.storage.options import StorageOptions

_PAUSE_SECONDS = 0.5
"""Events are collected for so long before they are written: each write is a request to the storage."""
_STOP_SECONDS = 10.0

_log = logging.getLogger(__name__)


class EventLog:
    """A listener that writes what it hears, in a thread of its own."""

    def __init__(self, folder: str, app_id: str, options: StorageOptions) -> None:
        """Raises StorageError when nothing can be written there, PathExistsError when something is there already."""
        self.url = f"{folder.rstrip('/')}/{app_id}"
        self._log = SegmentedLog(self.url, options)
        self._log.append([])
        self._heard: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._loop, name="spark-kernel-event-log", daemon=True)
        self._thread.start()

    def __call__(self, event: Event) -> None:
        """Take note of an event."""
        self._heard.put(event)

    def stop(self) -> None:
        """Write what was heard."""
        self._heard.put(None)
        self._thread.join(timeout=_STOP_SECONDS)

    def _loop(self) -> None:
        stopping = threading.Event()
        while not stopping.is_set():
            records = self._collect(stopping)
            try:
                self._log.append(records)
            except StorageError as error:
                _log.warning("the event log %s could not be written and ends here: %s", self.url, error)
                return

    def _collect(self, stopping: threading.Event) -> list[dict[str, Any]]:
        """The next event, and those that come soon after it."""
        records = []
        event = self._heard.get()
        until = time.monotonic() + _PAUSE_SECONDS
        while event is not None:
            records.append(to_json(event))
            try:
                event = self._heard.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                return records
        stopping.set()
        return records
