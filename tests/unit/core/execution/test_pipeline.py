"""How the steps of a task are composed: lazily, record by record, and however many there are."""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

from spark_kernel.core.execution.backend import TaskFailed
from spark_kernel.core.execution.task_scope import current_task
from spark_kernel.core.lineage.node import NarrowDependency, Node
from spark_kernel.core.lineage.partition_maps import Groups, OneToOne, Span
from spark_kernel.core.lineage.recipes import Concatenate
from spark_kernel.core.lineage.storage_levels import StorageLevel
from spark_kernel.core.shared_variables.accumulator import AccumulatorRegistry
from tests.support.programs import (
    CallSite,
    Each,
    batch_of,
    executor_state,
    map_partitions,
    mapped,
    run_batch,
    source,
    values,
)

DEPTH = 10_000


@pytest.fixture
def state(tmp_path: Path):
    return executor_state(tmp_path)


@dataclass(frozen=True)
class Zipped:
    def compute(self, partition, inputs, scope):
        return zip(*inputs, strict=True)


def joined_nodes(node_id: int, recipe, *links: NarrowDependency, width: int) -> Node:
    return Node(node_id, "zip", CallSite("zip", "lesson.py", 9), recipe, width, links)


def first(count: int):
    return lambda records: list(itertools.islice(records, count))


def test_a_record_passes_through_all_steps_before_the_next_is_read(state) -> None:
    trace: list[str] = []
    data = map_partitions(source([1, 2]), lambda records: (trace.append(f"read {x}") or x for x in records))
    data = map_partitions(data, lambda records: (trace.append(f"used {x}") or x for x in records))
    values(run_batch(batch_of(map_partitions(data, lambda records: [list(records), list(trace)])), state))
    # Functions are copied on the way, and so is the list that they fill.
    (result,) = values(run_batch(batch_of(map_partitions(data, lambda records: [list(records), list(trace)])), state))
    assert result[1] == ["read 1", "used 1", "read 2", "used 2"]


def test_what_nobody_asks_for_is_not_computed(state) -> None:
    endless = map_partitions(source([0]), lambda records: itertools.count())
    assert values(run_batch(batch_of(mapped(endless, lambda x: x * 2), first(3)), state)) == [[0, 2, 4]]


def test_an_input_that_is_never_asked_for_is_never_opened(state) -> None:
    def explode(records):
        raise AssertionError("opened")

    good = source([1], [2])
    bad = map_partitions(source([3]), explode)
    both = joined_nodes(
        10**6, Concatenate(), NarrowDependency(good, Groups(((0, 1),))), NarrowDependency(bad, OneToOne()), width=1
    )
    assert values(run_batch(batch_of(both, first(2)), state)) == [[1, 2]]


def test_a_union_reads_only_the_side_that_has_the_partition(state) -> None:
    left, right = source([1], [2]), mapped(source([3]), lambda x: -x)
    union = joined_nodes(
        10**6, Concatenate(), NarrowDependency(left, Span(0, 2)), NarrowDependency(right, Span(2, 1)), width=3
    )
    assert values(run_batch(batch_of(union), state)) == [[1], [2], [-3]]


def test_a_dataset_that_is_read_twice_is_computed_twice_unless_persisted(state, tmp_path: Path) -> None:
    def note(x):
        with open(tmp_path / "computed", "a") as file:
            file.write("x")
        return x

    data = mapped(source([1]), note)
    twice = joined_nodes(
        10**6, Zipped(), NarrowDependency(data, OneToOne()), NarrowDependency(mapped(data, str), OneToOne()), width=1
    )
    assert values(run_batch(batch_of(twice), state)) == [[(1, "1")]]
    assert (tmp_path / "computed").read_text() == "xx"
    levels = {data.node_id: StorageLevel.MEMORY_ONLY}
    assert values(run_batch(batch_of(twice, levels=levels), state)) == [[(1, "1")]]
    assert (tmp_path / "computed").read_text() == "xxx"


def test_a_block_is_stored_whole_even_if_only_its_beginning_is_used(state) -> None:
    data = mapped(source([1, 2, 3]), lambda x: x)
    levels = {data.node_id: StorageLevel.MEMORY_ONLY}
    (report,) = run_batch(batch_of(mapped(data, str), first(1), levels=levels), state)
    assert report.value == ["1"]
    assert len(report.stored_blocks) == 1
    assert list(state.blocks.get(data.node_id, 0)) == [1, 2, 3]


def test_a_failing_block_is_not_stored(state) -> None:
    data = mapped(source([1, 0]), lambda x: 1 // x)
    (report,) = run_batch(batch_of(data, levels={data.node_id: StorageLevel.MEMORY_ONLY}), state)
    assert isinstance(report, TaskFailed)
    assert state.blocks.get(data.node_id, 0) is None


def chain_of(step, depth: int = DEPTH):
    data = source([0, 1])
    for _ in range(depth):
        data = step(data)
    return data


def test_ten_thousand_maps_need_no_more_stack_than_a_hundred(state) -> None:
    assert values(run_batch(batch_of(chain_of(lambda data: mapped(data, lambda x: x + 1))), state)) == [
        [DEPTH, DEPTH + 1]
    ]


def test_ten_thousand_generators_need_no_more_frames_than_a_hundred(state) -> None:
    def step(records):
        for x in records:
            yield x + 1

    assert values(run_batch(batch_of(chain_of(lambda data: map_partitions(data, step))), state)) == [[DEPTH, DEPTH + 1]]


def test_a_deep_chain_of_datasets_with_two_inputs_works_too(state) -> None:
    def add_one(pair):
        return pair[1] + 1

    one, data = source([0]), source([0])
    for number in range(10**6, 10**6 + 1200, 2):
        links = NarrowDependency(one, OneToOne()), NarrowDependency(data, OneToOne())
        pair = joined_nodes(number, Zipped(), *links, width=1)
        data = joined_nodes(number + 1, Each(add_one), NarrowDependency(pair, OneToOne()), width=1)
    assert values(run_batch(batch_of(data), state)) == [[600]]


def test_a_deep_chain_stays_lazy(state) -> None:
    def count_up(records):
        yield from records

    data = map_partitions(source([0]), lambda records: itertools.count())
    for _ in range(1000):
        data = map_partitions(data, count_up)
    assert values(run_batch(batch_of(data, first(3)), state)) == [[0, 1, 2]]


def test_a_failure_deep_down_names_its_step(state) -> None:
    def same(x):
        return x

    data = mapped(source([5, 0]), lambda x: 1 // x, line=77)
    for _ in range(1000):
        data = mapped(data, same)
    (report,) = run_batch(batch_of(data), state)
    assert str(report.failure.step) == "map at lesson.py:77"
    assert report.failure.record == "0"


def test_the_task_and_its_accumulators_are_known_however_deep_the_code_runs(state) -> None:
    counter = AccumulatorRegistry().create(0)

    def ask(x):
        counter.add(1)
        return current_task().partition

    data = mapped(source([0]), ask)
    for _ in range(500):
        data = mapped(data, lambda x: x)
    (report,) = run_batch(batch_of(data), state)
    assert report.value == [0]
    assert report.accumulator_updates == {counter.aid: 1}


def test_the_threads_of_a_deep_chain_end_with_the_task(state) -> None:
    data = map_partitions(source([0]), lambda records: itertools.count())
    for _ in range(1000):
        data = mapped(data, lambda x: x)
    values(run_batch(batch_of(data, first(1)), state))
    left = [thread for thread in threading.enumerate() if thread.name == "spark-kernel-steps"]
    for thread in left:
        thread.join(timeout=5)
    assert not any(thread.is_alive() for thread in left)
