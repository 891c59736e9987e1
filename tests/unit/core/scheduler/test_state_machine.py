"""The stage scheduler, one stimulus at a time: what it orders, what it announces, what it leaves behind."""

from __future__ import annotations

import pytest

from spark_kernel.common import events
from spark_kernel.common.errors import JobCancelledError, JobFailedError
from spark_kernel.core.execution import backend
from spark_kernel.core.execution.backend import StoredBlock
from spark_kernel.core.scheduler import messages
from spark_kernel.core.scheduler.limits import Limits
from tests.support.lineages import Graph, failed, fetch_failed, output, succeeded
from tests.support.machines import Machine


def word_count():
    graph = Graph()
    return graph.map(graph.shuffle(graph.map(graph.source())), "result")


def test_a_job_without_shuffles_submits_its_partitions_at_once_and_ends_with_the_last_result():
    machine = Machine()
    assert machine.submit(Graph().source(partitions=3)) == [(0, 0, [0, 1, 2])]
    machine.tell(succeeded(0, "a"), succeeded(2, "c"))
    assert machine.finished() == {}
    machine.tell(succeeded(1, "b"))
    assert machine.of(messages.DeliverResult) == [messages.DeliverResult(0, 1, "b")]
    assert machine.finished() == {0: None}
    machine.scheduler.assert_nothing_left()


def test_a_reduce_stage_waits_for_all_map_outputs():
    machine = Machine()
    assert machine.submit(word_count()) == [(0, 0, [0, 1])]
    assert machine.tell(succeeded(0, output(0))) == []
    assert machine.tell(succeeded(1, output(1))) == [(1, 0, [0, 1])]
    assert [event.outcome for event in machine.announced(events.StageEnded)] == ["succeeded"]


def test_an_action_on_some_partitions_runs_only_those():
    machine = Machine()
    assert machine.submit(Graph().source(partitions=5), partitions=(4, 1)) == [(0, 0, [1, 4])]


def test_a_job_over_no_partitions_ends_at_once():
    machine = Machine()
    assert machine.submit(Graph().source(), partitions=()) == []
    assert machine.finished() == {0: None}
    machine.scheduler.assert_nothing_left()


def test_a_later_job_skips_what_is_shuffled_but_still_lists_it():
    node = word_count()
    machine = Machine()
    machine.submit(node)
    machine.run_maps(0)
    machine.tell(succeeded(2), succeeded(3))
    assert machine.submit(node, job_id=1) == [(3, 0, [0, 1])]
    (job,) = machine.announced(events.JobSubmitted)
    assert [(stage.stage_id, stage.skipped) for stage in job.graph.stages] == [(2, True), (3, False)]


def test_two_jobs_that_read_one_shuffle_share_its_stage():
    graph = Graph()
    reduced = graph.shuffle(graph.source())
    machine = Machine()
    assert machine.submit(graph.map(reduced, "a"), job_id=0) == [(0, 0, [0, 1])]
    assert machine.submit(graph.map(reduced, "b"), job_id=1) == []
    assert machine.run_maps(0) == [(1, 0, [0, 1]), (2, 0, [0, 1])]


def test_cancelling_one_of_two_jobs_keeps_the_stage_that_the_other_needs():
    graph = Graph()
    reduced = graph.shuffle(graph.source())
    machine = Machine()
    machine.submit(graph.map(reduced, "a"), job_id=0)
    machine.submit(graph.map(reduced, "b"), job_id=1)
    machine.tell(messages.CancelJob(0, "interrupted"))
    assert isinstance(machine.finished()[0], JobCancelledError)
    assert machine.of(messages.CancelTasks) == []
    assert machine.run_maps(0) == [(2, 0, [0, 1])]


def test_cancelling_a_job_stops_its_tasks_and_keeps_the_map_outputs_that_are_there():
    node = word_count()
    machine = Machine()
    machine.submit(node)
    machine.tell(succeeded(0, output(0)))
    machine.tell(messages.CancelJob(0, "interrupted"))
    assert machine.of(messages.CancelTasks) == [messages.CancelTasks(0, 0)]
    assert [event.outcome for event in machine.announced(events.StageEnded)] == ["cancelled"]
    machine.tell(backend.TaskCancelled(1, "w1"))
    machine.scheduler.assert_nothing_left()
    assert machine.submit(node, job_id=1) == [(2, 0, [1])]


def test_cancelling_a_job_that_is_over_does_nothing():
    machine = Machine()
    machine.tell(messages.CancelJob(7, "late"))
    assert machine.said == []


def test_a_task_that_raises_is_tried_again_until_its_limit():
    machine = Machine(Limits(task_failures=3))
    machine.submit(Graph().source(partitions=2))
    assert machine.tell(failed(0)) == [(0, 0, [0])]
    assert machine.tell(failed(2)) == [(0, 0, [0])]
    assert [task.attempt for order in machine.of(messages.SubmitTasks) for task in order.tasks] == [2]
    machine.tell(failed(3))
    error = machine.finished()[0]
    assert isinstance(error, JobFailedError)
    assert isinstance(error.__cause__, ZeroDivisionError)
    assert error.task is not None
    assert error.task.error_type == "ZeroDivisionError"
    assert "after 3 attempts" in str(error)
    assert machine.of(messages.CancelTasks) == [messages.CancelTasks(0, 0)]
    machine.tell(backend.TaskCancelled(1, "w1"))
    machine.scheduler.assert_nothing_left()


def test_a_failure_that_no_attempt_can_mend_ends_the_job_at_once():
    machine = Machine()
    machine.submit(Graph().source(partitions=1))
    machine.tell(failed(0, retry=False))
    assert isinstance(machine.finished()[0], JobFailedError)


def test_a_lost_executor_is_repaired_even_where_exceptions_are_not_tried_again():
    machine = Machine(Limits(task_failures=1))
    machine.submit(Graph().source(partitions=1))
    machine.tell(backend.TaskStarted(0, "w1"))
    assert machine.tell(failed(0, executor_lost=True)) == [(0, 0, [0])]
    assert [event.outcome for event in machine.announced(events.TaskEnded)] == ["executor_lost"]


def test_a_task_that_kills_every_executor_is_given_up():
    machine = Machine(Limits(executor_losses=2))
    machine.submit(Graph().source(partitions=1))
    machine.tell(backend.TaskStarted(0, "w1"), failed(0, executor_lost=True))
    machine.tell(backend.TaskStarted(1, "w2"), failed(1, executor_lost=True))
    assert "2 executors in a row died" in str(machine.finished()[0])


def test_tasks_that_had_not_begun_are_not_blamed_for_a_lost_executor():
    machine = Machine(Limits(executor_losses=1, losses_before_start=3))
    machine.submit(Graph().source(partitions=1))
    assert machine.tell(failed(0, executor_lost=True)) == [(0, 0, [0])]
    assert machine.tell(failed(1, executor_lost=True)) == [(0, 0, [0])]
    machine.tell(failed(2, executor_lost=True))
    assert "before they could begin" in str(machine.finished()[0])


def test_a_lost_map_output_runs_again_alone_and_its_reader_gets_another_attempt():
    machine = Machine()
    machine.submit(word_count())
    machine.run_maps(0)
    assert machine.tell(fetch_failed(2, shuffle_id=0, map_partition=1)) == [(0, 1, [1])]
    (ended,) = machine.announced(events.StageEnded)
    assert (ended.stage_id, ended.outcome, ended.will_retry) == (1, "failed", True)
    assert machine.tell(succeeded(3, "result 1")) == []
    assert machine.tell(succeeded(4, output(1))) == [(1, 1, [0])]
    machine.tell(succeeded(5, "result 0"))
    assert machine.finished() == {0: None}
    machine.scheduler.assert_nothing_left()


def test_readers_that_still_run_are_not_started_a_second_time():
    machine = Machine()
    machine.submit(word_count())
    machine.run_maps(0)
    machine.tell(fetch_failed(2, 0, 1))
    assert machine.tell(succeeded(4, output(1))) == [(1, 1, [0])]  # Partition 1 of attempt 0 still runs.
    machine.tell(succeeded(3), succeeded(5))
    assert machine.finished() == {0: None}


def test_several_fetch_failures_of_one_attempt_count_once():
    machine = Machine(Limits(stage_attempts=2))
    machine.submit(word_count())
    machine.run_maps(0)
    assert machine.tell(fetch_failed(2, 0, 0), fetch_failed(3, 0, 1)) == [(0, 1, [0]), (0, 1, [1])]
    assert machine.finished() == {}


def test_a_lost_machine_takes_all_its_outputs_with_it_but_not_inline_ones():
    machine = Machine()
    machine.submit(word_count())
    machine.tell(succeeded(0, output(0, inline=b"x")), succeeded(1, output(1)))
    assert machine.tell(fetch_failed(2, 0, 1, machine_lost=True)) == [(0, 1, [1])]


def test_outputs_that_are_lost_again_and_again_end_the_job():
    machine = Machine(Limits(stage_attempts=2))
    machine.submit(word_count())
    machine.run_maps(0)
    machine.tell(fetch_failed(2, 0, 0))
    machine.tell(succeeded(machine.tasks[0, 0], output(0)))
    machine.tell(fetch_failed(machine.tasks[1, 0], 0, 0))
    assert "in 2 attempts in a row" in str(machine.finished()[0])
    (ended,) = machine.announced(events.StageEnded)
    assert not ended.will_retry


def test_a_skipped_stage_runs_after_all_when_its_output_turns_out_to_be_lost():
    node = word_count()
    machine = Machine()
    machine.submit(node)
    machine.run_maps(0)
    machine.tell(succeeded(2), succeeded(3))
    machine.submit(node, job_id=1)
    assert machine.tell(fetch_failed(machine.tasks[3, 0], 0, 0)) == [(2, 0, [0])]


def test_a_result_or_an_accumulator_update_counts_once():
    machine = Machine()
    machine.submit(Graph().source(partitions=2))
    machine.tell(succeeded(0, "a", accumulator_updates={7: 1}), succeeded(0, "a", accumulator_updates={7: 1}))
    assert len(machine.of(messages.DeliverResult)) == len(machine.of(messages.MergeAccumulators)) == 1


def test_a_fully_cached_dataset_hides_its_shuffle_until_an_executor_is_lost():
    graph = Graph()
    cached = graph.map(graph.shuffle(graph.source()), "cached")
    machine = Machine(persisted={cached.node_id})
    machine.submit(cached)
    machine.run_maps(0)
    blocks = [StoredBlock(cached.node_id, p, memory_bytes=10, disk_bytes=0) for p in range(2)]
    machine.tell(*(succeeded(2 + p, None, f"w{p}", stored_blocks=(blocks[p],)) for p in range(2)))
    assert [event.partition for event in machine.announced(events.BlockUpdated)] == [0, 1]
    machine.tell(messages.ForgetShuffle(0))
    assert machine.submit(cached, job_id=1) == [(3, 0, [0, 1])]
    machine.tell(succeeded(4), succeeded(5), backend.ExecutorLost("w0", "killed"))
    assert machine.submit(cached, job_id=2) == [(4, 0, [0, 1])]


def test_blocks_stored_after_an_unpersist_are_dropped():
    machine = Machine()
    machine.submit(Graph().source(partitions=1))
    machine.tell(succeeded(0, stored_blocks=(StoredBlock(0, 0, 10, 0),)))
    assert machine.of(messages.DropBlocks) == [messages.DropBlocks(0)]
    assert machine.blocks.cached_partitions(0) == 0


def test_a_stage_whose_program_cannot_be_built_fails_its_job():
    machine = Machine()
    machine.submit(word_count())
    machine.tell(messages.FailStage(0, TypeError("cannot pickle '_thread.lock' object")))
    assert "cannot pickle" in str(machine.finished()[0])


def test_a_lost_cluster_fails_every_job_and_each_later_one():
    machine = Machine()
    machine.submit(word_count())
    machine.tell(backend.BackendFailed("scheduler closed"))
    assert "scheduler closed" in str(machine.finished()[0])
    machine.scheduler.assert_nothing_left()
    machine.tell(succeeded(0))
    assert machine.said == []
    machine.submit(word_count(), job_id=1)
    assert "scheduler closed" in str(machine.finished()[1])


@pytest.mark.parametrize("lost", [0, 1])
def test_every_stage_that_was_opened_is_closed(lost):
    machine = Machine()
    opened, closed = [], []

    def note():
        opened.extend((e.stage_id, e.attempt) for e in machine.announced(events.StageSubmitted))
        closed.extend((e.stage_id, e.attempt) for e in machine.announced(events.StageEnded))

    machine.submit(word_count())
    note()
    machine.run_maps(0)
    note()
    machine.tell(fetch_failed(2, 0, lost))
    note()
    machine.tell(succeeded(4, output(lost)))
    note()
    machine.tell(succeeded(3), succeeded(5))
    note()
    assert sorted(opened) == sorted(closed) == [(0, 0), (0, 1), (1, 0), (1, 1)]


def finish_job(machine, job_id=0):
    """All tasks of the job's result stage succeed."""
    machine.tell(*(succeeded(each.task_id) for each in list(machine.scheduler._tasks.values())))
    assert machine.finished() == {job_id: None}


def a_long_lineage(machine, rounds):
    """A dataset after so many shuffles, each of them written by a job of its own."""
    graph = Graph()
    node = graph.source()
    for round_ in range(rounds):
        node = graph.shuffle(node)
        machine.submit(node, job_id=round_)
        ((stage_id, _, _),) = machine.submitted()
        machine.run_maps(stage_id)
        finish_job(machine, round_)
    return graph, node


def test_a_round_costs_the_same_however_many_rounds_were_before():
    machine = Machine()
    graph, node = a_long_lineage(machine, rounds=120)
    sizes = []
    for round_ in range(120, 140):
        node = graph.shuffle(node)
        machine.submit(node, job_id=round_)
        (job,) = machine.announced(events.JobSubmitted)
        sizes.append(len(job.graph.nodes) + len(job.graph.edges) + len(job.graph.stages))
        machine.run_maps(machine.submitted()[0][0])
        finish_job(machine, round_)
    assert len(set(sizes)) == 1
    machine.scheduler.assert_nothing_left()


def test_a_lost_output_that_the_job_did_not_list_runs_again_and_is_announced():
    machine = Machine()
    graph, node = a_long_lineage(machine, rounds=150)
    machine.submit(graph.map(node), job_id=900)
    (job,) = machine.announced(events.JobSubmitted)
    listed = {stage.stage_id for stage in job.graph.stages}
    assert len(listed) < 150
    ((result, _, _),) = machine.submitted()
    machine.tell(fetch_failed(machine.tasks[result, 0], 149, 0, machine_lost=True))
    # Everything was on that machine: the shuffles of all rounds are written again, beginning with the first.
    added = machine.announced(events.StagesAdded)
    assert {event.job_id for event in added} == {900}
    new = [stage.stage_id for event in added for stage in event.graph.stages]
    assert len(new) == 150 + 1 - len(listed)
    assert not listed & set(new)
    for _ in range(151):
        tasks = list(machine.scheduler._tasks.values())
        done = [succeeded(task.task_id, None if task.stage_id == result else output(task.partition)) for task in tasks]
        machine.tell(*done)
        if machine.finished():
            break
    assert machine.finished() == {900: None}
    machine.scheduler.assert_nothing_left()


def test_a_stage_that_another_job_lists_and_this_one_does_not_is_kept_while_either_needs_it():
    machine = Machine()
    graph, node = a_long_lineage(machine, rounds=150)
    machine.submit(graph.map(node), job_id=900)
    ((result, _, _),) = machine.submitted()
    machine.map_outputs.lose_machine("m1")
    machine.submit(graph.map(node), job_id=901)
    machine.tell(fetch_failed(machine.tasks[result, 0], 149, 0))
    machine.tell(messages.CancelJob(901, "enough"))
    assert machine.finished().keys() == {901}
    assert machine.of(messages.CancelTasks) == [], "the first job needs what runs"


def test_a_task_whose_cached_input_is_gone_runs_again_with_its_lineage_and_nothing_is_counted():
    graph = Graph()
    cached = graph.map(graph.source())
    machine = Machine(limits=Limits(task_failures=1), persisted={cached.node_id})
    for partition in range(2):
        machine.tell(backend.BlockDropped("w1", StoredBlock(cached.node_id, partition, 10, 0)))
    assert machine.submit(graph.map(cached)) == [(0, 0, [0, 1])]
    assert [order.needs_lineage for order in machine.of(messages.SubmitTasks)] == [False]
    gone = backend.TaskInputGone(machine.tasks[0, 0], "w1", (cached.node_id, 0))
    assert machine.tell(gone) == [(0, 0, [0])]
    assert [order.needs_lineage for order in machine.of(messages.SubmitTasks)] == [True]
    assert [event.outcome for event in machine.announced(events.TaskEnded)] == ["cancelled"]
    assert machine.blocks.cached_partitions(cached.node_id) == 1
    finish_job(machine)
    machine.scheduler.assert_nothing_left()


def test_a_wide_union_of_shuffles_is_looked_at_once_and_not_with_each_shuffle_that_is_written():
    graph = Graph()
    final = graph.union(*(graph.shuffle(graph.source(partitions=1), partitions=1) for _ in range(300)))
    machine = Machine()
    looks = 0
    is_complete = machine.map_outputs.is_complete

    def counted(*args):
        nonlocal looks
        looks += 1
        return is_complete(*args)

    machine.map_outputs.is_complete = counted
    machine.submit(final)
    tasks = list(machine.scheduler._tasks.values())
    assert len(tasks) == 300
    orders = [machine.tell(succeeded(task.task_id, output(0, reducers=1))) for task in tasks]
    assert [len(order) for order in orders] == [0] * 299 + [1]
    assert looks < 300 * 10
