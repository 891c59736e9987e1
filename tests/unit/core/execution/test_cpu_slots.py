"""The CPUs of an executor: nobody gets more than there are, nobody is overtaken but by members of a gang."""

from __future__ import annotations

import threading

from spark_kernel.core.execution.cpu_slots import CpuSlots


class Taker:
    """A thread that takes CPUs and keeps them until it is told to go on."""

    def __init__(self, slots: CpuSlots, count: int, first: bool = False) -> None:
        self.has_them, self.may_end = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self._run, args=(slots, count, first), daemon=True)
        self.thread.start()

    def _run(self, slots: CpuSlots, count: int, first: bool) -> None:
        with slots.taken(count, first):
            self.has_them.set()
            self.may_end.wait(30)

    def end(self) -> None:
        self.may_end.set()
        self.thread.join(30)


def test_who_finds_too_few_waits_and_who_comes_later_too() -> None:
    slots = CpuSlots(2)
    one = Taker(slots, 1)
    assert one.has_them.wait(30)
    two = Taker(slots, 2)
    waiting_until(slots, 1)
    late = Taker(slots, 1)
    waiting_until(slots, 2)
    assert not two.has_them.is_set()
    assert not late.has_them.is_set()
    one.end()
    assert two.has_them.wait(30)
    two.end()
    assert late.has_them.wait(30)
    late.end()
    assert slots.free == 2


def test_a_member_of_a_gang_does_not_stand_in_line() -> None:
    slots = CpuSlots(2)
    member = Taker(slots, 1, first=True)
    assert member.has_them.wait(30)
    wide = Taker(slots, 2)
    waiting_until(slots, 1)
    other = Taker(slots, 1, first=True)
    assert other.has_them.wait(30), "waits for one that waits for the gang"
    member.end()
    other.end()
    assert wide.has_them.wait(30)
    wide.end()


def test_more_than_there_are_means_all() -> None:
    slots = CpuSlots(2)
    with slots.taken(5):
        assert slots.free == 0
    assert slots.free == 2


def waiting_until(slots: CpuSlots, count: int) -> None:
    """Return when so many stand in line."""
    done = threading.Event()
    for _ in range(3000):
        if len(slots._queue) == count:
            return
        done.wait(0.01)
    raise AssertionError("nobody came")
