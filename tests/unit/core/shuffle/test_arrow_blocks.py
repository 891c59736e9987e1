"""Arrow tables through shuffle files: every row arrives once, at its reducer, in order."""

from __future__ import annotations

import datetime
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_kernel.core.shuffle.arrow_blocks import ArrowBlocks, read_arrow_shuffle, write_arrow_shuffle
from spark_kernel.core.shuffle.fetch_failures import FetchFailedError
from spark_kernel.core.shuffle.local_transport import LocalTransport
from spark_kernel.core.shuffle.map_outputs import MapOutput
from tests.support.shuffles import PLACE, SHUFFLE, RemoteForTests, target
from tests.support.task_scopes import ScopeForTests

SCHEMA = pa.schema([
    ("key", pa.int64()), ("text", pa.string()), ("large", pa.large_string()), ("flag", pa.bool_()), ("x", pa.float64()),
    ("many", pa.list_(pa.int32())), ("pair", pa.struct([("a", pa.int8()), ("b", pa.string())])),
    ("when", pa.timestamp("us", "UTC")), ("money", pa.decimal128(10, 2)), ("bytes", pa.binary()), ("none", pa.null()),
])  # fmt: skip


def row(i: int) -> dict[str, Any]:
    return {
        "key": i,
        "text": f"text {i}" if i % 3 else None,
        "large": "x" * (i % 50),
        "flag": i % 2 == 0,
        "x": i / 7,
        "many": list(range(i % 4)) if i % 5 else None,
        "pair": {"a": i % 100, "b": str(i)},
        "when": datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc) + datetime.timedelta(seconds=i),
        "money": None,
        "bytes": bytes(i % 9),
        "none": None,
    }


def table(start: int, count: int) -> pa.Table:
    return pa.Table.from_pylist([row(i) for i in range(start, start + count)], schema=SCHEMA)


def written(folder: Path, tables: list[list[pa.Table]], width: int, scope: ScopeForTests) -> list[MapOutput]:
    blocks = ArrowBlocks(SCHEMA)
    return [
        write_arrow_shuffle(
            ((each, each["key"].to_numpy() % width) for each in parts), width, blocks, target(folder, i), scope
        )
        for i, parts in enumerate(tables)
    ]


def read(outputs: list[MapOutput], reducer: int, scope: ScopeForTests, transport: Any = None) -> list[dict[str, Any]]:
    transport = transport or LocalTransport(PLACE.machine_id)
    batches = read_arrow_shuffle(outputs, reducer, ArrowBlocks(SCHEMA), scope, transport, SHUFFLE)
    return [each for batch in batches for each in batch.to_pylist()]


@settings(max_examples=30, deadline=None)
@given(
    sizes=st.lists(st.lists(st.integers(0, 60), max_size=3), min_size=1, max_size=3),
    width=st.integers(1, 5),
    memory=st.sampled_from([1000, 1 << 30]),
    remote=st.booleans(),
)
def test_every_row_arrives_at_its_reducer_in_order(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[list[int]], width: int, memory: int, remote: bool
) -> None:
    folder = tmp_path_factory.mktemp("arrow")
    scope = ScopeForTests(folder, memory_share=memory)
    tables = [[table(100 * i, size) for i, size in enumerate(parts)] for parts in sizes]
    outputs = written(folder, tables, width, scope)
    rows = [each for parts in tables for part in parts for each in part.to_pylist()]
    for reducer in range(width):
        found = read(outputs, reducer, scope, RemoteForTests(folder) if remote else None)
        assert found == [each for each in rows if each["key"] % width == reducer]
    assert scope.counts.shuffle_records_written == scope.counts.shuffle_records_read == len(rows)


def test_a_slice_writes_its_own_rows_only(tmp_path: Path) -> None:
    whole = pa.table({"x": np.arange(1_000_000)})
    blocks = ArrowBlocks(whole.schema)
    assert len(blocks.encode(whole.slice(10, 5).to_batches()[0])) < 1000


def test_many_small_blocks_do_not_carry_the_schema_each(tmp_path: Path) -> None:
    scope = ScopeForTests(tmp_path)
    (output,) = written(tmp_path, [[table(0, 1000)]], 200, scope)
    assert output.offsets[-1] / 200 < 2 * table(0, 5).nbytes + 2500
    assert [len(read([output], reducer, scope)) for reducer in range(200)] == [5] * 200


def test_damage_is_noticed(tmp_path: Path) -> None:
    scope = ScopeForTests(tmp_path)
    (output,) = written(tmp_path, [[table(0, 3000)]], 2, scope)
    content = bytearray(Path(output.path).read_bytes())
    content[output.offsets[1] // 2] ^= 1
    Path(output.path).write_bytes(content)
    with pytest.raises(FetchFailedError, match="checksum"):
        read([output], 0, scope)
    assert len(read([output], 1, scope)) == 1500
    os.truncate(output.path, output.offsets[1])
    with pytest.raises(FetchFailedError, match="truncated"):
        read([output], 1, scope)


def test_dictionary_columns_are_refused_with_advice() -> None:
    schema = pa.schema([("a", pa.int8()), ("b", pa.list_(pa.dictionary(pa.int8(), pa.string())))])
    with pytest.raises(ValueError, match="columns b are dictionary-encoded; cast"):
        ArrowBlocks(schema)
