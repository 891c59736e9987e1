"""Waiting on the driver: for the executor that holds what a task reads, for any but one, for the pool's turn."""

from __future__ import annotations

from spark_kernel.core.execution.backend import TaskBatch, TaskSpec
from spark_kernel.core.execution.ledger import OpenBatch
from spark_kernel.core.execution.pools import Pool, Pools
from spark_kernel.core.execution.waiting_tasks import Turns, WaitingTasks

WAIT_SECONDS = Turns().locality_wait
CORES = {"e1": 1, "e2": 1}


def entry_with(holders: list[tuple[str, ...]]) -> tuple[OpenBatch, list[TaskSpec]]:
    tasks = [TaskSpec(i, i, 0, preferred=each) for i, each in enumerate(holders)]
    return OpenBatch(TaskBatch(0, 0, 0, "map", b"", tasks), len(tasks)), tasks


def waiting_tasks(turns=None, is_open=lambda task_id: True) -> WaitingTasks:
    return WaitingTasks(is_open, turns or Turns())


def sent(out) -> list[tuple[list[int], tuple[str, ...]]]:
    return [([task.task_id for task in bundle.tasks], bundle.places) for _, bundle in out]


def test_tasks_go_to_the_executor_that_holds_their_data() -> None:
    waiting = waiting_tasks()
    entry, tasks = entry_with([("e1",), ("e2",), ("e1",), ()])
    waiting.add(entry, tasks, CORES, now=0)
    assert sent(waiting.hand_out({"e1": 1, "e2": 1}, now=0, slots=2)) == [([0, 2], ("e1",)), ([1], ("e2",)), ([3], ())]
    assert not waiting


def test_holders_that_are_gone_count_for_nothing() -> None:
    waiting = waiting_tasks()
    entry, tasks = entry_with([("gone",), ("gone", "e2")])
    waiting.add(entry, tasks, CORES, now=0)
    assert sent(waiting.hand_out({"e1": 1, "e2": 1}, now=0)) == [([1], ("e2",)), ([0], ())]


def test_of_several_holders_the_one_with_the_shorter_line_is_chosen() -> None:
    waiting = waiting_tasks()
    entry, tasks = entry_with([("e1", "e2")] * 4)
    waiting.add(entry, tasks, CORES, now=0)
    assert sorted(sent(waiting.hand_out({"e1": 1, "e2": 1}, now=0))) == [([0, 2], ("e1",)), ([1, 3], ("e2",))]


def test_a_busy_executor_is_waited_for() -> None:
    waiting = waiting_tasks()
    entry, tasks = entry_with([("e1",)] * 3)
    waiting.add(entry, tasks, CORES, now=0)
    assert sent(waiting.hand_out({"e1": 0, "e2": 1}, now=0.5 * WAIT_SECONDS)) == []
    assert waiting
    assert sent(waiting.hand_out({"e1": 1, "e2": 1}, now=0.6 * WAIT_SECONDS)) == [([0, 1, 2], ("e1",))]


def test_after_a_while_an_idle_executor_takes_half_of_what_waits() -> None:
    waiting = waiting_tasks()
    entry, tasks = entry_with([("e1",)] * 4)
    waiting.add(entry, tasks, CORES, now=0)
    assert sent(waiting.hand_out({"e1": 0, "e2": 1}, now=WAIT_SECONDS)) == [([0, 1], ("e2",))]
    assert sent(waiting.hand_out({"e1": 0, "e2": 0}, now=WAIT_SECONDS)) == [], "nobody is idle"
    assert sent(waiting.hand_out({"e1": 1, "e2": 0}, now=WAIT_SECONDS)) == [([2, 3], ("e1",))]


def test_tasks_that_need_not_wait_go_anywhere_at_once() -> None:
    waiting = waiting_tasks(Turns(locality_wait=0.0))
    entry, tasks = entry_with([("e1",)] * 2)
    waiting.add(entry, tasks, CORES, now=0)
    assert sent(waiting.hand_out({"e1": 0, "e2": 1}, now=0)) == [([0], ("e2",))]


def test_a_copy_goes_to_any_executor_but_that_of_the_slow_task() -> None:
    waiting = waiting_tasks()
    entry, _ = entry_with([()])
    copy = TaskSpec(7, 0, 1, preferred=("e1",), avoid=("e1",))
    waiting.add(entry, [copy], CORES, now=0)
    assert sent(waiting.hand_out({"e1": 1}, now=99)) == []
    assert sent(waiting.hand_out({"e1": 1, "e2": 1}, now=99)) == [([7], ("e2",))]


def test_the_slots_of_an_executor_share_its_line() -> None:
    waiting = waiting_tasks()
    entry, tasks = entry_with([("e1",)] * 4)
    waiting.add(entry, tasks, {"e1": 2}, now=0)
    assert sent(waiting.hand_out({"e1": 2}, now=0)) == [([0, 1], ("e1",)), ([2], ("e1",))]
    assert sent(waiting.hand_out({"e1": 1}, now=0)) == [([3], ("e1",))]


def test_tasks_that_may_run_anywhere_go_to_dask_with_one_bundle_for_each_slot_in_reserve() -> None:
    waiting = waiting_tasks()
    entry, tasks = entry_with([()] * 20)
    waiting.add(entry, tasks, {}, now=0)
    first = waiting.hand_out({}, now=0, slots=2)
    assert sent(first) == [([0, 1, 2, 3, 4], ()), ([5, 6, 7], ()), ([8, 9, 10], ()), ([11, 12], ())]
    assert waiting.hand_out({}, 0, [(entry, 4)], slots=2) == []
    assert sent(waiting.hand_out({}, 0, [(entry, 3)], slots=2)) == [([13], ())]


def test_what_a_bundle_gave_back_comes_first() -> None:
    waiting = waiting_tasks()
    entry, tasks = entry_with([()] * 12)
    waiting.add(entry, tasks, {}, now=0)
    assert sent(waiting.hand_out({}, 0, slots=1)) == [([0, 1, 2, 3, 4, 5], ()), ([6, 7, 8], ())]
    waiting.add(entry, tasks[2:6], {}, now=0)
    assert sent(waiting.hand_out({}, 0, [(entry, 1)], slots=1)) == [([2, 3, 4], ())]


def test_an_earlier_job_comes_first_under_fifo() -> None:
    waiting = waiting_tasks()
    for entry, tasks in (fair_batch(200, 2, "a", 2), fair_batch(100, 2, "a", 1)):
        waiting.add(entry, tasks, {}, now=0)
    assert [ids for ids, _ in sent(waiting.hand_out({}, 0, slots=2))] == [[100], [101], [200], [201]]


def test_slow_tasks_are_handed_out_a_few_at_a_time() -> None:
    waiting = waiting_tasks()
    entry, tasks = entry_with([("e1",)] * 4)
    entry.seconds, entry.ended = 1.0, 10
    waiting.add(entry, tasks, CORES, now=0)
    assert sent(waiting.hand_out({"e1": 1}, now=0)) == [([0, 1], ("e1",))]


def test_tasks_of_two_batches_are_not_mixed() -> None:
    waiting = waiting_tasks()
    for number in range(2):
        entry, tasks = entry_with([("e1",)])
        waiting.add(entry, [TaskSpec(number, 0, 0, preferred=task.preferred) for task in tasks], CORES, now=0)
    assert sent(waiting.hand_out({"e1": 1}, now=0)) == [([0], ("e1",))]


def test_tasks_that_were_answered_meanwhile_are_dropped() -> None:
    waiting = waiting_tasks(is_open=lambda task_id: task_id != 1)
    entry, tasks = entry_with([("e1",)] * 3)
    waiting.add(entry, tasks, CORES, now=0)
    assert sent(waiting.hand_out({"e1": 1}, now=0)) == [([0, 2], ("e1",))]


def test_who_waited_for_an_executor_that_left_is_known() -> None:
    waiting = waiting_tasks()
    entry, tasks = entry_with([("e1",), ("e2",)])
    waiting.add(entry, tasks, CORES, now=0)
    assert [task.task_id for _, task in waiting.executor_left("e1")] == [0]
    assert waiting.executor_left("e1") == []
    assert sent(waiting.hand_out({"e2": 1}, now=0)) == [([1], ("e2",))]


def fair_batch(first: int, count: int, pool: str, job_id: int) -> tuple[OpenBatch, list[TaskSpec]]:
    tasks = [TaskSpec(first + i, i, 0) for i in range(count)]
    batch = TaskBatch(job_id, job_id, 0, "map", b"", tasks, priority=job_id, properties={"spark.scheduler.pool": pool})
    return OpenBatch(batch, count, seconds=float(count), ended=1), tasks


def turns_taken(pools: Pools, batches, slots: int, rounds: int) -> list[int]:
    """The first digits of the task ids in the order in which a cluster of ``slots`` begins them, one ending a round."""
    waiting = waiting_tasks(Turns(pools))
    for entry, tasks in batches:
        waiting.add(entry, tasks, {"e1": slots}, now=0)
    running: list[OpenBatch] = []
    begun: list[int] = []
    for _ in range(rounds):
        counts = {id(entry): (entry, running.count(entry)) for entry in running}
        out = waiting.hand_out({"e1": slots - len(running)}, 0, list(counts.values()), slots)
        running += [entry for entry, _ in out]
        begun += [task.task_id // 100 for _, bundle in out for task in bundle.tasks]
        running = running[1:]
    return begun


def test_under_fair_scheduling_two_pools_share_the_slots() -> None:
    batches = [fair_batch(100, 6, "a", 1), fair_batch(200, 6, "b", 2)]
    assert turns_taken(Pools("FAIR"), batches, slots=2, rounds=5) == [1, 2, 1, 2, 1, 2]


def test_jobs_of_one_pool_come_one_after_the_other_unless_the_pool_is_fair_too() -> None:
    batches = [fair_batch(100, 3, "a", 1), fair_batch(200, 3, "a", 2)]
    assert turns_taken(Pools("FAIR"), batches, slots=2, rounds=5) == [1, 1, 1, 2, 2, 2]
    fair = Pools("FAIR", {"a": Pool("a", "FAIR")})
    assert turns_taken(fair, batches, slots=2, rounds=5) == [1, 2, 1, 2, 1, 2]


def test_a_pool_of_twice_the_weight_has_twice_the_slots() -> None:
    pools = Pools("FAIR", {"b": Pool("b", weight=2)})
    batches = [fair_batch(100, 9, "a", 1), fair_batch(200, 9, "b", 2)]
    begun = turns_taken(pools, batches, slots=3, rounds=4)
    assert (begun.count(1), begun.count(2)) == (2, 4)


def test_a_minimum_share_comes_before_any_weight() -> None:
    pools = Pools("FAIR", {"b": Pool("b", min_share=2), "a": Pool("a", weight=100)})
    batches = [fair_batch(100, 9, "a", 1), fair_batch(200, 9, "b", 2)]
    assert turns_taken(pools, batches, slots=3, rounds=1) == [2, 2, 1]
