"""Programs of several steps with shuffles: layouts, lineage, partitioners, ids, and stages that ran or were skipped."""

from __future__ import annotations

from operator import add

from tests.support.parity import jobs_since, plain, program, told

PAIRS = [(i * 7 % 5, i) for i in range(23)]
MIXED = [(None, 1), (True, 2), (1, 3), (1.0, 4), (0, 5), (-0.0, 6), (False, 7), ((1, None), 8), (-1, 9), (-2, 10)]


def pair_text(left, right):
    return f"({left}+{right})"


def by_tens(key):
    return key // 10


def backwards(key):
    return -key


@program
def counts_then_sorts(sc):
    counts = sc.parallelize(PAIRS, 4).mapValues(lambda _: 1).reduceByKey(add)
    ordered = counts.map(lambda kv: (kv[1], kv[0])).sortByKey(False)
    return told(counts), told(ordered), ordered.take(2), jobs_since(sc)


@program
def the_order_of_merging(sc):
    texts = sc.parallelize(PAIRS, 4).mapValues(str)
    return (
        told(texts.reduceByKey(pair_text, 3)),
        told(texts.foldByKey("0", pair_text, 2)),
        told(texts.aggregateByKey("z", pair_text, lambda a, b: f"<{a}|{b}>", 2)),
        told(texts.combineByKey(lambda v: f"[{v}]", pair_text, lambda a, b: f"<{a}|{b}>")),
        texts.values().reduce(pair_text),
        texts.values().fold("0", pair_text),
        texts.values().aggregate("0", pair_text, lambda a, b: f"<{a}|{b}>"),
        texts.values().treeReduce(pair_text),
        texts.values().treeAggregate("z", pair_text, lambda a, b: f"<{a}|{b}>", 3),
        texts.reduceByKeyLocally(pair_text),
        jobs_since(sc),
    )


@program
def keys_that_are_equal_but_not_the_same(sc):
    rdd = sc.parallelize(MIXED, 3)
    return (
        told(rdd.partitionBy(4)),
        told(rdd.groupByKey(3)),
        told(rdd.mapValues(str).reduceByKey(pair_text, 2)),
        told(rdd.keys().distinct(3)),
        told(rdd.join(rdd.mapValues(str), 3)),
        rdd.countByKey(),
        rdd.collectAsMap(),
        rdd.lookup(1),
    )


@program
def numbers_as_keys(sc):
    keys = [-1, -2, 0, 5, -7, 2**31, 2**63, -(2**63), 2**61 - 1, 2**64 + 3, 0.5, 1e300, -3.25, float("inf")]
    rdd = sc.parallelize([(key, i) for i, key in enumerate(keys)], 3)
    return told(rdd.partitionBy(7)), told(rdd.map(lambda kv: (kv, 1)).reduceByKey(add, 5))


@program
def tuples_as_keys(sc):
    rdd = sc.parallelize([((i % 3, None if i % 2 else (i % 2,)), i) for i in range(14)], 3)
    return told(rdd.groupByKey(4)), told(rdd.map(lambda kv: ((), kv[1])).reduceByKey(add, 3))


@program
def partition_functions(sc):
    rdd = sc.parallelize([(i * 13 % 50, i) for i in range(20)], 3)
    return (
        told(rdd.partitionBy(4, by_tens)),
        told(rdd.partitionBy(3, backwards)),
        told(rdd.reduceByKey(add, 3, by_tens)),
        told(rdd.groupByKey(2, backwards)),
        told(rdd.foldByKey(0, add, 3, by_tens)),
        told(rdd.aggregateByKey(0, add, add, 3, backwards)),
        told(rdd.combineByKey(str, pair_text, pair_text, 2, by_tens)),
        told(rdd.values().groupBy(lambda x: x % 4, 3, backwards)),
        told(rdd.repartitionAndSortWithinPartitions(3, by_tens, False)),
    )


@program
def partitioned_alike_needs_no_shuffle(sc):
    rdd = sc.parallelize(PAIRS, 4).partitionBy(3, by_tens)
    return (
        told(rdd.reduceByKey(add, 3, by_tens)),
        told(rdd.groupByKey(3, by_tens)),
        told(rdd.partitionBy(3, by_tens)),
        told(rdd.reduceByKey(add, 3)),
        told(rdd.mapValues(str).foldByKey("", add, 3, by_tens)),
        told(rdd.repartitionAndSortWithinPartitions(3, by_tens)),
        told(rdd.map(lambda kv: kv).groupByKey(3, by_tens)),
        told(rdd.map(lambda kv: kv, True).groupByKey(3, by_tens)),
        jobs_since(sc),
    )


@program
def reduce_by_key_of_reduce_by_key(sc):
    once = sc.parallelize(PAIRS, 4).reduceByKey(add, 3)
    twice = once.mapValues(lambda v: v + 1).reduceByKey(add, 3)
    wider = twice.reduceByKey(add, 5)
    return told(twice), told(wider), wider.count(), jobs_since(sc)


@program
def distinct_in_every_way(sc):
    rdd = sc.parallelize([3, 1, 3, None, 9, 2.0, 2, True, 1], 3)
    return told(rdd.distinct()), told(rdd.distinct(2).map(str).distinct(1)), rdd.distinct().count(), jobs_since(sc)


@program
def sorts_in_every_way(sc):
    rdd = sc.parallelize([(i * 37 % 50, i) for i in range(50)], 5)
    return (
        told(rdd.sortByKey()),
        told(rdd.sortByKey(False, 3)),
        told(rdd.sortByKey(numPartitions=1)),
        told(rdd.coalesce(1).sortByKey(False)),
        told(rdd.sortBy(lambda kv: kv[1] % 7, True, 4)),
        told(rdd.sortBy(lambda kv: (kv[1] % 3, -kv[0]), False)),
        told(rdd.values().sortBy(lambda x: -x)),
        told(rdd.sortByKey().mapValues(str).filter(lambda kv: kv[0] > 20)),
        jobs_since(sc),
    )


@program
def sorts_of_few_and_of_none(sc):
    return (
        told(sc.parallelize([(2, "b"), (1, "a")], 5).sortByKey()),
        told(sc.parallelize([], 3).sortByKey()),
        told(sc.parallelize([(1, 2)], 1).sortByKey(numPartitions=4)),
        told(sc.parallelize([(1, i) for i in range(9)], 3).sortByKey()),
        told(sc.parallelize([], 3).sortBy(str, numPartitions=1)),
        jobs_since(sc),
    )


@program
def two_sorts_are_not_partitioned_alike(sc):
    rdd = sc.parallelize(PAIRS, 4)
    left, right = rdd.sortByKey(numPartitions=3), rdd.sortByKey(numPartitions=3)
    return (
        left.partitioner == right.partitioner,
        left.partitioner == left.partitioner,
        told(left.union(right)),
        told(left.union(left)),
        told(left.join(right, 3)),
        jobs_since(sc),
    )


@program
def sort_within_partitions_and_go_on(sc):
    rdd = sc.parallelize([(i * 17 % 23, i) for i in range(23)], 3)
    sorted_parts = rdd.repartitionAndSortWithinPartitions(2, keyfunc=lambda key: -key)
    return told(sorted_parts), told(sorted_parts.mapValues(str).groupByKey(2)), jobs_since(sc)


@program
def groups_then_sizes(sc):
    groups = sc.parallelize(range(30), 4).groupBy(lambda x: x % 4)
    sizes = groups.mapValues(len)
    big = sizes.filter(lambda kv: kv[1] > 7)
    return told(groups), told(sizes), told(big.coalesce(1)), plain(groups.lookup(3)), jobs_since(sc)


@program
def word_count(sc):
    lines = sc.parallelize(["a b a", "c b", "", "a"], 3)
    counts = lines.flatMap(str.split).map(lambda w: (ord(w), 1)).reduceByKey(add, 2)
    return told(counts), counts.takeOrdered(2, key=lambda kv: -kv[1]), counts.collectAsMap(), jobs_since(sc)


@program
def shuffles_in_a_row(sc):
    rdd = sc.parallelize(range(40), 4).map(lambda x: (x % 10, x)).reduceByKey(add, 3)
    rdd = rdd.map(lambda kv: (kv[1] % 3, kv[0])).groupByKey(2).mapValues(sorted)
    rdd = rdd.flatMap(lambda kv: [(v, kv[0]) for v in kv[1]]).partitionBy(4)
    return told(rdd), told(rdd.repartition(2)), jobs_since(sc)


@program
def a_shuffle_that_is_used_twice(sc):
    counts = sc.parallelize(PAIRS, 4).reduceByKey(add, 3)
    left, right = counts.mapValues(str), counts.filter(lambda kv: kv[0])
    return counts.count(), told(left.join(right, 3)), left.count(), told(right.cogroup(counts, 2)), jobs_since(sc)


@program
def trees_of_other_shapes(sc):
    rdd = sc.parallelize(range(100), 27)
    return (
        rdd.treeAggregate(0, add, add, 4),
        rdd.treeReduce(max, 1),
        sc.emptyRDD().treeAggregate(5, add, add),
        sc.parallelize([], 9).treeAggregate(5, add, add),
        jobs_since(sc),
    )


@program
def empty_datasets_through_shuffles(sc):
    none, empty = sc.emptyRDD(), sc.parallelize([], 3)
    return (
        told(none.reduceByKey(add, 2)),
        told(empty.groupByKey()),
        told(empty.distinct(2)),
        told(empty.repartition(2)),
        told(empty.join(empty)),
        told(empty.map(str).coalesce(1)),
        jobs_since(sc),
    )


@program
def default_parallelism_of_joins_and_groups(sc):
    a, b = sc.parallelize(PAIRS, 3), sc.parallelize(PAIRS, 5)
    return [
        rdd.getNumPartitions()
        for rdd in (
            a.join(b),
            b.cogroup(a),
            a.groupWith(b, a),
            a.subtractByKey(b),
            a.subtract(b),
            a.intersection(b),
            a.partitionBy(2).join(b.partitionBy(2)),
            a.partitionBy(2).join(b.partitionBy(3)),
            a.partitionBy(2).leftOuterJoin(b),
            a.partitionBy(None),
            a.sortByKey(),
            a.distinct(),
        )
    ]


@program
def result_iterables(sc):
    ((_, values),) = sc.parallelize([(1, "a"), (1, "b")], 2).groupByKey().collect()
    both = sc.parallelize([(1, "a")], 1).cogroup(sc.parallelize([(2, "b")], 1), 1).collect()
    return (
        type(values).__module__,
        type(values).__name__,
        len(values),
        list(values),
        values.maxindex,
        type(values.data).__name__,
        [(key, [type(side).__name__ for side in sides], [len(side) for side in sides]) for key, sides in both],
    )
