"""What an executor does with a bundle, and says while it does it."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from spark_kernel.core.execution.bundle_runner import LARGE_RESULT, run_bundle
from spark_kernel.core.execution.orders import head_of, order_of
from spark_kernel.core.execution.outbox import Outbox
from spark_kernel.core.execution.outcomes import Interrupted, Raised, Succeeded
from spark_kernel.core.execution.worker_messages import Began, GivenBack
from tests.support.programs import batch_of, executor_state, mapped, source


class Wire:
    """Takes what an outbox sends; timers go off when the test says so."""

    def __init__(self) -> None:
        self.letters: list[list] = []
        self.timers: list = []
        self.outbox = Outbox(lambda data: self.letters.append(pickle.loads(data)), self.call_later)

    def call_later(self, seconds, function) -> None:
        self.timers.append(function)

    @property
    def messages(self) -> list:
        return [message for letter in self.letters for message in letter]


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def run(tmp_path: Path, wire: Wire):
    state = executor_state(tmp_path)

    def run_all(batch, before=lambda state: None):
        before(state)
        return run_bundle(head_of(batch), [order_of(spec) for spec in batch.tasks], state, wire.outbox, wire.call_later)

    return run_all


def test_each_task_is_announced_when_it_begins_and_when_it_ends(run, wire: Wire) -> None:
    batch = batch_of(mapped(source([1], [2]), lambda x: x * 10))
    assert run(batch) is None
    one, two = (spec.task_id for spec in batch.tasks)
    assert [(type(message), message.task_id) for message in wire.messages] == [
        (Began, one),
        (Succeeded, one),
        (Began, two),
        (Succeeded, two),
    ]
    assert [pickle.loads(message.value) for message in wire.messages if isinstance(message, Succeeded)] == [[10], [20]]


def test_short_tasks_are_announced_together(run, wire: Wire) -> None:
    run(batch_of(source(*[[i] for i in range(50)])))
    assert len(wire.letters) == 1
    assert len(wire.messages) == 100


def test_a_failure_does_not_stop_the_others(run, wire: Wire) -> None:
    run(batch_of(mapped(source([1], [0], [2]), lambda x: 1 / x)))
    assert [type(message) for message in wire.messages if not isinstance(message, Began)] == [
        Succeeded,
        Raised,
        Succeeded,
    ]


def test_large_results_stay_until_they_are_fetched(run, wire: Wire) -> None:
    batch = batch_of(mapped(source([1], [LARGE_RESULT + 1]), lambda n: b"x" * n))
    held = run(batch)
    small, large = (message for message in wire.messages if isinstance(message, Succeeded))
    assert small.value is not None
    assert large.value is None
    assert large.metrics.result_bytes > LARGE_RESULT
    assert list(held) == [batch.tasks[1].task_id]
    assert pickle.loads(held[large.task_id]) == [b"x" * (LARGE_RESULT + 1)]


def test_what_has_not_begun_is_given_back_when_the_moment_is_over(run, wire: Wire) -> None:
    batch = batch_of(mapped(source([1], [2], [3]), lambda x: x))
    put = wire.outbox.put

    def put_and_ring(message) -> None:
        put(message)
        if message == Began(batch.tasks[0].task_id):
            wire.timers[0]()

    wire.outbox.put = put_and_ring
    run(batch)
    first, second, third = (spec.task_id for spec in batch.tasks)
    assert GivenBack((second, third)) in wire.messages
    assert [message.task_id for message in wire.messages if isinstance(message, Succeeded)] == [first]


def test_a_single_task_needs_no_timer_for_the_others(run, wire: Wire) -> None:
    run(batch_of(source([1])))
    assert len(wire.timers) == 1, "only the outbox's own"


def test_tasks_of_a_cancelled_stage_are_interrupted_before_they_begin(run, wire: Wire) -> None:
    batch = batch_of(source([1], [2]), stage_id=5)
    run(batch, before=lambda state: state.running.cancel((5, 0)))
    assert [type(message) for message in wire.messages if not isinstance(message, Began)] == [Interrupted, Interrupted]
