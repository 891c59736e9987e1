"""Programs about what is refused on the driver, and in which words. Ours may say more, never something else."""

from __future__ import annotations

from operator import add

from tests.support.parity import program, refusal

PAIRS = [(i % 3, i) for i in range(20)]


@program
def refused_on_empty_datasets(sc):
    none, empty = sc.emptyRDD(), sc.parallelize([], 2)
    return [
        refusal(call)
        for call in [
            lambda: empty.reduce(add),
            lambda: none.reduce(add),
            lambda: empty.first(),
            lambda: empty.max(),
            lambda: none.min(),
            lambda: empty.treeReduce(add),
            lambda: none.top(3),
            lambda: none.countByValue(),
            lambda: none.stats(),
            lambda: none.reduceByKeyLocally(add),
        ]
    ]


@program
def refused_numbers(sc):
    rdd = sc.parallelize(range(4), 2)
    return [
        refusal(call)
        for call in [
            lambda: rdd.coalesce(0),
            lambda: rdd.repartition(-1),
            lambda: rdd.sample(False, -0.1),
            lambda: rdd.randomSplit([1, -1]),
            lambda: rdd.randomSplit([0, 0]),
            lambda: rdd.takeSample(False, -1),
            lambda: rdd.takeOrdered(-1),
            lambda: rdd.treeReduce(add, 0),
            lambda: rdd.treeAggregate(0, add, add, 0),
            lambda: rdd.countApproxDistinct(0.00000001),
        ]
    ]


@program
def refused_buckets(sc):
    rdd = sc.parallelize(range(4), 2)
    return [
        refusal(call)
        for call in [
            lambda: rdd.histogram(0),
            lambda: rdd.histogram([1]),
            lambda: rdd.histogram([2, 1]),
            lambda: rdd.histogram([1, 1]),
            lambda: rdd.histogram([1, None]),
            lambda: rdd.histogram([1.0, float("nan")]),
            lambda: rdd.histogram("two"),
            lambda: sc.parallelize(["a", "b"], 1).histogram(2),
            lambda: sc.parallelize([1.0, float("inf")], 1).histogram(2),
        ]
    ]


@program
def refused_pairings(sc):
    rdd = sc.parallelize(range(4), 2)
    return [
        refusal(call)
        for call in [
            lambda: rdd.zip(sc.parallelize(range(4), 3)),
            lambda: rdd + 1,
            lambda: sc.union([]),
            lambda: sc.accumulator("text"),
            lambda: sc.accumulator([1]),
            lambda: rdd.persist("MEMORY_ONLY"),
        ]
    ]


@program
def a_second_context(sc):
    return refusal(lambda: type(sc)("local", "another")).partition(", master=")[0]
