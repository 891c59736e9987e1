"""Programs that bring datasets together by key."""

from __future__ import annotations

from operator import add

from tests.support.parity import jobs_since, program, told

PAIRS = [(i * 7 % 5, i) for i in range(13)]
OTHERS = [(i % 4, chr(97 + i)) for i in range(9)]


def _sides(sc):
    return sc.parallelize(PAIRS, 3), sc.parallelize(OTHERS, 2)


@program
def every_join_in_its_own_width(sc):
    left, right = _sides(sc)
    return [told(getattr(left, f"{kind}oin")(right)) for kind in ("j", "leftOuterJ", "rightOuterJ", "fullOuterJ")]


@program
def a_join_of_three(sc):
    left, right = _sides(sc)
    both = left.join(right, 2).mapValues(lambda pair: pair[1])
    three = both.leftOuterJoin(left.filter(lambda kv: kv[0] > 1), 2)
    return told(three), three.count(), jobs_since(sc)


@program
def a_join_with_itself(sc):
    left, _ = _sides(sc)
    return told(left.join(left, 2)), told(left.partitionBy(2).join(left.partitionBy(2))), jobs_since(sc)


@program
def joins_of_datasets_partitioned_alike(sc):
    left, right = (side.partitionBy(3) for side in _sides(sc))
    joined = left.join(right, 3)
    left.count(), right.count()
    return (
        told(joined),
        told(joined.mapValues(str).cogroup(left, 3)),
        told(left.subtractByKey(right, 3)),
        told(left.fullOuterJoin(right)),
        told(left.join(right, 4)),
        jobs_since(sc),
    )


@program
def a_join_of_reduced_datasets(sc):
    left, right = _sides(sc)
    sums, lists = left.reduceByKey(add, 3), right.groupByKey(3).mapValues(list)
    return told(sums.join(lists)), told(sums.join(lists, 3)), told(sums.union(sums).reduceByKey(add, 3)), jobs_since(sc)


@program
def a_join_that_is_half_partitioned(sc):
    left, right = _sides(sc)
    return told(left.partitionBy(2).join(right, 2)), told(left.join(right.partitionBy(2), 2)), jobs_since(sc)


@program
def joins_after_a_step_that_may_move_keys(sc):
    left, right = (side.partitionBy(3) for side in _sides(sc))
    moved = left.map(lambda kv: (kv[0] + 1, kv[1]))
    return told(moved.join(right, 3)), told(left.filter(lambda kv: kv[1] % 2).join(right, 3)), jobs_since(sc)


@program
def cogroups_of_two_and_of_four(sc):
    left, right = _sides(sc)
    return (
        told(left.cogroup(right, 2)),
        told(left.groupWith(right, left, right)),
        told(left.cogroup(left).mapValues(lambda sides: [len(side) for side in sides])),
        jobs_since(sc),
    )


@program
def what_is_left_of_a_dataset(sc):
    left, right = _sides(sc)
    numbers, fewer = sc.parallelize([5, 1, 1, 2, 8, 3, 5], 3), sc.parallelize([1, 8, 9], 2)
    return (
        told(left.subtractByKey(right.filter(lambda kv: kv[0] < 2))),
        told(left.subtractByKey(left)),
        told(numbers.subtract(fewer)),
        told(numbers.subtract(fewer, 2)),
        told(numbers.intersection(fewer)),
        told(numbers.intersection(numbers.map(lambda x: -x))),
        jobs_since(sc),
    )


@program
def outer_joins_with_nothing(sc):
    left, _ = _sides(sc)
    nothing = sc.parallelize([], 2)
    return (
        told(left.leftOuterJoin(nothing)),
        told(nothing.rightOuterJoin(left, 2)),
        told(left.join(nothing, 1)),
        told(left.fullOuterJoin(sc.emptyRDD(), 2)),
        told(left.cogroup(sc.emptyRDD())),
        jobs_since(sc),
    )


@program
def values_that_are_nothing(sc):
    left = sc.parallelize([(1, None), (2, 0), (1, ""), (3, [])], 2)
    right = sc.parallelize([(1, False), (3, None), (4, None)], 2)
    return (
        told(left.join(right, 2)),
        told(left.fullOuterJoin(right, 2)),
        told(left.subtractByKey(right, 2)),
        told(left.groupByKey(2)),
        told(sc.parallelize([None, 0, "", None], 2).subtract(sc.parallelize([0], 1), 2)),
        told(sc.parallelize([None, 0], 2).intersection(sc.parallelize([None, False], 1))),
    )


@program
def ranks_of_pages(sc):
    links = sc.parallelize([(1, [2, 3]), (2, [3]), (3, [1]), (4, [3, 1])], 2).partitionBy(3).cache()
    ranks = links.mapValues(lambda _: 1.0)
    for _ in range(3):
        shares = links.join(ranks, 3).flatMap(lambda kv: [(to, kv[1][1] / len(kv[1][0])) for to in kv[1][0]])
        ranks = shares.reduceByKey(add, 3).mapValues(lambda rank: 0.15 + 0.85 * rank)
    return told(ranks), told(links.leftOuterJoin(ranks, 3)), jobs_since(sc)


@program
def a_bipartite_join_of_lists_and_ranges(sc):
    numbers = sc.parallelize(range(12), 3).map(lambda x: (x % 4, x))
    listed = sc.parallelize(list(range(12)), 2).map(lambda x: (x % 3, -x))
    return told(numbers.join(listed, 2)), told(listed.rightOuterJoin(numbers).keys().distinct(2)), jobs_since(sc)


@program
def lookups_in_joined_datasets(sc):
    left, right = _sides(sc)
    joined = left.join(right, 3)
    before = len(jobs_since(sc))
    return joined.lookup(2), joined.map(lambda kv: kv).lookup(2), joined.lookup(77), before, jobs_since(sc)
