"""Running a bundle on its executor, and announcing each task as it ends.

Knows nothing of Dask: the worker plug-in calls it with what a Dask task was given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from spark_kernel.core.execution.bundles import SECONDS, RunningBundle
from spark_kernel.core.execution.executor_state import ExecutorState
from spark_kernel.core.execution.orders import BatchHead, TaskOrder
from spark_kernel.core.execution.outbox import Outbox
from spark_kernel.core.execution.outcomes import Outcome, Succeeded
from spark_kernel.core.execution.task import run_task
from spark_kernel.core.execution.worker_messages import Began, GivenBack

LARGE_RESULT = 32 * 1024
"""Results above this size stay on the executor until the driver takes them from there: the way of the messages leads
through the scheduler, which serves everybody."""
_HELD_RESULTS = 64 << 20
"""Bytes of such results after which a bundle ends early."""


def run_bundle(
    head: BatchHead,
    orders: list[TaskOrder],
    state: ExecutorState,
    outbox: Outbox,
    call_later: Callable[[float, Callable[[], None]], None],
) -> dict[int, bytes] | None:
    """Run the tasks one after the other; returns the large results by task id, None when there is none."""
    bundle = RunningBundle(orders)
    held: dict[int, bytes] = {}

    def give_back() -> None:
        left = bundle.give_back()
        if left:
            outbox.put(GivenBack(tuple(left)))
            outbox.flush()

    if len(orders) > 1:
        call_later(SECONDS, give_back)
    while (order := bundle.next()) is not None:
        if not head.is_gang:
            # A gang's tasks begin when the driver says so.
            outbox.put(Began(order.task_id))
        outbox.put(_held_back(run_task(head, order, state), held))
        if sum(map(len, held.values())) > _HELD_RESULTS:
            give_back()
    outbox.flush()
    return held or None


def _held_back(outcome: Outcome, held: dict[int, bytes]) -> Outcome:
    if isinstance(outcome, Succeeded) and outcome.value is not None and len(outcome.value) > LARGE_RESULT:
        held[outcome.task_id] = outcome.value
        return replace(outcome, value=None)
    return outcome
