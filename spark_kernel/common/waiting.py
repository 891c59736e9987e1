"""Waiting in the thread that interrupts are meant for.

A signal that arrives in the moment before Python blocks on a lock does not end that wait: the interrupt would be
answered when something else happens, if ever. So such waits are short ones, again and again.
"""

from __future__ import annotations

from collections.abc import Callable

LOOK_SECONDS = 0.2
"""How late an interrupt may be heard at worst."""


def wait_attentively(wait: Callable[[float], bool]) -> None:
    """Call ``wait(seconds)``, such as ``Event.wait``, until it says that what it waits for is there.

    >>> import threading
    >>> there = threading.Event()
    >>> threading.Timer(0.01, there.set).start()
    >>> wait_attentively(there.wait)
    """
    while not wait(LOOK_SECONDS):
        pass
