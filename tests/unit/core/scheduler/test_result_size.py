"""Results larger than the driver may hold end their job before they are fetched."""

from __future__ import annotations

import pytest

from spark_kernel.common.call_sites import CallSite
from spark_kernel.common.errors import JobFailedError
from spark_kernel.common.events import TaskMetrics
from spark_kernel.core.execution import backend
from spark_kernel.core.scheduler import messages
from spark_kernel.core.scheduler.block_registry import BlockRegistry
from spark_kernel.core.scheduler.job_graph import NodeFacts
from spark_kernel.core.scheduler.limits import Limits
from spark_kernel.core.scheduler.map_output_registry import MapOutputRegistry
from spark_kernel.core.scheduler.messages import JobLabels
from spark_kernel.core.scheduler.state_machine import StageScheduler
from tests.support.lineages import Graph, output

MIB = 1 << 20


def scheduler(limit: int, node) -> StageScheduler:
    blocks = BlockRegistry()
    facts = NodeFacts(lambda _: None, lambda _: None, blocks.cached_partitions)
    machine = StageScheduler(Limits(result_bytes=limit), facts, MapOutputRegistry(), blocks)
    site = CallSite("collect", "lesson.py", 9)
    machine.handle(messages.SubmitJob(0, node, tuple(range(node.num_partitions)), site, JobLabels()), 0.0)
    return machine


def done(task: int, size: int, value: object = "v") -> backend.TaskSucceeded:
    return backend.TaskSucceeded(task, "w1", value, TaskMetrics(result_bytes=size))


def errors(machine: StageScheduler, *stimuli) -> list[JobFailedError | None]:
    said = [each for stimulus in stimuli for each in machine.handle(stimulus, 1.0)]
    return [each.error for each in said if isinstance(each, messages.FinishJob)]


@pytest.mark.parametrize(
    "second", [done(1, 2 * MIB), backend.ResultHeld(1, "w1", 2 * MIB)], ids=["arrived", "still on its executor"]
)
def test_the_job_fails_with_what_spark_says(second):
    machine = scheduler(2 * MIB + 512 * 1024, Graph().source(partitions=3))
    (error,) = errors(machine, done(0, MIB), second)
    assert str(error).startswith(
        "Total size of serialized results of 2 tasks (3.0 MiB) is bigger than spark.driver.maxResultSize (2.5 MiB)"
    )


def test_a_result_that_is_held_and_then_arrives_counts_once():
    machine = scheduler(3 * MIB, Graph().source(partitions=2))
    assert errors(machine, backend.ResultHeld(0, "w1", 2 * MIB), done(0, 2 * MIB), done(1, MIB)) == [None]


def test_as_much_as_allowed_is_not_too_much():
    assert errors(scheduler(2 * MIB, Graph().source(partitions=2)), done(0, MIB), done(1, MIB)) == [None]


def test_zero_means_no_limit():
    assert errors(scheduler(0, Graph().source(partitions=2)), done(0, 1 << 50), done(1, 1 << 50)) == [None]


def test_map_outputs_are_no_results():
    graph = Graph()
    machine = scheduler(10, graph.shuffle(graph.source(partitions=2)))
    assert errors(machine, done(0, 100, output(0)), done(1, 100, output(1)), done(2, 1), done(3, 1)) == [None]
