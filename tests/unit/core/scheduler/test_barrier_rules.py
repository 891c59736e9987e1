"""Barrier stages in the state machine: all tasks or none, results when the last one is there, restarts as a whole."""

from __future__ import annotations

import pytest

from spark_kernel.common import events
from spark_kernel.common.errors import JobFailedError
from spark_kernel.core.execution import backend
from spark_kernel.core.scheduler import messages
from spark_kernel.core.scheduler.barrier_rules import refuse_unsupported_chains
from spark_kernel.core.scheduler.limits import Limits
from spark_kernel.core.scheduler.planner import outline
from tests.support.lineages import Graph, failed, fetch_failed, output, succeeded
from tests.support.machines import Machine


def collected(partitions: int = 2):
    graph = Graph()
    return graph.barrier(graph.source(partitions=partitions))


def shuffled():
    graph = Graph()
    return graph.shuffle(graph.barrier(graph.source()))


def began(machine, *task_ids):
    machine.tell(*(backend.TaskStarted(task_id, "w1") for task_id in task_ids))


def test_nothing_is_delivered_before_the_last_task_has_succeeded():
    machine = Machine()
    assert machine.submit(collected()) == [(0, 0, [0, 1])]
    machine.tell(succeeded(1, "b", accumulator_updates={7: 1}))
    assert machine.of(messages.DeliverResult) == machine.of(messages.MergeAccumulators) == []
    machine.tell(succeeded(0, "a"))
    assert [(each.partition, each.value) for each in machine.of(messages.DeliverResult)] == [(0, "a"), (1, "b")]
    assert [each.updates for each in machine.of(messages.MergeAccumulators)] == [{}, {7: 1}]
    assert machine.finished() == {0: None}
    machine.scheduler.assert_nothing_left()


def test_a_failed_task_ends_the_attempt_and_all_partitions_run_again_once_the_others_have_stopped():
    machine = Machine()
    machine.submit(collected(3))
    machine.tell(succeeded(0, "from the first attempt"))
    assert machine.tell(failed(1)) == []
    assert machine.of(messages.CancelTasks) == [messages.CancelTasks(0, 0)]
    (ended,) = machine.announced(events.StageEnded)
    assert (ended.attempt, ended.outcome, ended.will_retry) == (0, "failed", True)
    assert machine.tell(backend.TaskCancelled(2, "w1")) == [(0, 1, [0, 1, 2])]
    machine.tell(*(succeeded(task, f"again {task}") for task in (3, 4, 5)))
    assert [each.value for each in machine.of(messages.DeliverResult)] == ["again 3", "again 4", "again 5"]
    machine.scheduler.assert_nothing_left()


def test_a_success_that_comes_after_the_attempt_has_failed_does_not_count():
    machine = Machine()
    machine.submit(collected())
    machine.tell(failed(0))
    assert machine.tell(succeeded(1, "late", accumulator_updates={7: 1})) == [(0, 1, [0, 1])]
    assert machine.of(messages.DeliverResult) == machine.of(messages.MergeAccumulators) == []


def test_a_lost_executor_restarts_the_stage_even_where_exceptions_are_not_tried_again():
    machine = Machine(Limits(task_failures=1))
    machine.submit(collected())
    began(machine, 0, 1)
    machine.tell(failed(0, executor_lost=True))
    assert machine.tell(failed(1, executor_lost=True)) == [(0, 1, [0, 1])]


def test_an_exception_ends_a_result_stage_at_once_where_exceptions_are_not_tried_again():
    machine = Machine(Limits(task_failures=1))
    machine.submit(collected())
    machine.tell(failed(0))
    assert isinstance(machine.finished()[0], JobFailedError)
    assert machine.of(messages.CancelTasks) == [messages.CancelTasks(0, 0)]


def test_a_map_stage_is_tried_again_after_an_exception_as_in_spark():
    machine = Machine(Limits(task_failures=1))
    machine.submit(shuffled())
    machine.tell(failed(0))
    assert machine.tell(backend.TaskCancelled(1, "w1")) == [(0, 1, [0, 1])]


def test_the_attempts_at_the_stage_are_limited_and_not_those_at_a_partition():
    machine = Machine(Limits(task_failures=4, stage_attempts=2))
    machine.submit(collected())
    machine.tell(failed(0), backend.TaskCancelled(1, "w1"))
    machine.tell(failed(3))
    assert "after 2 attempts" in str(machine.finished()[0])
    assert not machine.announced(events.StageEnded)[0].will_retry


def test_executors_that_die_before_the_tasks_begin_are_hardly_counted():
    machine = Machine(Limits(stage_attempts=1, losses_before_start=3))
    machine.submit(collected(1))
    assert machine.tell(failed(0, executor_lost=True)) == [(0, 1, [0])]
    assert machine.tell(failed(1, executor_lost=True)) == [(0, 2, [0])]
    machine.tell(failed(2, executor_lost=True))
    assert "before they could begin" in str(machine.finished()[0])


def test_executors_that_die_again_and_again_end_the_job():
    machine = Machine(Limits(stage_attempts=1))
    machine.submit(collected(1))
    began(machine, 0)
    machine.tell(failed(0, executor_lost=True))
    assert "1 executors in a row died" in str(machine.finished()[0])


def test_a_task_that_was_cancelled_with_another_stage_restarts_the_stage():
    machine = Machine()
    machine.submit(collected())
    assert machine.tell(backend.TaskCancelled(0, "w1")) == []
    assert machine.tell(backend.TaskCancelled(1, "w1")) == [(0, 1, [0, 1])]


def test_one_lost_output_of_a_barrier_stage_makes_all_of_its_tasks_run_again():
    machine = Machine()
    machine.submit(shuffled())
    assert machine.run_maps(0) == [(1, 0, [0, 1])]
    assert machine.tell(fetch_failed(2, shuffle_id=0, map_partition=1)) == [(0, 1, [0, 1])]
    assert machine.map_outputs.missing(0, 2) == [0, 1]


def test_a_fetch_failure_in_a_barrier_stage_stops_its_other_tasks():
    graph = Graph()
    machine = Machine()
    machine.submit(graph.barrier(graph.shuffle(graph.source())))
    machine.run_maps(0)
    assert machine.tell(fetch_failed(2, 0, 0)) == [(0, 1, [0])]
    assert machine.of(messages.CancelTasks) == [messages.CancelTasks(1, 0)]
    assert machine.tell(succeeded(4, output(0))) == []
    assert machine.tell(backend.TaskCancelled(3, "w1")) == [(1, 1, [0, 1])]


def test_a_stage_that_the_cluster_can_not_run_ends_its_jobs_with_the_reason():
    machine = Machine()
    machine.submit(collected())
    machine.tell(backend.StageRefused(0, "too few slots"))
    assert str(machine.finished()[0]) == "too few slots"
    machine.tell(backend.TaskCancelled(0, ""), backend.TaskCancelled(1, ""))
    machine.scheduler.assert_nothing_left()


def test_the_job_graph_says_which_stages_are_barrier_stages():
    machine = Machine()
    machine.submit(shuffled())
    (job,) = machine.announced(events.JobSubmitted)
    assert [stage.barrier for stage in job.graph.stages] == [True, False]


def chains():
    graph = Graph()
    source, other = graph.source(partitions=2), graph.source(partitions=2)
    barrier = graph.barrier(source)
    return {
        "alone": barrier,
        "with a step after it": graph.map(barrier),
        "zipped with an ordinary one": graph.zip(barrier, other),
        "read by a shuffle": graph.shuffle(barrier, partitions=5),
        "after a shuffle": graph.barrier(graph.shuffle(source, partitions=2)),
        "in a union": graph.union(barrier, other),
        "after a union": graph.barrier(graph.union(source, other)),
        "zipped with another one": graph.zip(barrier, graph.barrier(other)),
        "zipped with another one before a shuffle": graph.shuffle(graph.zip(barrier, graph.barrier(other))),
    }


@pytest.mark.parametrize("name", ["alone", "with a step after it", "zipped with an ordinary one"])
def test_chains_that_spark_runs_are_allowed(name):
    refuse_unsupported_chains(outline(chains()[name]), 2)


@pytest.mark.parametrize(("name", "tasks"), [("read by a shuffle", 5), ("after a shuffle", 2)])
def test_shuffles_separate_barrier_stages_from_others(name, tasks):
    refuse_unsupported_chains(outline(chains()[name]), tasks)


@pytest.mark.parametrize(
    ("name", "tasks"),
    [
        ("alone", 1),
        ("in a union", 4),
        ("after a union", 4),
        ("zipped with another one", 2),
        ("zipped with another one before a shuffle", 2),
    ],
)
def test_chains_that_spark_refuses_are_refused_in_its_words(name, tasks):
    with pytest.raises(JobFailedError, match=r"^\[SPARK-24820\]\[SPARK-24821\]: Barrier execution mode does not allow"):
        refuse_unsupported_chains(outline(chains()[name]), tasks)
