"""What map tasks write, reduce tasks read: compared with plain Python."""

from __future__ import annotations

import operator
from collections import Counter
from pathlib import Path
from typing import Any

from spark_kernel.core.lineage.partitioners import Partitioner
from spark_kernel.core.lineage.shuffle_specs import Aggregator, ShuffleSpec
from spark_kernel.core.shuffle.local_transport import LocalTransport
from spark_kernel.core.shuffle.map_outputs import NodePlace
from spark_kernel.core.shuffle.portable_hash import portable_hash
from spark_kernel.core.shuffle.reader import read_shuffle
from spark_kernel.core.shuffle.writer import ShuffleTarget, write_shuffle
from tests.support.task_scopes import ScopeForTests

PLACE = NodePlace("here", "this-machine", ())


def shuffled(folder: Path, partitions: list[list[tuple[Any, Any]]], spec: ShuffleSpec) -> list[list[tuple[Any, Any]]]:
    scope = ScopeForTests(folder)
    outputs = [
        write_shuffle(iter(records), spec, ShuffleTarget(folder, PLACE, "w1", 5, number, number), scope)
        for number, records in enumerate(partitions)
    ]
    transport = LocalTransport(PLACE.machine_id)
    reducers = range(spec.partitioner.num_partitions)
    return [list(read_shuffle(outputs, reducer, spec, scope, transport, 5)) for reducer in reducers]


def test_every_word_is_counted_once(tmp_path: Path) -> None:
    words = [["to", "be", "or", "not", "to", "be"], [], ["that", "is", "to", "be"]]
    spec = ShuffleSpec(Partitioner(3, portable_hash), Aggregator(lambda v: v, operator.add, operator.add))
    reduced = shuffled(tmp_path, [[(word, 1) for word in part] for part in words], spec)
    assert dict(pair for part in reduced for pair in part) == Counter(word for part in words for word in part)


def test_records_without_aggregator_arrive_in_the_order_of_the_map_partitions(tmp_path: Path) -> None:
    spec = ShuffleSpec(Partitioner(2, portable_hash))
    partitions = [[(i, f"{part}-{i}" * 5000) for i in range(10)] for part in range(3)]
    reduced = shuffled(tmp_path, partitions, spec)
    assert reduced == [[pair for part in partitions for pair in part if pair[0] % 2 == reducer] for reducer in (0, 1)]
