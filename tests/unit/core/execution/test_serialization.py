"""Making programs: what is in them, what stays on the driver, and what can't travel."""

from __future__ import annotations

import pickle
import threading
from dataclasses import dataclass
from typing import Any

import pytest

from spark_kernel.common.call_sites import CallSite
from spark_kernel.common.errors import ContextError, SerializationError
from spark_kernel.core.execution.backend import payload_key
from spark_kernel.core.execution.program import Deliver, ReadShuffle, ReadSource
from spark_kernel.core.execution.serialization import compile_program, dumps, loads
from spark_kernel.core.lineage.node import NarrowDependency, Node
from spark_kernel.core.lineage.partition_maps import Groups, Span
from spark_kernel.core.lineage.recipes import Concatenate, Source
from spark_kernel.core.lineage.storage_levels import StorageLevel
from spark_kernel.core.shared_variables.broadcast import Broadcast
from tests.support.programs import map_side, mapped, read_list, shuffled, source


def compiled(final: Node, output=None, levels: dict[int, Any] | None = None):
    return compile_program(final, output or Deliver(list), (levels or {}).get)


def steps_of(program) -> list:
    return list(pickle.loads(program.data, buffers=program.sides).steps)


def test_steps_come_parents_first_and_end_at_shuffles() -> None:
    first = source([(1, 2)])
    second = mapped(first, lambda pair: pair)
    wide = shuffled(second, 3)
    last = mapped(wide, str)
    program = compiled(last)
    assert [step.node_id for step in steps_of(program)] == [wide.node_id, last.node_id]
    reads = steps_of(program)[0].action
    assert isinstance(reads, ReadShuffle)
    assert reads.map_partitions == 1
    assert program.shuffle_ids == (reads.shuffle_id,)
    parent, output = map_side(wide)
    written = compiled(parent, output)
    assert [step.node_id for step in steps_of(written)] == [first.node_id, second.node_id]
    assert pickle.loads(written.data).output.shuffle_id == reads.shuffle_id


def test_a_dataset_that_is_used_twice_is_one_step() -> None:
    data = source([1], [2])
    links = NarrowDependency(data, Span(0, 2)), NarrowDependency(data, Span(2, 2))
    union = Node(10**6, "union", CallSite("union"), Concatenate(), 4, links)
    program = compiled(union)
    assert len(steps_of(program)) == 2
    assert program.payloads_for(0) == {payload_key(0, 0): [1]}
    assert program.payloads_for(3) == {payload_key(0, 1): [2]}


def test_payloads_stay_on_the_driver() -> None:
    secret = "payload" * 100
    program = compiled(mapped(source([secret], ["other"]), str.upper))
    assert secret.encode() not in program.data
    assert isinstance(steps_of(program)[0].action, ReadSource)
    assert program.payloads_for(1) == {payload_key(0, 1): ["other"]}


def test_a_coalesced_task_gets_the_payloads_of_its_group() -> None:
    data = mapped(source([0], [1], [2]), lambda x: x)
    group = Node(
        10**6, "coalesce", CallSite("coalesce"), Concatenate(), 2, (NarrowDependency(data, Groups(((0, 2), (1,)))),)
    )
    program = compiled(group)
    assert program.payloads_for(0) == {payload_key(0, 0): [0], payload_key(0, 2): [2]}
    assert program.payloads_for(1) == {payload_key(0, 1): [1]}


def test_hosts_that_hold_more_of_the_input_come_first() -> None:
    recipe = Source([0, 1, 2], read_list, preferred_hosts=lambda i: [("a",), ("b", "a"), ("b",)][i])
    data = Node(10**6, "textFile", CallSite("textFile"), recipe, 3)
    group = Node(10**6 + 1, "coalesce", CallSite("c"), Concatenate(), 1, (NarrowDependency(data, Groups(((0, 1),))),))
    assert compiled(group).preferred_hosts(0) == ("a", "b")
    assert compiled(data).preferred_hosts(2) == ("b",)
    assert compiled(source([1])).preferred_hosts(0) == ()


def test_persisted_datasets_carry_their_level() -> None:
    data = source([1])
    last = mapped(data, str)
    levels = {data.node_id: StorageLevel.MEMORY_ONLY, last.node_id: StorageLevel.NONE}
    program = compiled(last, levels=levels)
    assert program.persisted == (data.node_id,)
    assert [step.level for step in steps_of(program)] == [StorageLevel.MEMORY_ONLY, None]


def test_broadcasts_that_functions_refer_to_are_named() -> None:
    table, other = Broadcast(4, {}), Broadcast(5, {})
    assert compiled(mapped(source([1]), lambda x: table.value)).broadcasts == {4}
    assert compiled(mapped(mapped(source([1]), lambda x: table.value), lambda x: other.value)).broadcasts == {4, 5}
    assert compiled(source([1])).broadcasts == frozenset()


def test_a_lineage_of_ten_thousand_steps_compiles_without_recursion() -> None:
    def step(x):
        return x

    data = source([1], [2])
    for _ in range(10_000):
        data = mapped(data, step)
    program = compiled(data)
    assert len(steps_of(program)) == 10_001
    assert program.payloads_for(1) == {payload_key(0, 1): [2]}


def test_a_lock_in_a_closure_is_named_with_the_users_line() -> None:
    lock = threading.Lock()
    with pytest.raises(SerializationError) as caught:
        compiled(mapped(source([1]), lambda x: lock.locked(), line=14))
    message = str(caught.value)
    assert "map at lesson.py:14" in message
    assert "variable 'lock'" in message
    assert "_thread.lock" in message
    assert isinstance(caught.value, pickle.PicklingError)


@dataclass
class Client:
    name: str
    lock: Any


def test_the_path_to_what_is_to_blame_is_told() -> None:
    client = Client("db", {"guard": threading.Lock()})

    def inner(x):
        return client.name

    with pytest.raises(SerializationError) as caught:
        compiled(mapped(source([1]), lambda x: inner(x)))
    message = str(caught.value)
    for part in ("variable 'inner'", "variable 'client'", "attribute 'lock'", "value of 'guard'"):
        assert part in message
    assert "mapPartitions" in message


def test_a_function_of_the_action_is_named_too() -> None:
    lock = threading.Lock()
    with pytest.raises(SerializationError, match=r"foreach at lesson\.py:9"):
        compiled(source([1]), Deliver(lambda it: lock, CallSite("foreach", "lesson.py", 9)))


def test_a_dataset_inside_a_function_keeps_its_own_advice() -> None:
    other = source([1])
    with pytest.raises(ContextError, match="can't be sent to a task"):
        compiled(mapped(source([1]), lambda x: other))


def test_objects_that_are_nested_too_deeply_are_refused_with_a_reason() -> None:
    nested: list = []
    for _ in range(100_000):
        nested = [nested]
    with pytest.raises(SerializationError, match="nested too deeply"):
        compiled(mapped(source([1]), lambda x: nested))
    # Such a list is taken apart by recursion, too: let go of it step by step.
    while nested:
        nested = nested[0]


class Local:
    def __init__(self, x) -> None:
        self.x = x


def test_values_of_notebook_classes_survive_dumps() -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec("class Point:\n    def __init__(self, x):\n        self.x = x", namespace)
    point = loads(dumps([namespace["Point"](3)]))[0]
    assert point.x == 3
    assert type(point) is namespace["Point"]
    assert loads(dumps(Local(4))).x == 4
