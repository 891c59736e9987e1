"""Whatever an API call makes carries the user's method and line."""

from __future__ import annotations

from operator import add

import pytest

from spark_kernel.common import events
from spark_kernel.core.lineage.node import walk

PAIRS = [(1, 2), (3, 4)]


def made_by(rdd) -> set[str]:
    return {node.operation for node in walk([rdd.node])}


@pytest.mark.parametrize(
    ("operation", "make"),
    [
        ("distinct", lambda rdd: rdd.distinct()),
        ("groupByKey", lambda rdd: rdd.groupByKey()),
        ("join", lambda rdd: rdd.join(rdd)),
        ("subtract", lambda rdd: rdd.subtract(rdd)),
        ("repartition", lambda rdd: rdd.repartition(3)),
        ("sortBy", lambda rdd: rdd.sortBy(lambda kv: kv[1])),
        ("intersection", lambda rdd: rdd.intersection(rdd)),
        ("groupBy", lambda rdd: rdd.groupBy(str)),
        ("__add__", lambda rdd: rdd + rdd),
    ],
)
def test_datasets_that_one_call_makes_are_named_by_it(sc, operation, make) -> None:
    assert made_by(make(sc.parallelize(PAIRS, 2))) == {"parallelize", operation}


def test_a_call_site_is_the_line_that_called(sc) -> None:
    rdd = sc.parallelize(PAIRS)
    line = test_a_call_site_is_the_line_that_called.__code__.co_firstlineno + 3
    summed = rdd.mapValues(str).reduceByKey(add)
    assert {(node.call_site.file, node.call_site.line) for node in (summed.node, rdd.map(str).node)} == {
        (__file__, line),
        (__file__, line + 1),
    }


def test_a_reduce_by_key_is_one_dataset(sc) -> None:
    rdd = sc.parallelize(PAIRS)
    assert len(list(walk([rdd.reduceByKey(add).node]))) == 2


def test_a_failed_call_does_not_name_the_next_one(sc) -> None:
    with pytest.raises(ValueError, match="positive"):
        sc.parallelize(PAIRS).repartition(0)
    assert sc.parallelize(PAIRS).node.operation == "parallelize"


def test_jobs_are_named_by_their_action(sc) -> None:
    submitted = []
    remove = sc.events.listen(lambda event: submitted.append(event) if isinstance(event, events.JobSubmitted) else None)
    rdd = sc.parallelize(PAIRS, 2)
    rdd.countByKey(), rdd.first(), rdd.isEmpty(), rdd.mean, rdd.keys().stats(), rdd.sortByKey(), rdd.zipWithIndex()
    remove()
    names = [event.call_site.function for event in submitted]
    assert names == ["countByKey", "first", "isEmpty", "stats", "sortByKey", "sortByKey", "zipWithIndex"]
    assert {event.call_site.file for event in submitted} == {__file__}
