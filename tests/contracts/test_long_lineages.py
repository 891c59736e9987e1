"""Long and wide lineages, and programs of many rounds: no recursion, nothing that grows with each round.

What a round costs is counted in bytes and in datasets, not in seconds.
"""

from __future__ import annotations

import gc
import pickle
import time
import tracemalloc
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from spark_kernel.common import events
from spark_kernel.core.context import SparkContext
from spark_kernel.core.execution.inline import InlineBackend
from spark_kernel.core.execution.orders import head_of, order_of
from spark_kernel.resource_managers.scratch import scratch_folder
from tests.support.inline import inline_context

ROUNDS = 500


class Work:
    """What the jobs of one round caused to be sent and announced."""

    def __init__(self) -> None:
        self.bytes = 0
        self.batches = 0
        self.listed = 0
        self.events = 0

    def submit(self, batch) -> None:
        self.batches += 1
        self.bytes += len(pickle.dumps(head_of(batch))) + sum(len(order_of(task).payloads) for task in batch.tasks)

    def listen(self, event: events.Event) -> None:
        self.events += 1
        if isinstance(event, events.JobSubmitted):
            self.listed += len(event.graph.nodes) + len(event.graph.edges) + len(event.graph.stages)

    def take(self) -> tuple[int, int, int, int]:
        taken = (self.bytes, self.batches, self.listed, self.events)
        self.__init__()
        return taken


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    """Counts what is handed to the backend; connect it to the events with ``sc.events.listen(work.listen)``."""
    counted = Work()
    submit = InlineBackend.submit

    def counting(backend, batch):
        counted.submit(batch)
        submit(backend, batch)

    monkeypatch.setattr(InlineBackend, "submit", counting)
    return counted


@pytest.fixture
def sc() -> Iterator[SparkContext]:
    with inline_context(spark_ui_retainedJobs="20", spark_ui_retainedStages="20") as context:
        yield context


def the_same_each_round(work: Work, step: Callable[[int], None], rounds: int = ROUNDS) -> None:
    """No round after the first hundred costs more than those before it, but for numbers that get longer."""
    costs = []
    for number in range(rounds):
        step(number)
        costs.append(work.take())
    early, late = costs[100:150], costs[-50:]
    for before, after in zip(map(sum, zip(*early, strict=True)), map(sum, zip(*late, strict=True)), strict=True):
        assert after <= before * 1.1


def test_ten_thousand_chained_maps(sc: SparkContext) -> None:
    rdd = sc.parallelize(range(10), 2)
    for _ in range(10_000):
        rdd = rdd.map(lambda x: x + 1)
    assert rdd.collect() == list(range(10_000, 10_010))
    assert len(sc.plan(rdd).nodes) == 10_001
    assert rdd.toDebugString().count(b"\n") == 1
    assert "PythonRDD" in repr(rdd)
    node = weakref.ref(rdd.node)
    del rdd
    gc.collect()
    assert node() is None


def test_ten_thousand_datasets_one_on_the_other_in_sparks_own_eyes(sc: SparkContext) -> None:
    rdd = sc.parallelize(range(10), 2)
    for _ in range(5_000):
        rdd = rdd.map(lambda x: x)
        rdd.id()
    assert rdd.toDebugString().count(b"\n") >= 1
    assert rdd.getNumPartitions() == 2


def test_a_union_of_five_thousand(sc: SparkContext) -> None:
    union = sc.union([sc.parallelize([i], 1) for i in range(5_000)])
    assert union.getNumPartitions() == 5_000
    assert sc.runJob(union, list, [0, 2_499, 4_999]) == [0, 2_499, 4_999]
    assert union.toDebugString().count(b"\n") == 5_000


@pytest.mark.parametrize("side", ["left", "right"])
def test_five_thousand_unions_of_two(sc: SparkContext, side: str) -> None:
    union = sc.parallelize([0], 1)
    for i in range(1, 5_000):
        one = sc.parallelize([i], 1)
        union = union + one if side == "left" else one + union
    found = sc.runJob(union.map(lambda x: x + 1), list, [0, 2_499, 4_999])
    assert found == ([1, 2_500, 5_000] if side == "left" else [5_000, 2_501, 1])
    assert union.toDebugString().count(b"\n") == 9_998


def test_a_thousand_chained_shuffles_in_one_job(sc: SparkContext) -> None:
    rdd = sc.parallelize([(0, 1), (1, 2)], 1)
    for _ in range(1_000):
        rdd = rdd.reduceByKey(lambda a, b: a + b, 1).map(lambda pair: pair)
    assert sorted(rdd.collect()) == [(0, 1), (1, 2)]


def test_rounds_without_checkpoint_cost_the_same(sc: SparkContext, work: Work) -> None:
    sc.events.listen(work.listen)
    rdd = sc.parallelize([(i % 3, i) for i in range(6)], 2)

    def step(number: int) -> None:
        nonlocal rdd
        rdd = rdd.map(lambda pair: (pair[0], pair[1] + 1)).reduceByKey(max, 2)
        assert rdd.count() == 3

    the_same_each_round(work, step)


def test_rounds_with_checkpoints_cost_the_same(sc: SparkContext, work: Work, tmp_path: Path) -> None:
    sc.events.listen(work.listen)
    sc.setCheckpointDir(str(tmp_path))
    rdd = sc.parallelize([(i % 3, i) for i in range(6)], 2)

    def step(number: int) -> None:
        nonlocal rdd
        rdd = rdd.map(lambda pair: (pair[0], pair[1] + 1)).reduceByKey(max, 2)
        if number % 10 == 9:
            rdd.checkpoint()
        assert rdd.count() == 3

    the_same_each_round(work, step)


def test_rounds_on_cached_datasets_cost_the_same(sc: SparkContext, work: Work) -> None:
    sc.events.listen(work.listen)
    links = sc.parallelize([(i, [(i + 1) % 5]) for i in range(5)], 2).partitionBy(2).cache()
    ranks = links.mapValues(lambda _: 1.0)

    def step(number: int) -> None:
        nonlocal ranks
        shares = links.join(ranks, 2).flatMap(lambda row: [(to, row[1][1]) for to in row[1][0]])
        before, ranks = ranks, shares.reduceByKey(lambda a, b: a + b, 2).cache()
        assert ranks.count() == 5
        before.unpersist()

    the_same_each_round(work, step, rounds=250)


def test_rounds_of_narrow_steps_on_cached_datasets_cost_the_same(sc: SparkContext, work: Work) -> None:
    sc.events.listen(work.listen)
    rdd = sc.parallelize(range(4), 2)

    def step(number: int) -> None:
        nonlocal rdd
        before, rdd = rdd, rdd.map(lambda x: x + 1).cache()
        assert rdd.sum() == 6 + 4 * (number + 1)
        before.unpersist()

    the_same_each_round(work, step)


def test_rounds_leave_no_memory_behind(sc: SparkContext, tmp_path: Path) -> None:
    sc.setCheckpointDir(str(tmp_path))
    rdd = sc.parallelize([(i % 3, i) for i in range(6)], 2)

    def run(rounds: int) -> int:
        """Bytes that are in use after so many rounds more."""
        nonlocal rdd
        for number in range(rounds):
            rdd = rdd.map(lambda pair: (pair[0], pair[1] + 1)).reduceByKey(max, 2).persist()
            if number % 5 == 4:
                rdd.checkpoint()
            assert rdd.count() == 3
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    run(40)
    tracemalloc.start()
    try:
        before = run(60)
        after = run(120)
    finally:
        tracemalloc.stop()
    # A dataset of the lineage is about 2 kB, the graph of a job ten times as much.
    assert after - before < 120 * 2_000


def test_rounds_leave_no_shuffle_files_behind_when_their_datasets_are_gone(sc: SparkContext, tmp_path: Path) -> None:
    sc.setCheckpointDir(str(tmp_path))
    rdd = sc.parallelize([(i, bytes(200_000)) for i in range(4)], 2)
    shuffles = scratch_folder(sc.applicationId, dict(sc.getConf().getAll())) / "shuffle"
    most = 0
    for number in range(24):
        rdd = rdd.map(lambda pair: pair).reduceByKey(max, 2)
        if number % 4 == 3:
            rdd.checkpoint()
        assert rdd.count() == 4
        most = max(most, len(list(shuffles.iterdir())))
    assert most >= 4
    deadline = time.monotonic() + 60
    # The cleaner works in a thread of its own.
    while len(list(shuffles.iterdir())) > 1 and time.monotonic() < deadline:
        # A handle lets go of what is behind its checkpoint when it is used.
        assert rdd.getNumPartitions() == 2
        gc.collect()
        time.sleep(0.05)
    assert len(list(shuffles.iterdir())) <= 1


def test_a_cached_dataset_whose_blocks_vanished_unseen_is_computed_again(sc: SparkContext) -> None:
    cached = sc.parallelize([(i % 3, i) for i in range(9)], 4).reduceByKey(max, 3).map(lambda pair: pair[1]).cache()
    assert sorted(cached.collect()) == [6, 7, 8]
    # Behind the scheduler's back, which goes on to leave out of the tasks what made it.
    sc.session.runner._backend.drop_blocks(cached.node.node_id)
    outcomes: list[str] = []
    sc.events.listen(lambda event: outcomes.append(event.outcome) if isinstance(event, events.TaskEnded) else None)
    assert sorted(cached.map(lambda x: -x).collect()) == [-8, -7, -6]
    assert outcomes == ["cancelled"] * 3 + ["succeeded"] * 3
    assert sorted(cached.collect()) == [6, 7, 8]
    assert outcomes[6:] == ["succeeded"] * 3
