"""Keeping the cluster's log short: functions that print may write to it for days.

All processes of a cluster append to one file. The supervisor looks at it now and then, and when it has grown too long
it is cut down to its end in place, so that everybody's descriptor stays right.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

MOST_BYTES = 16 << 20
"""The log is cut when it is longer than this."""
KEPT_BYTES = 1 << 20
"""What is left of it then."""
LOOK_SECONDS = 1.0

_log = logging.getLogger(__name__)


async def keep_short(log: Path) -> None:
    """Look at ``log`` for as long as this runs."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            cut(log)
        except OSError as error:
            _log.warning("can't shorten %s: %s", log, error)


def cut(log: Path, most: int = MOST_BYTES, kept: int = KEPT_BYTES) -> bool:
    """Cut ``log``, which others append to, to its last ``kept`` bytes when it has more than ``most``.

    What is written in that very moment may be lost. Returns whether it was cut.

    >>> import tempfile
    >>> log = Path(tempfile.mkdtemp()) / "log"
    >>> _ = log.write_bytes(b"first\\nsecond\\nthird\\n")
    >>> cut(log, most=50), cut(log, most=10, kept=9), log.read_text()
    (False, True, 'third\\n')
    """
    if not log.exists() or log.stat().st_size <= most:
        return False
    with log.open("r+b") as reader, log.open("ab", buffering=0) as writer:
        reader.seek(-kept, 2)
        end = reader.read(kept)
        reader.truncate(0)
        # From the first whole line on.
        writer.write(end[end.find(b"\n") + 1 :])
    return True
