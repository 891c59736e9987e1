"""Threads that start jobs as the thread did that started them: same group, tags, properties and run."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from spark_kernel.core.context.spark_context import SparkContext


class InheritableThread(threading.Thread):
    """A thread that begins with what the thread that starts it has said about its jobs."""

    def __init__(self, target: Callable[..., Any], *args: Any, session: Any = None, **kwargs: Any) -> None:
        """``session`` is accepted as by PySpark; local properties do not depend on it. The rest is `Thread`'s."""

        def run_in_scope(*arguments: Any, **keywords: Any) -> Any:
            with self._scope():
                return target(*arguments, **keywords)

        super().__init__(*args, target=run_in_scope, **kwargs)  # type: ignore[misc]
        self._scope: Callable[[], AbstractContextManager[None]] = nullcontext

    def start(self) -> None:
        """Take over the local properties of the calling thread, as they are now, and begin."""
        self._scope = _carried_over()
        super().start()


def inheritable_thread_target(f: Any) -> Callable[..., Any]:
    """``f``, to be run in another thread with the local properties that the calling thread has now.

    With a session instead of a function: a decorator, as in PySpark.
    """
    if not callable(f):
        return inheritable_thread_target
    scope = _carried_over()

    @functools.wraps(f)
    def run_in_scope(*args: Any, **kwargs: Any) -> Any:
        with scope():
            return f(*args, **kwargs)

    return run_in_scope


def _carried_over() -> Callable[[], AbstractContextManager[None]]:
    active = SparkContext._active_spark_context
    return nullcontext if active is None else active.session.carry_over()
