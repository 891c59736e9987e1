"""Which tasks are slow, as a table; and what the scheduler makes of a copy, one stimulus at a time."""

from __future__ import annotations

import pytest

from spark_kernel.common import events
from spark_kernel.common.call_sites import CallSite
from spark_kernel.common.errors import JobFailedError
from spark_kernel.core.execution import backend
from spark_kernel.core.scheduler import messages
from spark_kernel.core.scheduler.block_registry import BlockRegistry
from spark_kernel.core.scheduler.job_graph import NodeFacts
from spark_kernel.core.scheduler.limits import Limits
from spark_kernel.core.scheduler.map_output_registry import MapOutputRegistry
from spark_kernel.core.scheduler.messages import JobLabels, LookForStragglers
from spark_kernel.core.scheduler.speculation import Speculation, stragglers
from spark_kernel.core.scheduler.state_machine import StageScheduler
from tests.support.lineages import Graph, failed, fetch_failed, output, succeeded

QUICK = Speculation(multiplier=2.0, quantile=0.5)


@pytest.mark.parametrize(
    ("rules", "tasks", "durations", "running", "slots", "expected"),
    [
        pytest.param(QUICK, 4, [1, 1], {2: 2.5, 3: 1.5}, 1, [2], id="slower than twice the median"),
        pytest.param(QUICK, 4, [1, 1], {2: 2.0}, 1, [], id="exactly twice is not slower"),
        pytest.param(QUICK, 4, [1], {2: 99}, 1, [], id="too few are done"),
        pytest.param(QUICK, 5, [1, 1], {2: 99}, 1, [2], id="the quantile is rounded down"),
        pytest.param(Speculation(), 10, [1] * 8, {9: 99}, 1, [], id="by default nine of ten have to be done"),
        pytest.param(Speculation(), 10, [1] * 9, {9: 3.1}, 1, [9], id="by default three times the median"),
        pytest.param(
            QUICK, 4, [0.001] * 2, {2: 0.09, 3: 0.11}, 1, [3], id="nothing is slow within a tenth of a second"
        ),
        pytest.param(QUICK, 4, [1, 9, 9], {3: 17}, 1, [], id="the median of three is the second"),
        pytest.param(QUICK, 4, [1, 9], {3: 17}, 1, [], id="the median of two is the larger"),
        pytest.param(QUICK, 1, [], {0: 99}, 1, [], id="a single task has nothing to be compared with"),
        pytest.param(Speculation(threshold=30), 1, [], {0: 31}, 1, [0], id="unless a threshold is set"),
        pytest.param(Speculation(threshold=30), 2, [], {0: 31, 1: 29}, 2, [0], id="the threshold is for each task"),
        pytest.param(Speculation(threshold=30), 3, [], {0: 99}, 2, [], id="and for stages that fit one executor"),
        pytest.param(
            Speculation(quantile=0.0, threshold=30), 3, [1], {2: 4}, 1, [2], id="one has to be done, at least"
        ),
    ],
)
def test_a_task_is_slow_when_it_takes_much_longer_than_its_like(rules, tasks, durations, running, slots, expected):
    assert stragglers(rules, tasks, durations, running, slots) == expected


class Race:
    """A scheduler with two executors, and a stage of which all tasks but one are done."""

    def __init__(self, node, limits: Limits | None = None, executors=("w1", "w2"), partitions=4) -> None:
        self.map_outputs, blocks = MapOutputRegistry(), BlockRegistry()
        facts = NodeFacts(lambda _: None, lambda _: None, blocks.cached_partitions)
        self.scheduler = StageScheduler(limits or Limits(), facts, self.map_outputs, blocks, QUICK)
        self.said: list[messages.Instruction] = []
        self.tell(*(backend.ExecutorJoined(backend.Executor(each, "host", 1, 0)) for each in executors))
        site = CallSite("collect", "lesson.py", 9)
        self.tell(messages.SubmitJob(0, node, tuple(range(node.num_partitions)), site, JobLabels()))
        self.tell(*(backend.TaskStarted(task, "w1") for task in range(partitions)))
        maps = self.of(messages.SubmitTasks)[0].outline.shuffle is not None
        for task in range(partitions - 1):
            self.tell(succeeded(task, output(task) if maps else task), now=1.0)
        self.slow = partitions - 1

    def tell(self, *stimuli, now: float = 0.0) -> list[messages.Instruction]:
        said = [each for stimulus in stimuli for each in self.scheduler.handle(stimulus, now)]
        self.said += said
        return said

    def of(self, kind):
        return [each for each in self.said if isinstance(each, kind)]

    def start_copy(self) -> int:
        said = self.tell(LookForStragglers(), now=9.0)
        (order,) = [each for each in said if isinstance(each, messages.SubmitTasks)]
        (copy,) = order.tasks
        self.tell(backend.TaskStarted(copy.task_id, "w2"), now=9.1)
        return copy.task_id

    def outcomes(self) -> list[tuple[int, str]]:
        ends = [each.event for each in self.of(messages.Announce) if isinstance(each.event, events.TaskEnded)]
        return [(end.task_id, end.outcome) for end in ends if end.partition == self.slow]

    def results(self) -> list[tuple[int, object]]:
        return [(each.partition, each.value) for each in self.of(messages.DeliverResult)]


def test_a_slow_task_gets_one_copy_elsewhere():
    race = Race(Graph().source(partitions=4))
    (order,) = race.tell(LookForStragglers(), now=9.0)
    (copy,) = order.tasks
    assert (order.stage_id, order.stage_attempt, copy.partition, copy.attempt, copy.avoid) == (0, 0, 3, 1, "w1")
    assert race.tell(LookForStragglers(), now=99.0) == []
    (started,) = race.tell(backend.TaskStarted(copy.task_id, "w2"))
    assert started.event.speculative


def test_nothing_is_copied_before_it_is_slow_or_where_there_is_one_executor_only():
    assert Race(Graph().source(partitions=4)).tell(LookForStragglers(), now=1.5) == []
    assert Race(Graph().source(partitions=4), executors=["w1"]).tell(LookForStragglers(), now=99.0) == []


def test_a_task_that_has_not_begun_is_not_slow():
    race = Race(Graph().source(partitions=4), partitions=3)
    assert [each.tasks[0].partition for each in race.tell(LookForStragglers(), now=99.0)] == [2]


@pytest.mark.parametrize("winner", ["first", "copy"])
def test_whoever_ends_first_wins_and_the_other_is_stopped(winner):
    race = Race(Graph().source(partitions=4))
    copy = race.start_copy()
    won, lost = (race.slow, copy) if winner == "first" else (copy, race.slow)
    race.tell(succeeded(won, winner, accumulator_updates={1: 1}))
    assert race.of(messages.KillTasks) == [messages.KillTasks((lost,))]
    assert race.of(messages.FinishJob) == [messages.FinishJob(0, None)]
    race.tell(succeeded(lost, "late", accumulator_updates={1: 1}))
    assert race.results()[-1] == (3, winner)
    assert len(race.of(messages.MergeAccumulators)) == 4
    assert race.outcomes() == [(won, "succeeded"), (lost, "cancelled")]
    race.scheduler.assert_nothing_left()


@pytest.mark.parametrize(
    "last_words",
    [failed, lambda task: failed(task, executor_lost=True), lambda task: backend.TaskCancelled(task, "w1")],
    ids=["raised", "lost", "stopped"],
)
def test_how_the_loser_ends_counts_for_nothing(last_words):
    graph = Graph()
    race = Race(graph.shuffle(graph.source(partitions=4)), Limits(task_failures=1, executor_losses=1))
    copy = race.start_copy()
    race.tell(succeeded(copy, output(3, "m2")))
    race.tell(last_words(race.slow))
    assert race.of(messages.FinishJob) == []
    assert race.outcomes() == [(copy, "succeeded"), (race.slow, "cancelled")]


def test_the_map_output_of_one_attempt_is_registered():
    graph = Graph()
    race = Race(graph.shuffle(graph.source(partitions=4)))
    copy = race.start_copy()
    race.tell(succeeded(copy, output(3, "m2")))
    race.tell(succeeded(race.slow, output(3, "m1")))
    assert [each.place.machine_id for each in race.map_outputs.outputs(0)] == ["m1", "m1", "m1", "m2"]
    assert [order.stage_id for order in race.of(messages.SubmitTasks)] == [0, 0, 1]


def test_a_loser_that_finds_a_block_missing_says_so_without_ending_its_stage():
    graph = Graph()
    shuffled = graph.shuffle(graph.source(partitions=1), partitions=4)
    race = Race(shuffled, partitions=1)
    (order,) = race.tell(succeeded(0, output(0)), now=1.0)[-1:]
    tasks = [task.task_id for task in order.tasks]
    race.tell(*(backend.TaskStarted(task, "w1") for task in tasks), now=1.0)
    race.tell(*(succeeded(task) for task in tasks[:2]), now=2.0)
    said = race.tell(LookForStragglers(), now=9.0)
    copies = {task.partition: task.task_id for each in said for task in each.tasks}
    assert sorted(copies) == [2, 3]
    race.tell(succeeded(copies[2], "copy"))
    race.tell(fetch_failed(tasks[2], shuffle_id=0, map_partition=0))
    assert not race.map_outputs.has_output(0, 0)
    assert all(
        each.event.outcome != "failed" for each in race.of(messages.Announce) if type(each.event) is events.StageEnded
    )


@pytest.mark.parametrize("first_to_fail", ["first", "copy"])
def test_when_one_of_two_fails_the_other_goes_on_alone(first_to_fail):
    race = Race(Graph().source(partitions=4))
    copy = race.start_copy()
    failing, left = (race.slow, copy) if first_to_fail == "first" else (copy, race.slow)
    assert [type(each) for each in race.tell(failed(failing))] == [messages.Announce]
    race.tell(succeeded(left, "done"))
    assert race.of(messages.KillTasks) == []
    assert race.results()[-1] == (3, "done")
    race.scheduler.assert_nothing_left()


def test_a_copy_that_fails_counts_against_its_partition():
    race = Race(Graph().source(partitions=4), Limits(task_failures=1))
    race.tell(failed(race.start_copy()))
    (finished,) = race.of(messages.FinishJob)
    assert isinstance(finished.error, JobFailedError)
    assert race.of(messages.CancelTasks) == [messages.CancelTasks(0, 0)]


def test_a_partition_whose_attempts_both_failed_is_tried_again():
    race = Race(Graph().source(partitions=4))
    copy = race.start_copy()
    race.tell(failed(copy))
    said = race.tell(failed(race.slow))
    (order,) = [each for each in said if isinstance(each, messages.SubmitTasks)]
    assert [(task.partition, task.attempt, task.avoid) for task in order.tasks] == [(3, 2, None)]


def test_a_cancelled_job_stops_copies_too():
    race = Race(Graph().source(partitions=4))
    copy = race.start_copy()
    race.tell(messages.CancelJob(0, "enough"))
    assert race.of(messages.CancelTasks) == [messages.CancelTasks(0, 0)]
    race.tell(backend.TaskCancelled(copy, "w2"), backend.TaskCancelled(race.slow, "w1"))
    race.scheduler.assert_nothing_left()
