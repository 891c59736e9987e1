"""Programs of wide unions and of long lineages: a task gets, and looks at, only what it has to do with."""

from __future__ import annotations

import itertools
import pickle
import random
from pathlib import Path

import numpy
import pytest

from spark_kernel.core.execution.backend import TaskFailed, TaskInputGone
from spark_kernel.core.execution.packed_steps import PackedSteps
from spark_kernel.core.execution.program import Deliver, ReadShuffle
from spark_kernel.core.execution.serialization import compile_program
from spark_kernel.core.lineage.node import Node
from spark_kernel.core.lineage.storage_levels import StorageLevel
from tests.support.programs import (
    batch_of,
    executor_state,
    map_partitions,
    mapped,
    run_batch,
    shuffled,
    source,
    union,
    values,
)


def steps_of(program):
    return pickle.loads(program.data, buffers=program.sides).steps


@pytest.fixture
def state(tmp_path: Path):
    return executor_state(tmp_path)


def compiled(final: Node, levels=None, cached=()):
    return compile_program(final, Deliver(list), (levels or {}).get, lambda node: node.node_id in cached)


def test_unions_of_unions_are_one_step_however_they_are_nested() -> None:
    left = right = source([0])
    for number in range(1, 500):
        left = union(left, source([number]))
        right = union(source([number]), right)
    for final in (left, right, union(left, right)):
        steps = steps_of(compiled(final))
        assert len(steps) == 1 + len(set(compiled(final).sources))
        assert [len(compiled(final).payloads_for(p)) for p in (0, final.num_partitions - 1)] == [1, 1]


@pytest.mark.parametrize("seed", range(20))
def test_a_tree_of_unions_has_the_records_of_its_leaves_in_order(seed: int, state) -> None:
    rng = random.Random(seed)
    numbers = itertools.count()
    known = [source(*[[next(numbers)] for _ in range(rng.randint(0, 3))]) for _ in range(4)]
    expected = {node.node_id: list(node.recipe.payloads) for node in known}
    for _ in range(12):
        if rng.random() < 0.3:
            below = rng.choice(known)
            node = mapped(below, lambda record: -record)
            expected[node.node_id] = [[-value for value in part] for part in expected[below.node_id]]
        else:
            sides = rng.choices(known, k=rng.randint(1, 4))
            node = union(*sides)
            expected[node.node_id] = [part for side in sides for part in expected[side.node_id]]
        known.append(node)
    final = known[-1]
    persisted = {node.node_id: StorageLevel.MEMORY_ONLY for node in known if rng.random() < 0.2}
    got = values(run_batch(batch_of(final, levels=persisted), state))
    assert got == expected[final.node_id]


def test_a_task_unpickles_its_own_side_of_a_union_only() -> None:
    sides = [mapped(mapped(source([number]), lambda x: x + 1), lambda x: x * 2) for number in range(100)]
    final = map_partitions(union(*sides), list)
    steps = steps_of(compiled(final))
    assert isinstance(steps, PackedSteps)
    assert [step.operation for step in steps.in_use()] == ["union", "mapPartitions"]
    ((index, _),) = steps[len(steps) - 2].inputs.reads(40)
    assert steps[index].operation == "map"
    assert [step.operation for step in steps.in_use()].count("parallelize") == 1


def test_sides_that_share_a_dataset_share_its_step() -> None:
    shared = source([1], [2])
    final = union(mapped(shared, lambda x: x), mapped(shared, lambda x: -x), source([3]))
    steps = steps_of(compiled(final))
    index, _ = steps[len(steps) - 1].inputs.reads(0)[0]
    _ = steps[index]
    assert [step.operation for step in steps.in_use()].count("map") == 2


def test_a_failure_on_one_side_of_a_union_names_that_side(state) -> None:
    sides = [mapped(source([number]), lambda x: 1 // (x - 3), line=10 + number) for number in range(6)]
    reports = run_batch(batch_of(union(*sides)), state)
    (failed,) = [report for report in reports if isinstance(report, TaskFailed)]
    assert failed.failure.step is not None
    assert (failed.failure.step.line, failed.failure.record) == (13, "3")


def test_what_is_behind_a_cached_dataset_does_not_travel() -> None:
    behind = "behind the cache" * 100
    cached = mapped(shuffled(mapped(source([behind]), lambda _, closed_over=behind: closed_over)), str)
    final = mapped(cached, str.upper)
    program = compiled(final, {cached.node_id: StorageLevel.MEMORY_ONLY}, {cached.node_id})
    assert [node.node_id for node in program.stops_at] == [cached.node_id]
    assert (program.shuffle_ids, program.persisted) == ((), (cached.node_id,))
    assert not any(isinstance(step.action, ReadShuffle) for step in steps_of(program))
    assert program.payloads_for(0) == {}


def test_payloads_of_cached_partitions_do_not_travel() -> None:
    cached = mapped(source(["first"], ["second"]), str)
    program = compiled(mapped(cached, str), {cached.node_id: StorageLevel.MEMORY_ONLY})
    blocks = {cached.node_id: {0: ("w1",)}}
    assert program.payloads_for(0, blocks) == {}
    assert list(program.payloads_for(1, blocks).values()) == [["second"]]
    assert [program.holders(partition, blocks) for partition in range(2)] == [("w1",), ()]


def swallow(records):
    try:
        return list(records)
    except Exception:
        return ["went on without"]


@pytest.mark.parametrize("function", [list, swallow])
def test_a_task_says_so_when_the_block_is_gone_that_stands_for_its_lineage(state, function) -> None:
    cached = mapped(source([1], [2]), lambda x: x)
    batch = batch_of(
        map_partitions(cached, function),
        levels={cached.node_id: StorageLevel.MEMORY_ONLY},
        cached={cached.node_id},
        cached_blocks={cached.node_id: {0: (state.executor_id,), 1: (state.executor_id,)}},
    )
    state.blocks.put(cached.node_id, 0, StorageLevel.MEMORY_ONLY, iter([1]))
    there, gone = run_batch(batch, state)
    assert values([there]) == [[1]]
    assert gone == TaskInputGone(batch.tasks[1].task_id, state.executor_id, (cached.node_id, 1))


def test_tasks_of_a_union_share_what_nobody_changes_and_nothing_of_the_users(state) -> None:
    counts = numpy.zeros(3)

    def count(records):
        counts[0] += 1
        return [counts[0], *records]

    final = map_partitions(union(source([1]), source([2])), count)
    assert len(compiled(final).sides) == 3
    assert values(run_batch(batch_of(final), state)) == [[1.0, 1], [1.0, 2]]
