"""Pulling from an iterator on a stack of its own, so that nesting is bounded however long a chain of steps is.

Iterators that pull from each other nest on the stack of the thread that pulls from the last one. A user who chains
10,000 steps would run out of Python's frames, or of the C stack. So every hundred steps the lower part moves to a
thread of its own, which runs only while it is being asked: records are handed over a few at a time.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Iterator
from itertools import islice
from queue import SimpleQueue
from typing import Any

MAX_CHUNK = 32
"""Records handed over at once, at most; few, since records can be large and must not be computed in vain."""


def on_own_stack(
    open_records: Callable[[], Iterator[Any]], adopt_thread: Callable[[], Callable[[], None]]
) -> Iterator[Any]:
    """The records of ``open_records()``, which is called and pulled from in another thread, while the caller waits.

    The thread begins when the first record is asked for. ``adopt_thread`` is called in it then; what that returns is
    called there when it ends. The first record is asked for alone, then two, then four: what is computed in vain is at
    most what was used.

    >>> list(on_own_stack(lambda: iter("abc"), lambda: lambda: None))
    ['a', 'b', 'c']
    """
    asked: SimpleQueue[int] = SimpleQueue()
    given: SimpleQueue[tuple[list[Any], BaseException | None, bool]] = SimpleQueue()
    context = contextvars.copy_context()
    thread = threading.Thread(
        target=context.run,
        args=(_serve, open_records, asked, given, adopt_thread),
        name="spark-kernel-steps",
        daemon=True,
    )
    thread.start()
    size = 1
    try:
        while True:
            asked.put(size)
            chunk, error, ended = given.get()
            yield from chunk
            if error is not None:
                raise error
            if ended:
                return
            size = min(2 * size, MAX_CHUNK)
    finally:
        asked.put(0)


def _serve(
    open_records: Callable[[], Iterator[Any]],
    asked: SimpleQueue[int],
    given: SimpleQueue[tuple[list[Any], BaseException | None, bool]],
    adopt_thread: Callable[[], Callable[[], None]],
) -> None:
    release = adopt_thread()
    records: Iterator[Any] | None = None
    try:
        while size := asked.get():
            chunk: list[Any] = []
            error: BaseException | None = None
            try:
                if records is None:
                    records = open_records()
                # Records that came before an error are kept: they are used before it is raised.
                chunk.extend(islice(records, size))
            except BaseException as raised:
                error = raised
            given.put((chunk, error, error is None and len(chunk) < size))
            if error is not None:
                return
    finally:
        release()
