"""A tag that is said once a batch gives the pairs that a tag on each of them would have given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_kernel.core.lineage.partitioners import Partitioner
from spark_kernel.core.lineage.shuffle_specs import Aggregator, ShuffleSpec
from spark_kernel.core.rdd.cogrouping import Tag
from spark_kernel.core.rdd.combining import append, append_all, in_list
from spark_kernel.core.shuffle.portable_hash import portable_hash
from spark_kernel.core.shuffle.tagging import Tagged
from spark_kernel.core.shuffle.writer import write_shuffle
from tests.support.shuffles import read, target
from tests.support.task_scopes import ScopeForTests

GROUPS = Aggregator(in_list, append, append_all)
RECORDS: list[Any] = [("a", 1), ["b", 2], ("c", 3, "more"), "de", ("a", None)] * 300


def tag(records: list[Any], number: int) -> Any:
    return Tag(number).compute(0, iter([iter(records)]), None)  # type: ignore[arg-type]


def test_a_tag_goes_to_the_first_two_of_whatever_a_record_is() -> None:
    assert list(tag(RECORDS, 3)) == [(record[0], (3, record[1])) for record in RECORDS]


@pytest.mark.parametrize("aggregator", [None, GROUPS])
@pytest.mark.parametrize("early", [True, False])
def test_tagged_pairs_arrive_as_if_each_had_been_written_with_its_tag(
    tmp_path: Path, aggregator: Aggregator | None, early: bool
) -> None:
    spec = ShuffleSpec(Partitioner(2, portable_hash), aggregator, map_side_combine=early)
    scope = ScopeForTests(tmp_path)
    tagged = [write_shuffle(tag(RECORDS, n), spec, target(tmp_path, n), scope) for n in (0, 1)]
    plain = [write_shuffle(iter(list(tag(RECORDS, n))), spec, target(tmp_path, n + 2), scope) for n in (0, 1)]
    for reducer in (0, 1):
        assert list(read(tagged, reducer, spec, scope)) == list(read(plain, reducer, spec, scope))


def test_a_record_that_has_no_key_fails_in_the_recipe_that_knows_it() -> None:
    with pytest.raises(TypeError, match="not subscriptable") as caught:
        list(tag([("a", 1), 2], 0))
    assert caught.traceback[-1].frame.f_locals["record"] == 2


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(), st.text(max_size=2)), max_size=20))
def test_both_ways_of_taking_the_pairs_are_the_same(pairs: list[tuple[int, str]]) -> None:
    assert list(Tagged.of(iter(pairs), 1)) == [(key, (1, value)) for key, value in Tagged.of(iter(pairs), 1).pairs]
