"""An event loop in a thread of its own, for which other threads leave work. Knows nothing of Dask."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections.abc import Callable, Coroutine
from typing import Any

_log = logging.getLogger(__name__)


class LoopThread:
    """Runs ``main`` until it returns; what others left is begun in the order in which they left it."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._main: Callable[[], Coroutine[Any, Any, None]] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Begin with ``main``."""
        self._main = main
        self._thread.start()

    def soon(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Call ``function`` in the loop, and await what it returns if need be. From any thread.

        Nothing happens when the loop has ended.
        """
        if not self._loop.is_closed():
            try:
                self._loop.call_soon_threadsafe(self._call, function, *arguments)
            except RuntimeError:
                # It ended just now.
                return

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Let ``coroutine`` run beside the others; what it raises is logged. In the loop only."""
        task = self._loop.create_task(coroutine)
        # The loop itself holds tasks weakly.
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def later(self, seconds: float, function: Callable[[], Any]) -> None:
        """Call ``function`` after some time. In the loop only."""
        self._loop.call_later(seconds, function)

    def join(self, seconds: float) -> None:
        """Wait until ``main`` has returned, for at most ``seconds``; not at all in the loop's own thread."""
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(timeout=seconds)

    def _call(self, function: Callable[..., Any], *arguments: Any) -> None:
        result = function(*arguments)
        if inspect.iscoroutine(result):
            self.spawn(result)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.error("a request to the cluster failed", exc_info=task.exception())

    def _run(self) -> None:
        assert self._main is not None
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._main())
            self._loop.run_until_complete(self._drop_tasks())
        finally:
            self._loop.close()

    async def _drop_tasks(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=1) if tasks else None
