"""How events reach those who listen. A listener that fails is logged and does no harm."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from spark_kernel.common.events import Event

Listener = Callable[[Event], None]
_log = logging.getLogger(__name__)


class EventBus:
    """Delivers each event to every listener, in order, in the thread that announces it.

    Listeners must be quick: hand slow work to a thread of their own.

    >>> bus, seen = EventBus(), []
    >>> remove = bus.listen(seen.append)
    >>> bus.announce(Event(time=0.0)); remove(); bus.announce(Event(time=1.0))
    >>> seen
    [Event(time=0.0)]
    """

    def __init__(self) -> None:
        self._listeners: tuple[Listener, ...] = ()
        self._changing = threading.Lock()
        # One announcement at a time, so that every listener sees the same order.
        self._announcing = threading.RLock()

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Deliver to ``listener`` from now on; returns the call that ends it."""
        with self._changing:
            self._listeners = (*self._listeners, listener)
        return lambda: self._remove(listener)

    def announce(self, event: Event) -> None:
        """Tell every listener that ``event`` happened."""
        with self._announcing:
            for listener in self._listeners:
                try:
                    listener(event)
                except Exception:
                    _log.exception("listener %r failed on %s", listener, type(event).__name__)

    def _remove(self, listener: Listener) -> None:
        with self._changing:
            self._listeners = tuple(known for known in self._listeners if known != listener)
