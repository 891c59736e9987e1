"""The processes of one session, as the operating system knows them: who is left, and how to end them.

A cluster that we start lives in a session of its own, whose id is the process id of its supervisor. Workers, and what
a user's function starts in them, stay in it, also when the process that started them is gone. Used by the driver
(`supervised.py`) after the supervisor has ended, and by the supervisor itself as its last act.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection

import psutil


def session_members(session: int) -> list[int]:
    """Process ids of the living members of the session, without zombies."""
    return [pid for pid in psutil.pids() if _belongs(pid, session)]


def end_session(session: int, spare: Collection[int] = (), grace: float = 0.5, seconds: float = 2.0) -> list[int]:
    """End the session's members: wait ``grace`` seconds for them to end by themselves, then kill them.

    Returns those that are left ``seconds`` after that. Spared are the calling process, ``spare``, and
    multiprocessing's resource tracker: it ends by itself when the others have, and unlinks the semaphores that killed
    processes could not.
    """
    kill_from = time.monotonic() + grace
    while True:
        left = [pid for pid in session_members(session) if pid not in (os.getpid(), *spare) and not _is_tracker(pid)]
        now = time.monotonic()
        if not left or now > kill_from + seconds:
            return left
        if now > kill_from:
            for pid in left:
                _kill(pid, session)
        time.sleep(0.01)


def wait_for_session(session: int, seconds: float) -> list[int]:
    """Wait until no member of the session lives; returns those that still do after ``seconds``."""
    deadline = time.monotonic() + seconds
    while (left := session_members(session)) and time.monotonic() < deadline:
        time.sleep(0.01)
    return left


def _belongs(pid: int, session: int) -> bool:
    try:
        return os.getsid(pid) == session and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except (OSError, psutil.Error):
        return False


def _is_tracker(pid: int) -> bool:
    try:
        return any("resource_tracker" in argument for argument in psutil.Process(pid).cmdline())
    except psutil.Error:
        return False


def _kill(pid: int, session: int) -> None:
    # The id may have been given to a stranger since the members were listed.
    if _belongs(pid, session):
        try:
            psutil.Process(pid).kill()
        except psutil.Error:
            return
