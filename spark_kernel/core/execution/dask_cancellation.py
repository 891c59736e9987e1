"""Cancelling tasks on a Dask cluster, the running ones too. Runs in the backend's event loop only.

Dask's own cancel drops what has not begun and lets a running thread go on. So the executors raise in those threads;
and where that does not help, in C code that neither returns nor looks, the worker process is killed and its nanny
makes another: the user's promise is that a cancel ends within two seconds.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from spark_kernel.core.execution.dask_connection import Connection
from spark_kernel.core.execution.ledger import Ledger, OpenBatch, UnansweredTask
from spark_kernel.core.execution.worker_plugin import cancel_stage, end_worker_process, kill_tasks

GRACE_SECONDS = 1.0
"""How long a running task has to end by itself."""
_POLL_SECONDS = 0.02
_KILL_SECONDS = 2.0
_NOTICE_SECONDS = 0.5

_log = logging.getLogger(__name__)


class Cancellation:
    """Ends tasks of one application."""

    def __init__(self, ledger: Ledger, connection: Connection, executors: Callable[[], Collection[str]]) -> None:
        self._ledger = ledger
        self._connection = connection
        self._executors = executors

    async def cancel(self, entries: Sequence[OpenBatch]) -> None:
        """Stop the unanswered tasks of some batches; all are answered when it returns."""
        if not entries:
            return
        for entry in entries:
            entry.cancelled = True
        loop = asyncio.get_running_loop()
        deadline = loop.time() + GRACE_SECONDS
        asked = {executor: loop.create_task(self._interrupt(executor, entries)) for executor in self._executors()}
        known = _Whereabouts(asked, await self._assigned(entries))
        await self._patiently(
            self._connection.client.cancel([each for entry in entries for each in entry.futures.values()])
        )
        while loop.time() < deadline and (left := self._ledger.unanswered(entries)):
            self._ledger.cancelled(task.task_id for task in left if not known.may_run(task))
            await asyncio.sleep(_POLL_SECONDS)
        for asking in asked.values():
            asking.cancel()
        stuck = {known.executor_of(task) for task in self._ledger.unanswered(entries)} & set(asked)
        await asyncio.gather(*map(self._end, stuck))
        self._ledger.cancelled(task.task_id for task in self._ledger.unanswered(entries))

    async def kill(self, task_ids: Sequence[int]) -> None:
        """Stop single tasks. They are answered when it returns, but for one that can't be stopped without others.

        Such a task goes on where it shares its worker process; its result is of no use, and nobody waits for it.
        """
        ask = self._connection.run_on
        asked = {
            each: self._patiently(ask(each, kill_tasks, self._connection.app_id, task_ids))
            for each in self._executors()
        }
        answers = dict(zip(asked, await asyncio.gather(*asked.values()), strict=True))
        place_of = {task_id: executor for executor, running in answers.items() for task_id in running or ()}
        self._ledger.cancelled(task_id for task_id in task_ids if task_id not in place_of)
        deadline = asyncio.get_running_loop().time() + _KILL_SECONDS
        while asyncio.get_running_loop().time() < deadline and any(map(self._ledger.is_open, place_of)):
            await asyncio.sleep(_POLL_SECONDS)
        load = self._ledger.load()
        stuck = {executor for task_id, executor in place_of.items() if self._ledger.is_open(task_id)}
        await asyncio.gather(*(self._end(executor) for executor in stuck if load.get(executor, 0) < 2))

    async def _interrupt(self, executor_id: str, entries: Sequence[OpenBatch]) -> set[int]:
        """Interrupt what runs on one executor; those tasks."""
        running: set[int] = set()
        for entry in entries:
            running.update(
                await self._connection.run_on(executor_id, cancel_stage, self._connection.app_id, entry.stage)
            )
        return running

    async def _assigned(self, entries: Sequence[OpenBatch]) -> dict[Any, str]:
        """Dask key -> executor, for the bundles that Dask has handed out. Asked for before they are cancelled."""
        wanted = {key for entry in entries for key in entry.futures}
        processing = await self._patiently(self._connection.client.processing())
        return {key: worker for worker, keys in (processing or {}).items() for key in keys if key in wanted}

    async def _end(self, executor_id: str) -> None:
        _log.info("ending the worker process %s, where a cancelled task does not stop", executor_id)
        ended = self._connection.run_on(executor_id, end_worker_process, nanny=True)
        if await self._patiently(ended, _KILL_SECONDS) is not True:
            _log.warning("a cancelled task goes on: %s has no nanny that could end its process", executor_id)
            return
        # Until the scheduler has noticed, it would send the next tasks there.
        for _ in range(int(_NOTICE_SECONDS / _POLL_SECONDS)):
            if executor_id not in self._executors():
                return
            await asyncio.sleep(_POLL_SECONDS)

    async def _patiently(self, awaitable: Any, seconds: float = GRACE_SECONDS) -> Any:
        """Its result; None when it fails or takes too long."""
        try:
            return await asyncio.wait_for(awaitable, seconds)
        except Exception as error:
            _log.info("while cancelling: %r", error)
            return None


class _Whereabouts:
    """Where the tasks of a cancelled batch may be running, as far as the executors have answered."""

    def __init__(self, asked: Mapping[str, asyncio.Task[set[int]]], assigned: Mapping[Any, str]) -> None:
        self._asked = asked
        self._assigned = assigned

    def executor_of(self, task: UnansweredTask) -> str:
        """Where the task runs or may begin; empty when nowhere."""
        for executor in self._asked:
            if task.task_id in (self._running_on(executor) or ()):
                return executor
        return task.executor_id or self._assigned.get(task.bundle, "")

    def may_run(self, task: UnansweredTask) -> bool:
        """False when it is nowhere, or where it was assigned but has not begun."""
        executor = self.executor_of(task)
        if executor not in self._asked:
            return False
        running = self._running_on(executor)
        return running is None or task.task_id in running or bool(task.executor_id)

    def _running_on(self, executor: str) -> set[int] | None:
        """The tasks that were interrupted there; None as long as there is no answer."""
        answer = self._asked[executor]
        answered = answer.done() and not answer.cancelled() and answer.exception() is None
        return answer.result() if answered else None
