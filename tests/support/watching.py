"""What a context announces, kept for tests that wait for facts; and gates at which tasks wait for a test."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from spark_kernel.common import events

PATIENCE = 60.0


class Watch:
    """All events of a context from now on."""

    def __init__(self, sc: Any) -> None:
        self._changed = threading.Condition()
        self.seen: list[events.Event] = []
        sc.events.listen(self._note)

    def _note(self, event: events.Event) -> None:
        with self._changed:
            self.seen.append(event)
            self._changed.notify_all()

    def of(self, kind: type, **fields: Any) -> list[Any]:
        """The events of that kind whose fields have these values."""
        return [
            event
            for event in self.seen
            if isinstance(event, kind) and all(getattr(event, name) == value for name, value in fields.items())
        ]

    def wait_for(self, condition: Callable[[], Any], what: str) -> Any:
        """What ``condition`` says, as soon as it is true."""
        with self._changed:
            result = self._changed.wait_for(condition, PATIENCE)
        assert result, f"not within {PATIENCE:.0f} s: {what}; seen: {self.seen[-20:]}"
        return result

    def wait_for_events(self, count: int, kind: type, **fields: Any) -> list[Any]:
        """The first ``count`` such events, once they are there."""
        self.wait_for(lambda: len(self.of(kind, **fields)) >= count, f"{count} {kind.__name__} with {fields}")
        return self.of(kind, **fields)[:count]


class Gate:
    """A file that tasks wait for; picklable."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def open(self) -> None:
        """Let all through, now and later."""
        Path(self.path).touch()

    def wait(self) -> None:
        """Called in a task. Can be interrupted."""
        while not Path(self.path).exists():
            time.sleep(0.01)


class InThread:
    """A call in a thread of its own, whose result or error is asked for later."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self._result: Any = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._result = self._function()
        except BaseException as error:
            self._error = error

    def result(self) -> Any:
        """What the call returned. Raises what it raised."""
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "the call does not return"
        if self._error is not None:
            raise self._error
        return self._result
