"""Random lineages, random failures in random order: every job ends, and nothing is left behind."""

from __future__ import annotations

import random

import pytest

from spark_kernel.common import events
from spark_kernel.common.call_sites import CallSite
from spark_kernel.common.errors import JobFailedError
from spark_kernel.core.execution import backend
from spark_kernel.core.scheduler import messages
from spark_kernel.core.scheduler.barrier_rules import refuse_unsupported_chains
from spark_kernel.core.scheduler.block_registry import BlockRegistry
from spark_kernel.core.scheduler.job_graph import NodeFacts
from spark_kernel.core.scheduler.limits import Limits
from spark_kernel.core.scheduler.map_output_registry import MapOutputRegistry
from spark_kernel.core.scheduler.messages import JobLabels
from spark_kernel.core.scheduler.planner import outline
from spark_kernel.core.scheduler.speculation import Speculation
from spark_kernel.core.scheduler.state_machine import StageScheduler
from tests.support.lineages import Graph, failed, fetch_failed, output, succeeded


class Simulation:
    """A backend that answers in random order, and now and then badly."""

    def __init__(self, seed: int, trouble: float) -> None:
        self.random = random.Random(seed)
        self.trouble = trouble
        self.map_outputs, self.blocks = MapOutputRegistry(), BlockRegistry()
        facts = NodeFacts(lambda _: None, lambda _: None, self.blocks.cached_partitions)
        limits = Limits(task_failures=8, stage_attempts=50)
        eager = Speculation(quantile=0.0, multiplier=0.0, min_seconds=0.0)
        self.scheduler = StageScheduler(limits, facts, self.map_outputs, self.blocks, eager)
        for executor in ("w1", "w2"):
            self.scheduler.handle(backend.ExecutorJoined(backend.Executor(executor, "host", 1, 0)), 0.0)
        self.now = 0.0
        self.unanswered: list[tuple[messages.SubmitTasks, messages.TaskToRun]] = []
        self.results: dict[int, dict[int, object]] = {}
        self.ended: dict[int, object] = {}
        self.announced: list[events.Event] = []
        self.copies = 0

    def tell(self, stimulus) -> None:
        self.now += 1
        for said in self.scheduler.handle(stimulus, self.now):
            if isinstance(said, messages.SubmitTasks):
                self.check_inputs_are_there(said)
                self.check_barrier_stage_is_whole(said)
                self.unanswered += [(said, task) for task in said.tasks]
                self.copies += sum(task.avoid is not None for task in said.tasks)
            elif isinstance(said, messages.DeliverResult):
                assert said.partition not in self.results[said.job_id]
                self.results[said.job_id][said.partition] = said.value
            elif isinstance(said, messages.FinishJob):
                self.ended[said.job_id] = said.error
            elif isinstance(said, messages.Announce):
                self.announced.append(said.event)

    def check_inputs_are_there(self, order) -> None:
        for dependency_id in order.outline.parents:
            assert self.map_outputs.outputs(dependency_id), "a stage was submitted before its parents"

    def check_barrier_stage_is_whole(self, order) -> None:
        if order.outline.is_barrier:
            assert [task.partition for task in order.tasks] == list(range(order.outline.final.num_partitions))
            assert all(earlier.stage_id != order.stage_id for earlier, _ in self.unanswered), "attempts overlap"

    def submit(self, job_id, node) -> None:
        self.results[job_id] = {}
        site = CallSite("collect", "lesson.py", 1)
        self.tell(messages.SubmitJob(job_id, node, tuple(range(node.num_partitions)), site, JobLabels()))

    def answer_one(self) -> None:
        order, task = self.unanswered.pop(self.random.randrange(len(self.unanswered)))
        if self.random.random() < 0.5:
            self.tell(backend.TaskStarted(task.task_id, "w1"))
        if self.random.random() < 0.3:
            self.unanswered.append((order, task))
            self.tell(messages.LookForStragglers())
            return
        if self.random.random() < self.trouble:
            self.tell(self.bad_answer(order, task))
        elif order.outline.shuffle is not None:
            machine = f"m{self.random.randrange(3)}"
            self.tell(succeeded(task.task_id, output(task.partition, machine)))
        else:
            self.tell(succeeded(task.task_id, task.partition))

    def bad_answer(self, order, task):
        kind = self.random.choice(["raise", "lost", "fetch", "cancelled"])
        if kind == "fetch" and order.outline.parents:
            shuffle_id = self.random.choice(order.outline.parents)
            return fetch_failed(task.task_id, shuffle_id, 0, machine_lost=self.random.random() < 0.3)
        if kind == "cancelled":
            return backend.TaskCancelled(task.task_id, "w1")
        return failed(task.task_id, executor_lost=kind == "lost")


def random_lineage(graph: Graph, rng: random.Random):
    datasets = [graph.source(partitions=rng.randint(1, 4)) for _ in range(2)]
    for _ in range(rng.randint(1, 12)):
        pick = rng.choice(datasets)
        step = rng.choice(["map", "shuffle", "union", "zip", "barrier"])
        if step == "map":
            datasets.append(graph.map(pick))
        elif step == "barrier":
            datasets.append(graph.barrier(pick))
        elif step == "shuffle":
            datasets.append(graph.shuffle(pick, partitions=rng.randint(1, 4)))
        elif step == "union":
            datasets.append(graph.union(pick, rng.choice(datasets)))
        else:
            datasets.append(graph.zip(pick, graph.map(pick)))
    return [node for node in datasets if is_supported(node)]


def is_supported(node) -> bool:
    try:
        refuse_unsupported_chains(outline(node), node.num_partitions)
    except JobFailedError:
        return False
    return True


@pytest.mark.parametrize("seed", range(60))
def test_every_job_ends_with_its_results_or_one_error_and_nothing_is_left(seed):
    rng = random.Random(seed)
    graph = Graph()
    datasets = random_lineage(graph, rng)
    simulation = Simulation(seed, trouble=rng.choice([0.0, 0.05, 0.2]))
    nodes = [rng.choice(datasets) for _ in range(3)]
    for job_id, node in enumerate(nodes):
        simulation.submit(job_id, node)
        for _ in range(rng.randint(0, 5)):
            if simulation.unanswered:
                simulation.answer_one()
    if rng.random() < 0.3:
        simulation.tell(messages.CancelJob(1, "chaos"))
    for _ in range(20_000):
        if not simulation.unanswered:
            break
        simulation.answer_one()

    assert sorted(simulation.ended) == [0, 1, 2]
    for job_id, node in enumerate(nodes):
        if simulation.ended[job_id] is None:
            assert simulation.results[job_id] == {p: p for p in range(node.num_partitions)}
    simulation.scheduler.assert_nothing_left()
    opened = [(e.stage_id, e.attempt) for e in simulation.announced if isinstance(e, events.StageSubmitted)]
    closed = [(e.stage_id, e.attempt) for e in simulation.announced if isinstance(e, events.StageEnded)]
    assert sorted(opened) == sorted(closed)
    assert len(set(opened)) == len(opened)
