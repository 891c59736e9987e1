"""Removing what datasets leave behind once nothing refers to them: shuffle files, cached blocks, names.

Spark's ContextCleaner. A dataset can be found to be garbage in any thread and in the middle of anything, so all that
happens there is a note in a queue that may be written to from anywhere; a thread does the rest.
"""

from __future__ import annotations

import logging
import queue
import threading
import weakref
from collections.abc import Callable
from typing import Any

from spark_kernel.core.lineage.node import Node, ShuffleDependency
from spark_kernel.core.shared_variables.broadcast import Broadcast

_log = logging.getLogger(__name__)


class Cleaner:
    """Calls the functions that it is given with the ids of what is gone."""

    def __init__(
        self,
        forget_shuffle: Callable[[int], None],
        forget_node: Callable[[int], None],
        forget_broadcast: Callable[[int], None],
    ) -> None:
        self._facts_of: dict[int, weakref.finalize[..., Node]] = {}
        self._forget_shuffle = forget_shuffle
        self._forget_node = forget_node
        self._forget_broadcast = forget_broadcast
        self._gone: queue.SimpleQueue[tuple[Callable[[int], None], int] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._loop, name="spark-kernel-cleaner", daemon=True)

    def start(self) -> None:
        """Begin to clean."""
        self._thread.start()

    def watch(self, node: Node) -> None:
        """Clean up after ``node`` once it is gone."""
        for dependency in node.dependencies:
            if isinstance(dependency, ShuffleDependency):
                self._when_gone(node, self._forget_shuffle, dependency.shuffle_id)

    def watch_facts(self, node: Node) -> None:
        """Forget what is known of ``node`` once it is gone; for datasets that were named or persisted.

        The last node with an id counts: a checkpoint puts another in the place of the first.
        """
        known = self._facts_of.pop(node.node_id, None)
        if known is not None:
            known.detach()
        self._facts_of[node.node_id] = self._when_gone(node, self._forget_facts, node.node_id)

    def watch_broadcast(self, broadcast: Broadcast[Any]) -> None:
        """Drop the broadcast's value once neither the user nor a dataset's function refers to it."""
        self._when_gone(broadcast, self._forget_broadcast, broadcast.id)

    def stop(self) -> None:
        """End the thread; what is garbage later is removed with the application's folder."""
        self._gone.put(None)

    def _forget_facts(self, node_id: int) -> None:
        self._facts_of.pop(node_id, None)
        self._forget_node(node_id)

    def _when_gone(self, thing: Any, call: Callable[[int], None], number: int) -> weakref.finalize[..., Any]:
        finalizer = weakref.finalize(thing, self._gone.put, (call, number))
        finalizer.atexit = False
        return finalizer

    def _loop(self) -> None:
        while (gone := self._gone.get()) is not None:
            call, number = gone
            try:
                call(number)
            except Exception:
                _log.exception("could not clean up after a dataset that is gone")
