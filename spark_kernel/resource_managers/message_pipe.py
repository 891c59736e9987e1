"""Messages between driver and supervisor: JSON objects, one a line, over a pipe. Knows nothing of what they say."""

from __future__ import annotations

import json
import os
import select
from collections.abc import Callable, Iterator, Mapping
from typing import Any


def write_message(descriptor: int, message: Mapping[str, Any]) -> None:
    """Write one message. Raises OSError when nobody reads any more."""
    data = memoryview(json.dumps(message).encode() + b"\n")
    while data:
        data = data[os.write(descriptor, data) :]


def read_messages(
    descriptor: int, go_on: Callable[[], bool] = lambda: True, seconds: float | None = None
) -> Iterator[dict[str, Any]]:
    """The messages that arrive, until the other end is closed.

    ``go_on`` is asked before each wait, and each wait lasts ``seconds`` at most; when it says no, that is the end.
    """
    rest = b""
    while go_on():
        if not select.select([descriptor], [], [], seconds)[0]:
            continue
        chunk = os.read(descriptor, 1 << 16)
        if not chunk:
            return
        *lines, rest = (rest + chunk).split(b"\n")
        yield from map(json.loads, lines)
