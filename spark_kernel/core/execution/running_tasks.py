"""The tasks that run in this process now, and how one of them is stopped: by raising in its thread.

Raising in another thread is aimed at a thread, not at a task, so whoever aims holds the task's lock, and a task that
ends leaves under the same lock, and waits for what is on its way: the next task of the thread is never hit.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterable
from typing import TypeVar

_set_async_exc = ctypes.pythonapi.PyThreadState_SetAsyncExc
_set_async_exc.argtypes = [ctypes.c_ulong, ctypes.py_object]


class TaskInterrupted(BaseException):
    """Raised in the thread of a cancelled task.

    Not an Exception, so that a user's ``except Exception`` does not swallow it.
    """


StageAttempt = tuple[int, int]
"""(stage_id, stage attempt)."""


class RunningTask:
    """One task between its start and its end."""

    def __init__(self, task_id: int, stage: StageAttempt, registry: RunningTasks) -> None:
        self.task_id = task_id
        self.stage = stage
        self.cancelled = False
        self._registry = registry
        self._lock = threading.Lock()
        self._threads: set[int] = set()
        self._callbacks: list[Callable[[], None]] = []

    def check(self) -> None:
        """Raise TaskInterrupted when the task was cancelled."""
        if self.cancelled:
            raise TaskInterrupted

    def on_cancel(self, callback: Callable[[], None]) -> None:
        """Call ``callback``, from another thread, when the task is cancelled: for waits that no exception can end."""
        with self._lock:
            self._callbacks.append(callback)

    def adopt_thread(self) -> None:
        """The calling thread works for this task from now on."""
        with self._lock:
            self._threads.add(threading.get_ident())

    def release_thread(self) -> None:
        """The calling thread works for this task no more. After this, no TaskInterrupted of this task hits it."""
        while True:
            try:
                with self._lock:
                    self._threads.discard(threading.get_ident())
                break
            except TaskInterrupted:
                continue
        if self.cancelled:
            _await_interrupt()

    def cancel(self) -> None:
        """Stop the task. May be called again while it still runs: user code may have swallowed the exception."""
        with self._lock:
            first, self.cancelled = not self.cancelled, True
            for thread in self._threads:
                _raise_in(thread, TaskInterrupted)
            callbacks = self._callbacks if first else []
        for callback in callbacks:
            callback()

    def begin(self) -> None:
        """The task runs, in the calling thread.

        Raises TaskInterrupted when its stage attempt was cancelled before.
        """
        self.adopt_thread()
        self._registry.add(self)
        self.check()

    def end(self) -> None:
        """The task is over. Idempotent, since an interrupt may hit whoever calls it."""
        self.release_thread()
        self._registry.remove(self)


class RunningTasks:
    """The running tasks of one executor, and the stages whose tasks must not run any more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tasks: dict[int, RunningTask] = {}
        self._cancelled: dict[StageAttempt, None] = {}
        self._killed: dict[int, None] = {}

    def add(self, task: RunningTask) -> None:
        """The task runs."""
        with self._lock:
            self._tasks[task.task_id] = task
            if task.stage in self._cancelled or task.task_id in self._killed:
                task.cancelled = True

    def remove(self, task: RunningTask) -> None:
        """The task has ended."""
        with self._lock:
            self._tasks.pop(task.task_id, None)

    def stages(self) -> set[StageAttempt]:
        """The stage attempts of the running tasks."""
        with self._lock:
            return {task.stage for task in self._tasks.values()}

    def is_cancelled(self, stage: StageAttempt) -> bool:
        """Whether tasks of this stage attempt must not run any more."""
        with self._lock:
            return stage in self._cancelled

    def cancel(self, stage: StageAttempt) -> list[int]:
        """Stop what runs of a stage attempt, and keep what is still to come from running; the running tasks' ids."""
        with self._lock:
            _remember(self._cancelled, [stage])
            tasks = [task for task in self._tasks.values() if task.stage == stage]
        for task in tasks:
            task.cancel()
        return [task.task_id for task in tasks]

    def kill(self, task_ids: Iterable[int]) -> list[int]:
        """Stop single tasks, and keep those from running that are still to come; the ids of the running ones."""
        wanted = list(task_ids)
        with self._lock:
            _remember(self._killed, wanted)
            tasks = [self._tasks[task_id] for task_id in wanted if task_id in self._tasks]
        for task in tasks:
            task.cancel()
        return [task.task_id for task in tasks]


_REMEMBERED = 1000

_Key = TypeVar("_Key")


def _remember(known: dict[_Key, None], more: Iterable[_Key]) -> None:
    """Add what is to be refused, and forget what is so old that it will not come any more."""
    known.update(dict.fromkeys(more))
    while len(known) > _REMEMBERED:
        del known[next(iter(known))]


def _raise_in(thread: int, error: type[BaseException]) -> None:
    _set_async_exc(thread, ctypes.py_object(error))


def _await_interrupt() -> None:
    """Let the interrupt hit that may be on its way to the calling thread.

    A thread has room for one: this one takes the place of another that is on its way. Taking it back, which
    PyThreadState_SetAsyncExc can do as well, would make all Python code of the process slower from then on: until
    Python 3.12 the interpreter then goes on looking for it at every jump.
    """
    try:
        _raise_in(threading.get_ident(), TaskInterrupted)
        while True:
            pass
    except TaskInterrupted:
        return
