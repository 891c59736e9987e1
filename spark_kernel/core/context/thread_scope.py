"""What one thread has said about the jobs that it starts: group, description, tags, local properties, run.

Spark keeps these per thread. Another thread starts with none of them, unless it carries over a snapshot
(`InheritableThread`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace

from spark_kernel.core.scheduler.messages import JobLabels

GROUP = "spark.jobGroup.id"
DESCRIPTION = "spark.job.description"
INTERRUPT = "spark.job.interruptOnCancel"
TAGS = "spark.job.tags"


@dataclass(frozen=True)
class Scope:
    """One thread's words."""

    properties: Mapping[str, str] = field(default_factory=dict)
    run_id: str | None = None
    """The cell that this thread executes."""
    holds: bool = False
    """Whether actions are planned only."""

    def labels(self) -> JobLabels:
        """The same, as the scheduler wants it."""
        return JobLabels(
            run_id=self.run_id,
            group=self.properties.get(GROUP),
            description=self.properties.get(DESCRIPTION),
            tags=frozenset(self.tags()),
            properties=dict(self.properties),
        )

    def tags(self) -> set[str]:
        """The job tags."""
        return set(filter(None, self.properties.get(TAGS, "").split(",")))


class _Local(threading.local):
    scope = Scope()


class ThreadScope:
    """The scope of whichever thread asks.

    >>> here = ThreadScope()
    >>> here.set("color", "red"); here.get("color")
    'red'
    >>> here.set("color", None); here.get("color") is None
    True
    """

    def __init__(self) -> None:
        self._local = _Local()

    @property
    def current(self) -> Scope:
        """This thread's scope."""
        return self._local.scope

    def get(self, key: str) -> str | None:
        """A local property, or None."""
        return self._local.scope.properties.get(key)

    def set(self, key: str, value: str | None) -> None:
        """Set a local property; None removes it."""
        properties = {name: known for name, known in self._local.scope.properties.items() if name != key}
        if value is not None:
            properties[key] = value
        self._local.scope = replace(self._local.scope, properties=properties)

    @contextmanager
    def within(self, scope: Scope) -> Iterator[None]:
        """While it is open, this thread has that scope."""
        before = self._local.scope
        self._local.scope = scope
        try:
            yield
        finally:
            self._local.scope = before

    def adopt(self, scope: Scope) -> None:
        """This thread has that scope from now on."""
        self._local.scope = scope

    def carry_over(self) -> Callable[[], AbstractContextManager[None]]:
        """A way for another thread to have this thread's scope, as it is now."""
        scope = self._local.scope
        return lambda: self.within(scope)
