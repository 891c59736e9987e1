"""Which API method the user called, and where: the call site that every dataset and job of that call carries.

Public methods are built from other public methods (``distinct`` from ``map`` and ``reduceByKey``). All that such a
call makes is named by the method that the user wrote.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from spark_kernel.common.call_sites import CallSite, find_call_site

P = ParamSpec("P")
R = TypeVar("R")


class _Asked(threading.local):
    site: CallSite | None = None


_asked = _Asked()


def operation(method: Callable[P, R]) -> Callable[P, R]:
    """Make ``method`` an operation of the API: while it runs, `current_site` is the line that called it.

    Within another operation it changes nothing, so that the outermost one, the user's, gives the name.

    >>> @operation
    ... def shuffle_twice():
    ...     return reduce_once()
    >>> @operation
    ... def reduce_once():
    ...     return current_site().function
    >>> reduce_once(), shuffle_twice()
    ('reduce_once', 'shuffle_twice')
    """
    name = method.__name__

    @functools.wraps(method)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        if _asked.site is not None:
            return method(*args, **kwargs)
        _asked.site = find_call_site(name, sys._getframe(1))
        try:
            return method(*args, **kwargs)
        finally:
            _asked.site = None

    return called


def current_site() -> CallSite:
    """The user's call that is being carried out in this thread."""
    return _asked.site if _asked.site is not None else find_call_site("<unknown>", sys._getframe(1))
