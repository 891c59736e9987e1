"""Cancelling tasks on a Dask cluster, the running ones too. Runs in the backend's event loop only.

Dask's own cancel drops what has not begun and lets a running thread go on. So the executors raise in those threads;
and where that does not help, in C code that neither returns nor looks, the worker process is killed and its nanny
makes another: the user's promise is that a cancel ends within two seconds.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from spark_kernel.core.execution.ledger import UNKNOWN_EXECUTOR, Ledger, OpenBatch
from spark_kernel.core.execution.worker_plugin import cancel_stage, end_worker_process

GRACE_SECONDS = 1.0
"""How long a running task has to end by itself."""
_POLL_SECONDS = 0.02
_KILL_SECONDS = 2.0

_log = logging.getLogger(__name__)


class Cancellation:
    """Ends tasks of one application."""

    def __init__(self, client: Any, ledger: Ledger, app_id: str) -> None:
        self._client = client
        self._ledger = ledger
        self._app_id = app_id

    async def cancel(self, entries: Sequence[OpenBatch]) -> None:
        """Stop the unanswered tasks of some batches; all are answered when it returns."""
        for entry in entries:
            entry.cancelled = True
        deadline = asyncio.get_running_loop().time() + GRACE_SECONDS
        running = await self._interrupt(entries)
        waiting = self._ledger.unanswered(entries)
        self._ledger.cancelled(
            task_id
            for task_id, executor_id in waiting.items()
            if task_id not in running and executor_id == UNKNOWN_EXECUTOR
        )
        while (left := self._ledger.unanswered(entries)) and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(_POLL_SECONDS)
        if left:
            stuck = {running.get(task_id, executor_id) for task_id, executor_id in left.items()} - {UNKNOWN_EXECUTOR}
            await self._kill(stuck)
            self._ledger.cancelled(self._ledger.unanswered(entries))

    async def _interrupt(self, entries: Sequence[OpenBatch]) -> dict[int, str]:
        """Task -> executor, for the tasks that were running."""
        futures = [future for entry in entries for future in entry.futures.values()]
        jobs = [self._client.cancel(futures)] if futures else []
        jobs += [self._client.run(cancel_stage, self._app_id, entry.stage, on_error="ignore") for entry in entries]
        answers = await asyncio.gather(*(asyncio.wait_for(job, GRACE_SECONDS) for job in jobs), return_exceptions=True)
        running = {}
        for answer in answers:
            if isinstance(answer, dict):
                running.update({task_id: worker for worker, task_ids in answer.items() for task_id in task_ids})
        return running

    async def _kill(self, executor_ids: set[str]) -> None:
        if not executor_ids:
            return
        _log.warning("ending %s, where a cancelled task does not stop", ", ".join(sorted(executor_ids)))
        try:
            await asyncio.wait_for(
                self._client.run(end_worker_process, workers=list(executor_ids), nanny=True, on_error="ignore"),
                _KILL_SECONDS,
            )
        except Exception as error:
            _log.warning("a cancelled task goes on, since its worker has no nanny to end it: %r", error)
