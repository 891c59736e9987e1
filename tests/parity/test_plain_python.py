"""Every operation compared with a plain-Python model, on generated data in any number of partitions."""

from __future__ import annotations

import heapq
import math
import statistics
from operator import add

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.inline import inline_context
from tests.support.oracle import combined, frozen, grouped, joined, same

keys = st.one_of(st.integers(-5, 5), st.sampled_from("abc"), st.none(), st.tuples(st.integers(0, 2), st.booleans()))
numbers = st.lists(st.integers(-50, 50), max_size=25)
pairs = st.lists(st.tuples(keys, st.integers(-9, 9)), max_size=25)
slices = st.integers(1, 5)
quick = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def sc():
    with inline_context() as context:
        yield context


@quick
@given(numbers, slices)
def test_narrow_steps(sc, data, n) -> None:
    rdd = sc.parallelize(data, n)
    assert rdd.collect() == data
    assert rdd.map(lambda x: x + 1).filter(lambda x: x % 2).collect() == [x + 1 for x in data if (x + 1) % 2]
    assert rdd.flatMap(lambda x: [x, -x]).collect() == [y for x in data for y in (x, -x)]
    assert rdd.keyBy(abs).keys().collect() == [abs(x) for x in data]
    assert rdd.keyBy(abs).values().collect() == data
    assert rdd.map(lambda x: (x, x)).mapValues(str).collect() == [(x, str(x)) for x in data]
    assert rdd.map(lambda x: (x, [x, 0])).flatMapValues(list).collect() == [(x, y) for x in data for y in (x, 0)]
    assert [x for part in rdd.glom().collect() for x in part] == data
    assert rdd.mapPartitions(lambda it: [sum(it)]).sum() == sum(data)
    assert rdd.zipWithIndex().collect() == [(x, i) for i, x in enumerate(data)]
    assert len({i for _, i in rdd.zipWithUniqueId().collect()}) == len(data)
    assert list(rdd.toLocalIterator()) == data


@quick
@given(numbers, numbers, slices, slices)
def test_two_datasets_side_by_side(sc, left, right, n, m) -> None:
    a, b = sc.parallelize(left, n), sc.parallelize(right, m)
    assert (a + b).collect() == left + right
    assert sc.union([a, b, a]).collect() == left + right + left
    assert same(a.cartesian(b).collect(), [(x, y) for x in left for y in right])
    assert a.zip(a.map(str)).collect() == [(x, str(x)) for x in left]
    assert same(a.distinct().collect(), set(left))
    assert same(a.intersection(b).collect(), set(left) & set(right))
    assert same(a.subtract(b).collect(), [x for x in left if x not in right])


@quick
@given(numbers, slices, slices)
def test_other_partitions(sc, data, n, m) -> None:
    rdd = sc.parallelize(data, n)
    assert same(rdd.repartition(m).collect(), data)
    assert rdd.repartition(m).getNumPartitions() == m
    assert rdd.coalesce(m).collect() == data
    assert rdd.coalesce(m).getNumPartitions() == min(n, m)
    parted = rdd.map(lambda x: (x, x)).partitionBy(m, lambda key: key).glom().collect()
    assert all(key % m == index for index, part in enumerate(parted) for key, _ in part)
    assert same([key for part in parted for key, _ in part], data)


@quick
@given(pairs, slices, slices)
def test_values_of_a_key(sc, data, n, m) -> None:
    rdd = sc.parallelize(data, n)
    groups = grouped(data)
    assert dict(rdd.reduceByKey(add, m).collect()) == combined(data, add)
    assert dict(rdd.reduceByKey(max).collect()) == combined(data, max)
    assert {k: list(v) for k, v in rdd.groupByKey(m).collect()} == groups
    assert dict(rdd.foldByKey(0, add).collect()) == combined(data, add)
    assert dict(rdd.aggregateByKey((), lambda a, v: (*a, v), add).collect()) == {k: tuple(v) for k, v in groups.items()}
    assert dict(rdd.combineByKey(str, lambda a, v: a + str(v), add, m).collect()) == {
        k: "".join(map(str, v)) for k, v in groups.items()
    }
    assert dict(rdd.countByKey()) == {k: len(v) for k, v in groups.items()}
    assert rdd.reduceByKeyLocally(add) == combined(data, add)
    assert rdd.collectAsMap() == dict(data)
    assert {
        k: list(v) for k, v in rdd.groupBy(lambda kv: kv[0]).mapValues(lambda it: [v for _, v in it]).collect()
    } == groups
    for key in (1, None, "zzz"):
        assert rdd.lookup(key) == groups.get(key, [])
        assert rdd.partitionBy(m).lookup(key) == groups.get(key, [])


@quick
@given(pairs, pairs, slices, slices, st.one_of(st.none(), slices), st.booleans())
def test_joins(sc, left, right, n, m, width, together) -> None:
    a, b = sc.parallelize(left, n), sc.parallelize(right, m)
    if together:
        a, b, width = a.partitionBy(3), b.partitionBy(3), 3
    assert same(a.join(b, width).collect(), joined(left, right))
    assert same(a.leftOuterJoin(b, width).collect(), joined(left, right, keep_left=True))
    assert same(a.rightOuterJoin(b, width).collect(), joined(left, right, keep_right=True))
    assert same(a.fullOuterJoin(b, width).collect(), joined(left, right, keep_left=True, keep_right=True))
    lefts, rights = grouped(left), grouped(right)
    both = {k: (tuple(lefts.get(k, ())), tuple(rights.get(k, ()))) for k in {*lefts, *rights}}
    assert dict(frozen(a.cogroup(b, width).collect())) == both
    assert dict(frozen(a.groupWith(b).collect())) == both
    assert same(a.subtractByKey(b, width).collect(), [(k, v) for k, v in left if k not in rights])


@quick
@given(numbers, slices, slices, st.booleans())
def test_sorting(sc, data, n, m, up) -> None:
    rdd = sc.parallelize(data, n)
    assert rdd.sortBy(lambda x: x, up, m).collect() == sorted(data, reverse=not up)
    by_last_digit = rdd.sortBy(lambda x: x % 10, up, m).collect()
    assert by_last_digit == sorted(data, key=lambda x: x % 10, reverse=not up)
    named = rdd.map(lambda x: (str(x), x))
    assert named.sortByKey(up, m, keyfunc=len).keys().map(len).collect() == sorted(
        (len(str(x)) for x in data), reverse=not up
    )
    parts = rdd.map(lambda x: (x, None)).repartitionAndSortWithinPartitions(m, abs, up).keys().glom().collect()
    assert all(part == sorted(part, reverse=not up) for part in parts)
    assert same([x for part in parts for x in part], data)


@quick
@given(numbers.filter(bool), slices, st.integers(0, 30))
def test_actions(sc, data, n, k) -> None:
    rdd = sc.parallelize(data, n)
    assert (rdd.count(), rdd.sum(), rdd.max(), rdd.min()) == (len(data), sum(data), max(data), min(data))
    assert (rdd.take(k), rdd.first(), rdd.isEmpty()) == (data[:k], data[0], False)
    assert (rdd.top(k), rdd.takeOrdered(k)) == (heapq.nlargest(k, data), heapq.nsmallest(k, data))
    assert (rdd.reduce(add), rdd.fold(0, add), rdd.treeReduce(add, 3)) == (sum(data),) * 3
    assert rdd.aggregate([], lambda a, x: [*a, x], add) == rdd.treeAggregate([], lambda a, x: [*a, x], add) == data
    assert dict(rdd.countByValue()) == {x: data.count(x) for x in data}
    assert math.isclose(rdd.mean(), statistics.fmean(data), abs_tol=1e-9)
    assert math.isclose(rdd.variance(), statistics.pvariance(data), abs_tol=1e-9)
    _, counts = rdd.histogram([-50, 0, 10, 50])
    assert counts == [sum(x < 0 for x in data), sum(0 <= x < 10 for x in data), sum(x >= 10 for x in data)]
    assert sum(rdd.histogram(4)[1]) == len(data)
    assert sorted(rdd.takeSample(False, len(data) + 1)) == sorted(data)
    assert len(rdd.takeSample(True, 40)) == 40


@quick
@given(numbers, slices)
def test_random_choices_are_repeated_by_their_seed(sc, data, n) -> None:
    rdd = sc.parallelize(data, n)
    chosen = rdd.sample(False, 0.4, 11)
    assert chosen.collect() == chosen.collect() == rdd.sample(False, 0.4, 11).collect()
    assert rdd.sample(False, 1.0).collect() == data
    assert rdd.sample(True, 0.0).collect() == []
    split = rdd.randomSplit([2, 1, 1], 5)
    assert same([x for part in split for x in part.collect()], data)


@quick
@given(pairs, slices)
def test_a_kept_dataset_has_the_same_records(sc, data, n) -> None:
    kept = sc.parallelize(data, n).map(lambda kv: kv).cache()
    assert kept.collect() == data
    assert kept.mapValues(str).collect() == [(k, str(v)) for k, v in data]
    assert kept.unpersist().collect() == data
