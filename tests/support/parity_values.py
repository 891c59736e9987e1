"""Programs about what actions return."""

from __future__ import annotations

import math
from operator import add

from tests.support.parity import plain, program

PAIRS = [(i % 3, i) for i in range(20)]
TREE = [(n, p, d) for n in (1, 3, 10, 37) for p in (1, 2, 7, 16, 33) for d in (1, 2, 3)]


@program
def take_from_every_shape(sc):
    shapes = [sc.parallelize(range(20), 7), sc.parallelize([], 3), sc.emptyRDD(), sc.parallelize([1, 2], 5)]
    return [[rdd.take(n) for n in (-1, 0, 1, 2, 5, 19, 20, 30)] for rdd in shapes]


@program
def extremes(sc):
    rdd = sc.parallelize([3, -7, 12, 12, 0, 5, -7], 3)
    words = sc.parallelize(["pear", "fig", "apple", "kiwi", "plum"], 2)
    return (
        (rdd.max(), rdd.min(), rdd.max(key=abs), rdd.min(key=lambda x: x % 5)),
        (words.max(key=len), words.min(key=len), words.max(), words.min()),
        ([rdd.top(n) for n in (0, 1, 3, 10)], [rdd.takeOrdered(n) for n in (0, 1, 3, 10)]),
        (words.top(3, key=len), words.takeOrdered(3, key=len), rdd.takeOrdered(4, key=lambda x: -x)),
    )


@program
def statistics(sc):
    rdd = sc.parallelize([1.0, 2.5, -3.0, 4.25, 100.0, 7.0], 3)
    stats = rdd.stats()
    return (
        (rdd.count(), rdd.sum(), rdd.mean(), rdd.variance(), float(rdd.stdev())),
        (rdd.sampleVariance(), float(rdd.sampleStdev())),
        (stats.count(), stats.mean(), float(stats.max()), float(stats.min()), stats.sum()),
    )


@program
def statistics_of_one_and_of_partly_empty(sc):
    one, some = sc.parallelize([5], 1), sc.parallelize([1, 2], 6)
    return (
        one.mean(),
        one.variance(),
        math.isnan(one.sampleVariance()),
        some.mean(),
        float(some.sampleStdev()),
        some.sum(),
    )


@program
def counts(sc):
    rdd = sc.parallelize(["b", "a", "b", "c", "a", "b"], 3)
    return (
        dict(rdd.countByValue()),
        dict(sc.parallelize(PAIRS, 4).countByKey()),
        rdd.countByValue()["nothing"],
        rdd.count(),
        sc.parallelize([], 4).count(),
        dict(sc.parallelize([], 2).countByValue()),
        sc.emptyRDD().count(),
    )


@program
def histograms(sc):
    numbers = sc.parallelize(range(51), 4)
    return (
        [numbers.histogram(n) for n in (1, 2, 4, 7)],
        numbers.histogram([0, 5, 25, 50]),
        numbers.histogram([0, 15, 30, 45, 60]),
        sc.parallelize([1.5, None, float("nan"), 7.25, 3.0], 2).histogram(3),
        sc.parallelize(["ab", "ac", "b", "bd", "ef"], 2).histogram(("a", "b", "c")),
        sc.parallelize([7, 7, 7], 2).histogram(3),
        sc.parallelize([-5, 0, 10], 2).histogram([0, 10]),
        sc.parallelize([1, 10**20], 2).histogram([0, 2**64]),
    )


@program
def reductions(sc):
    rdd = sc.parallelize(range(1, 11), 4)
    return (
        rdd.reduce(add),
        rdd.reduce(lambda a, b: a * b),
        rdd.fold(0, add),
        rdd.fold(1, add),
        rdd.aggregate((0, 0), lambda a, v: (a[0] + v, a[1] + 1), lambda a, b: (a[0] + b[0], a[1] + b[1])),
        rdd.sum(),
        sc.parallelize([], 3).sum(),
        sc.parallelize([], 3).fold(5, add),
        sc.emptyRDD().fold(5, add),
        sc.parallelize(["a", "b", "c"], 2).reduce(add),
    )


@program
def mutable_zero_values(sc):
    rdd = sc.parallelize(range(10), 4)
    pairs = sc.parallelize(PAIRS, 4)

    def note(counts, value):
        counts[value] = counts.get(value, 0) + 1
        return counts

    def merge(left, right):
        for key, count in right.items():
            left[key] = left.get(key, 0) + count
        return left

    return (
        rdd.aggregate({}, note, merge),
        rdd.map(lambda x: {x: 1}).fold({}, merge),
        rdd.treeAggregate({}, note, merge),
        sorted(pairs.aggregateByKey({}, note, merge).collect()),
        sorted(pairs.mapValues(lambda v: {v: 1}).foldByKey({}, merge).collect()),
        sorted(pairs.combineByKey(lambda v: [v], lambda a, v: [*a, v], add).collect()),
    )


@program
def trees(sc):
    return [
        (
            sc.parallelize(range(n), p).treeReduce(add, d),
            sc.parallelize(range(n), p).treeAggregate([], lambda a, v: [*a, v], add, d),
        )
        for n, p, d in TREE
    ]


@program
def lookups(sc):
    pairs = sc.parallelize(PAIRS, 4)
    sorted_pairs = pairs.sortByKey()
    return pairs.lookup(1), pairs.lookup(9), sorted_pairs.lookup(2), pairs.partitionBy(3).lookup(0)


@program
def local_iterators(sc):
    rdd = sc.parallelize(range(10), 3)
    return list(rdd.toLocalIterator()), list(rdd.toLocalIterator(prefetchPartitions=True))


@program
def maps_of_pairs(sc):
    pairs = sc.parallelize(PAIRS, 4)
    return pairs.collectAsMap(), pairs.reduceByKeyLocally(add), pairs.keys().collect(), pairs.values().take(4)


@program
def groups_keep_order(sc):
    pairs = sc.parallelize([(i % 2, -i) for i in range(30)], 5)
    return plain(pairs.groupByKey(2).collect()), plain(pairs.groupByKey(2).mapValues(len).collect())


@program
def order_of_arrival(sc):
    pairs = sc.parallelize([(i % 7, str(i)) for i in range(40)], 5)
    # Not by strings: our hash of them is another, since theirs differs between processes.
    numbers = pairs.mapValues(int)
    return pairs.partitionBy(2).collect(), pairs.reduceByKey(add, 2).collect(), numbers.distinct(3).collect()


@program
def jobs_on_some_partitions(sc):
    rdd = sc.parallelize(range(12), 4)
    return sc.runJob(rdd, lambda it: [x * x for x in it], [0, 2]), sc.runJob(rdd, lambda it: [sum(it)])


@program
def pipes(sc):
    rdd = sc.parallelize(["b", "a", "2", "", "c d"], 2)
    return rdd.pipe("cat").collect(), rdd.pipe("wc -l").map(str.strip).collect(), rdd.pipe("sort -r").glom().collect()


@program
def is_empty_and_first(sc):
    return (
        sc.parallelize([], 3).isEmpty(),
        sc.emptyRDD().isEmpty(),
        sc.parallelize([None]).isEmpty(),
        sc.parallelize(range(3), 2).filter(lambda x: x > 1).first(),
    )


@program
def a_program_of_many_steps(sc):
    words = sc.parallelize(["the", "quick", "brown", "fox", "jumps", "over", "the", "lazy", "dog", "the", "end"], 3)
    lengths = words.map(lambda w: (len(w), w)).groupByKey(2).mapValues(lambda ws: sorted(set(ws)))
    counts = words.map(lambda w: (len(w), 1)).reduceByKey(add, 2)
    joined = lengths.join(counts, 2)
    return joined.sortByKey().collect(), joined.partitioner == counts.partitioner, joined.glom().collect()
