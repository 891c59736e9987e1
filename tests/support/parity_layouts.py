"""Programs about where records are: contents of partitions, in order. Run by Spark once, and by us in every test."""

from __future__ import annotations

from operator import add

from tests.support.parity import plain, program

TEN = list(range(10))
PAIRS = [(i % 3, i) for i in range(20)]
NUMBERED = [(i * 7919 % 101, i) for i in range(60)]


@program
def parallelize_a_list_in_every_number_of_slices(sc):
    return [sc.parallelize(TEN, n).glom().collect() for n in range(1, 14)]


@program
def parallelize_a_range_in_every_number_of_slices(sc):
    return [sc.parallelize(range(10), n).glom().collect() for n in range(1, 14)]


@program
def parallelize_lists_of_many_lengths(sc):
    return [
        [len(part) for part in sc.parallelize([0] * size, 4).glom().collect()] for size in (0, 1, 3, 4, 5, 7, 63, 5000)
    ]


@program
def parallelize_ranges_with_steps(sc):
    ranges = [range(5, 0, -1), range(0, 6, 2), range(7, 8), range(0), range(3, 100, 13), range(0, 1 << 40, 1 << 39)]
    return [sc.parallelize(numbers, 3).glom().collect() for numbers in ranges]


@program
def parallelize_things_that_are_not_lists(sc):
    things = [(x for x in range(5)), "abcde", {1: "a", 2: "b"}, (1, 2, 3), {7}, iter([1, 2, 3])]
    return [sc.parallelize(thing, 2).glom().collect() for thing in things]


@program
def range_of_the_context(sc):
    return [
        sc.range(5, numSlices=3).glom().collect(),
        sc.range(2, 9, 3, 2).glom().collect(),
        sc.range(0, 5, -1, 2).glom().collect(),
    ]


@program
def coalesce_to_fewer_and_to_more(sc):
    return [sc.parallelize(range(20), 7).coalesce(n).glom().collect() for n in (1, 2, 3, 5, 7, 9)]


@program
def repartition_small_data(sc):
    return [sc.parallelize(range(30), m).repartition(n).glom().collect() for m, n in [(1, 4), (4, 3), (3, 8), (7, 2)]]


@program
def repartition_large_data(sc):
    rdd = sc.parallelize(range(1000), 16)
    return [[(len(part), sum(part)) for part in rdd.repartition(n).glom().collect()] for n in (1, 5, 20, 64)]


@program
def repartition_a_thousand_partitions_leaves_none_empty(sc):
    rdd = sc.parallelize(range(1000), 1000)
    return sorted(len(part) for part in rdd.repartition(20).glom().collect())


@program
def coalesce_with_shuffle_to_more(sc):
    return sc.parallelize(list(range(25)), 2).coalesce(6, shuffle=True).glom().collect()


@program
def partition_by_integers(sc):
    return [sc.parallelize(PAIRS, 4).partitionBy(n).glom().collect() for n in (1, 2, 3, 5)]


@program
def partition_by_a_function(sc):
    return sc.parallelize(NUMBERED, 4).partitionBy(4, lambda key: key // 30).glom().collect()


@program
def partition_by_a_function_that_is_negative(sc):
    return sc.parallelize(PAIRS, 2).partitionBy(3, lambda key: -key - 1).glom().collect()


@program
def partition_by_tuples_floats_none_and_booleans(sc):
    keys = [(1, 2), (None, 3), 4.0, 4.5, None, True, -7, (1, (2, 3)), (), 2**70]
    return sc.parallelize([(key, i) for i, key in enumerate(keys)], 3).partitionBy(5).glom().collect()


@program
def union_concatenates_partitions(sc):
    return sc.parallelize(range(4), 2).union(sc.parallelize("ab", 3)).glom().collect()


@program
def union_of_alike_partitioned_is_partition_by_partition(sc):
    left, right = sc.parallelize(PAIRS[:9], 2).partitionBy(3), sc.parallelize(PAIRS[9:], 4).partitionBy(3)
    both = left.union(right)
    return both.glom().collect(), both.partitioner == left.partitioner


@program
def union_of_the_context(sc):
    left, right = sc.parallelize(PAIRS[:6], 2).partitionBy(3), sc.parallelize(PAIRS[6:9], 2).partitionBy(3)
    both = sc.union([left, right, left])
    return both.getNumPartitions(), both.glom().collect(), both.partitioner is None


@program
def union_with_nothing(sc):
    some = sc.parallelize(PAIRS[:4], 2).partitionBy(2)
    united = some.union(sc.emptyRDD())
    return united.glom().collect(), united.partitioner is None


@program
def cartesian_partitions(sc):
    product = sc.parallelize(range(4), 2).cartesian(sc.parallelize(range(10, 16), 3))
    return [sorted(part) for part in product.glom().collect()]


@program
def zip_partitions(sc):
    return sc.parallelize(range(10), 3).zip(sc.parallelize(range(100, 110), 3)).glom().collect()


@program
def zip_with_index_and_with_unique_id(sc):
    rdd = sc.parallelize("abcdefg", 3)
    return rdd.zipWithIndex().glom().collect(), rdd.zipWithUniqueId().glom().collect()


@program
def sort_by_key_partitions(sc):
    rdd = sc.parallelize(NUMBERED, 5)
    return [rdd.sortByKey(up, n).glom().collect() for up in (True, False) for n in (1, 2, 4, 7)]


@program
def sort_by_key_with_many_equal_keys(sc):
    return sc.parallelize([(i % 2, i) for i in range(40)], 4).sortByKey(numPartitions=6).glom().collect()


@program
def sort_by_partitions(sc):
    rdd = sc.parallelize([i * 37 % 50 for i in range(50)], 4)
    return rdd.sortBy(lambda x: x).glom().collect(), rdd.sortBy(lambda x: -x, False, 3).glom().collect()


@program
def sort_by_key_in_one_partition(sc):
    return sc.parallelize(NUMBERED, 3).sortByKey(numPartitions=1).glom().collect()


@program
def repartition_and_sort(sc):
    rdd = sc.parallelize(NUMBERED, 3)
    return [
        rdd.repartitionAndSortWithinPartitions(4).glom().collect(),
        rdd.repartitionAndSortWithinPartitions(2, lambda key: key // 50, False).glom().collect(),
        rdd.repartitionAndSortWithinPartitions(3, keyfunc=lambda key: -key).glom().collect(),
    ]


@program
def reduce_by_key_partitions(sc):
    rdd = sc.parallelize(NUMBERED, 4).map(lambda kv: (kv[0] % 11, kv[1]))
    return [rdd.reduceByKey(add, n).glom().collect() for n in (None, 1, 3)]


@program
def group_by_key_partitions(sc):
    return plain(sc.parallelize(PAIRS, 4).groupByKey(2).glom().collect())


@program
def fold_aggregate_and_combine_by_key_partitions(sc):
    rdd = sc.parallelize(PAIRS, 3)
    return (
        rdd.foldByKey(0, add, 2).glom().collect(),
        rdd.aggregateByKey([], lambda a, v: [*a, v], add, 2).glom().collect(),
        rdd.combineByKey(str, lambda a, v: f"{a}-{v}", lambda a, b: f"{a}+{b}", 2).glom().collect(),
    )


@program
def distinct_partitions(sc):
    rdd = sc.parallelize([3, 1, 3, 2, 9, 2, 7, 1], 3)
    return rdd.distinct().glom().collect(), rdd.distinct(2).glom().collect()


@program
def join_partitions(sc):
    left, right = sc.parallelize(PAIRS[:8], 2), sc.parallelize([(1, "a"), (2, "b"), (5, "c"), (1, "d")], 3)
    return [
        getattr(left, name)(right, n).glom().collect()
        for name in ("join", "leftOuterJoin", "rightOuterJoin", "fullOuterJoin")
        for n in (None, 2)
    ]


@program
def cogroup_and_group_with_partitions(sc):
    left, right = sc.parallelize(PAIRS[:8], 2), sc.parallelize([(1, "a"), (2, "b"), (5, "c"), (1, "d")], 3)
    return plain(left.cogroup(right, 3).glom().collect()), plain(left.groupWith(right, left).glom().collect())


@program
def subtract_and_intersection_partitions(sc):
    left, right = sc.parallelize([1, 2, 2, 3, 5, 8], 2), sc.parallelize([2, 3, 9, 9], 3)
    pairs, others = sc.parallelize(PAIRS, 2), sc.parallelize([(1, None), (4, None)], 2)
    return (
        left.subtract(right).glom().collect(),
        left.subtract(right, 2).glom().collect(),
        left.intersection(right).glom().collect(),
        pairs.subtractByKey(others).glom().collect(),
    )


@program
def group_by_partitions(sc):
    return plain(sc.parallelize(range(20), 3).groupBy(lambda x: x % 4).glom().collect())


@program
def default_reduce_partitions_follow_the_parent(sc):
    rdd = sc.parallelize(PAIRS, 6)
    return (
        rdd.reduceByKey(add).getNumPartitions(),
        rdd.join(sc.parallelize(PAIRS, 3)).getNumPartitions(),
        rdd.coalesce(2).groupByKey().getNumPartitions(),
        rdd.distinct().getNumPartitions(),
    )


@program
def partitioner_is_kept_where_keys_stay(sc):
    rdd = sc.parallelize(PAIRS, 4).partitionBy(3)
    steps = {
        "mapValues": rdd.mapValues(str),
        "flatMapValues": rdd.flatMapValues(lambda v: [v]),
        "filter": rdd.filter(bool),
        "sample": rdd.sample(False, 0.5, 1),
        "map": rdd.map(lambda kv: kv),
        "map that promises": rdd.map(lambda kv: kv, preservesPartitioning=True),
        "mapPartitions": rdd.mapPartitions(lambda it: it),
        "mapPartitions that promises": rdd.mapPartitions(lambda it: it, True),
        "keyBy": rdd.keyBy(str),
        "glom": rdd.glom(),
        "coalesce": rdd.coalesce(3),
        "distinct": rdd.distinct(3),
        "reduceByKey": rdd.reduceByKey(add, 3),
        "reduceByKey of other width": rdd.reduceByKey(add, 2),
        "join": rdd.join(rdd),
        "join of other width": rdd.join(rdd, 2),
        "cogroup": rdd.cogroup(rdd, 3),
        "sortByKey": rdd.sortByKey(),
        "partitionBy": rdd.partitionBy(3),
        "zipWithIndex": rdd.zipWithIndex(),
        "subtractByKey": rdd.subtractByKey(rdd, 3),
        "randomSplit": rdd.randomSplit([1, 1], 1)[0],
    }
    return {name: step.partitioner == rdd.partitioner for name, step in steps.items()}


@program
def partition_by_alike_is_itself(sc):
    rdd = sc.parallelize(PAIRS, 4).partitionBy(3)
    return rdd.partitionBy(3) is rdd, rdd.partitionBy(2) is rdd, rdd.partitionBy(3, lambda key: key) is rdd
