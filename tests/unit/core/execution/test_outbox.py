"""Collecting messages for a moment."""

from __future__ import annotations

import pickle

from spark_kernel.core.execution.outbox import Outbox
from spark_kernel.core.execution.worker_messages import Began


def test_messages_wait_for_company_and_leave_in_order() -> None:
    sent: list[list[Began]] = []
    timers = []
    outbox = Outbox(lambda data: sent.append(pickle.loads(data)), lambda seconds, function: timers.append(function))
    outbox.put(Began(1))
    outbox.put(Began(2))
    assert sent == []
    assert len(timers) == 1
    timers.pop()()
    assert sent == [[Began(1), Began(2)]]


def test_a_flush_sends_at_once_and_an_empty_one_nothing() -> None:
    sent: list[bytes] = []
    timers = []
    outbox = Outbox(sent.append, lambda seconds, function: timers.append(function))
    outbox.put(Began(1))
    outbox.flush()
    outbox.flush()
    assert len(sent) == 1
    timers.pop()()
    assert len(sent) == 1
    outbox.put(Began(2))
    assert len(timers) == 1
