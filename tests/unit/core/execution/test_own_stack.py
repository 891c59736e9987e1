"""Handing records over from a stack of its own."""

from __future__ import annotations

import threading

import pytest

from spark_kernel.core.execution.own_stack import MAX_CHUNK, on_own_stack


def no_task():
    return lambda: None


def test_records_come_in_order_from_another_thread() -> None:
    seen = []

    def records():
        for x in range(200):
            seen.append(threading.get_ident())
            yield x

    assert list(on_own_stack(records, no_task)) == list(range(200))
    assert set(seen) != {threading.get_ident()}
    assert len(set(seen)) == 1


def test_little_more_is_computed_than_used() -> None:
    computed = []
    records = on_own_stack(lambda: (computed.append(x) or x for x in range(1000)), no_task)
    assert next(records) == 0
    assert computed == [0]
    for _ in range(99):
        next(records)
    assert len(computed) <= 100 + MAX_CHUNK


def test_an_error_comes_after_the_records_before_it() -> None:
    def records():
        yield 1
        yield 2
        raise ValueError("third")

    got = []
    with pytest.raises(ValueError, match="third"):
        got.extend(on_own_stack(records, no_task))
    assert got == [1, 2]


def test_nothing_happens_before_the_first_record_is_asked_for() -> None:
    opened = []
    on_own_stack(lambda: opened.append(1) or iter(()), no_task)
    assert opened == []


def test_an_error_in_opening_comes_out() -> None:
    def fail():
        raise KeyError("nothing here")

    with pytest.raises(KeyError):
        next(on_own_stack(fail, no_task))


def test_the_thread_belongs_to_the_task_while_it_lives() -> None:
    events = []

    def adopt():
        events.append(("adopted", threading.get_ident()))
        return lambda: events.append(("released", threading.get_ident()))

    records = on_own_stack(lambda: iter([1, 2, 3]), adopt)
    next(records)
    records.close()
    for thread in threading.enumerate():
        if thread.name == "spark-kernel-steps":
            thread.join(timeout=5)
    assert [what for what, _ in events] == ["adopted", "released"]
    assert len({ident for _, ident in events}) == 1
