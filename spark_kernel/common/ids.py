"""The names of things, and their grammar.

    application   <kind>-<yyyymmddHHMMSS>-<4 hex>     app-20261122133505-9f3c; local-... on one machine, as in Spark
    run           <application>/run-<n>               one execution of a cell
    job, stage    integers from 0, per application
    task          integer from 0, per application; one per attempt
    task key      ("sk_<operation>-<application>-<stage>.<stage attempt>", partition, attempt)

A stage can be read off a task key without a look-up, as the progress counters need.
"""

from __future__ import annotations

import itertools
import secrets
import threading
import time


def new_application_id(now: float | None = None, kind: str = "app") -> str:
    """An id that no other application on this machine has.

    >>> new_application_id(0.0)[:19]
    'app-19700101000000-'
    """
    stamp = time.strftime("%Y%m%d%H%M%S", time.gmtime(now))
    return f"{kind}-{stamp}-{secrets.token_hex(2)}"


class Counter:
    """Integers from ``start``, each given once, whichever thread asks.

    >>> ids = Counter()
    >>> ids.next(), ids.next()
    (0, 1)
    """

    def __init__(self, start: int = 0) -> None:
        self._numbers = itertools.count(start)
        self._lock = threading.Lock()

    def next(self) -> int:
        """The next integer."""
        with self._lock:
            return next(self._numbers)
