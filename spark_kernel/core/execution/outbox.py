"""The way of an executor's messages to the driver: collected for a moment, so that short tasks cost little."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable

from spark_kernel.core.execution.worker_messages import WorkerMessage

SECONDS = 0.05
"""A message waits this long for company, at most; less than anybody who watches a progress bar notices."""


class Outbox:
    """Safe to use from any thread.

    ``send`` is called with pickled lists of messages, in any thread; ``call_later`` calls a function after some time.
    """

    def __init__(self, send: Callable[[bytes], None], call_later: Callable[[float, Callable[[], None]], None]) -> None:
        self._send = send
        self._call_later = call_later
        self._lock = threading.Lock()
        self._waiting: list[WorkerMessage] = []
        self._flush_is_due = False

    def put(self, message: WorkerMessage) -> None:
        """Send ``message`` soon."""
        with self._lock:
            self._waiting.append(message)
            is_due, self._flush_is_due = self._flush_is_due, True
        if not is_due:
            self._call_later(SECONDS, self._flush_in_time)

    def flush(self) -> None:
        """Send what waits now. Messages leave in the order in which they were put."""
        with self._lock:
            messages, self._waiting = self._waiting, []
            if messages:
                self._send(pickle.dumps(messages, protocol=5))

    def _flush_in_time(self) -> None:
        with self._lock:
            self._flush_is_due = False
        self.flush()
