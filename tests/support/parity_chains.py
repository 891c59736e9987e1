"""Programs of several steps without a shuffle, and with repartition, union, zip and cartesian; all that can be seen."""

from __future__ import annotations

from tests.support.parity import jobs_since, plain, program, told

WORDS = ["the", "quick", "brown", "fox", "jumps", "over", "the", "lazy", "dog", "the", "end"]


@program
def numbers_through_narrow_steps(sc):
    odd = sc.parallelize(range(17), 4).map(lambda x: x * 3).filter(lambda x: x % 2)
    texts = odd.flatMap(lambda x: [str(x)] * (x % 3)).keyBy(len).mapValues(str.upper)
    return told(odd), told(texts), jobs_since(sc)


@program
def steps_by_partition_and_index(sc):
    sums = sc.parallelize(list(range(11)), 3).mapPartitions(lambda it: [sum(it)])
    numbered = sums.mapPartitionsWithIndex(lambda i, it: [(i, x) for x in it]).zipWithUniqueId().zipWithIndex()
    return told(sums), told(numbered), jobs_since(sc)


@program
def glom_of_glom(sc):
    return told(sc.parallelize("abcde", 2).glom().glom()), jobs_since(sc)


@program
def coalesce_between_steps(sc):
    few = sc.parallelize(range(23), 7).map(str).coalesce(3).map(len)
    fewer = few.coalesce(2).filter(bool).coalesce(9)
    return told(few), told(fewer), jobs_since(sc)


@program
def coalesce_in_every_number(sc):
    return [
        [len(part) for part in sc.parallelize(range(31), m).coalesce(n).glom().collect()]
        for m in (1, 4, 9, 13)
        for n in (1, 2, 3, 4, 5, 8, 12, 20)
    ]


@program
def repartition_between_steps(sc):
    spread = sc.parallelize(range(45), 3).map(lambda x: -x).repartition(4).filter(lambda x: x % 2)
    return told(spread), told(spread.map(str).repartition(2)), jobs_since(sc)


@program
def repartition_of_repartition(sc):
    rdd = sc.parallelize(range(37), 5)
    twice = rdd.repartition(3).repartition(4)
    return told(twice), told(twice.coalesce(2).repartition(5)), told(rdd.repartition(3).union(rdd).repartition(2))


@program
def repartition_of_lists_in_batches_of_ten(sc):
    ten = sc.parallelize(list(range(21)), 2)
    return told(ten.repartition(3)), told(ten.union(ten).coalesce(1).repartition(4)), jobs_since(sc)


@program
def repartition_after_a_kept_repartition(sc):
    kept = sc.parallelize(range(33), 4).repartition(3).cache()
    return told(kept), told(kept.map(lambda x: x).repartition(2)), jobs_since(sc)


@program
def coalesce_with_shuffle_after_a_filter(sc):
    rare = sc.parallelize(range(1000), 20).filter(lambda x: x % 97 == 0)
    return told(rare.coalesce(3, shuffle=True)), told(rare.coalesce(3)), jobs_since(sc)


@program
def unions_of_unions(sc):
    a, b = sc.parallelize(range(5), 2), sc.parallelize("xy", 3)
    three = a.union(b).union(a.map(str))
    return told(three), told(sc.union([three, b, three]).coalesce(4)), jobs_since(sc)


@program
def union_of_many_kinds(sc):
    a = sc.parallelize(list(range(6)), 2)
    return (
        told(a.union(sc.emptyRDD())),
        told(sc.emptyRDD().union(a)),
        told(sc.union([sc.emptyRDD(), sc.emptyRDD()])),
        told(sc.union([a])),
        told(a + a.zip(a) + a.cartesian(a).map(str)),
    )


@program
def union_through_the_context_knows_its_partitioner(sc):
    a = sc.parallelize([(i, i) for i in range(9)], 2).partitionBy(3)
    b = sc.parallelize([(i, -i) for i in range(9)], 4).partitionBy(3)
    both = sc.union([a, b])
    return (
        told(both),
        told(both.union(a)),
        told(a.union(both)),
        told(both.mapValues(str).union(b)),
        told(both.map(lambda kv: kv).union(b)),
        told(both.reduceByKey(lambda x, y: x, 3)),
        told(sc.union([both, both])),
        jobs_since(sc),
    )


@program
def zips_of_many_kinds(sc):
    listed, numbers = sc.parallelize(list(range(12)), 3), sc.parallelize(range(12), 3)
    return (
        told(listed.zip(listed.map(str))),
        told(listed.zip(numbers)),
        told(numbers.zip(listed).zip(numbers)),
        told(numbers.map(str).zip(numbers.filter(lambda x: True)).mapValues(str)),
        told(listed.zip(listed).zip(listed.zip(listed))),
        jobs_since(sc),
    )


@program
def cartesians_of_lists(sc):
    a, b = sc.parallelize([1, 2, 3, 4, 5], 2), sc.parallelize(["x", "y", "z"], 2)
    return told(a.cartesian(b)), told(b.cartesian(a).filter(lambda pair: pair[1] % 2)), jobs_since(sc)


@program
def cartesians_of_other_things(sc):
    numbers, few = sc.parallelize(range(9), 2), sc.parallelize(list(range(4)), 2)
    return [
        [len(part) for part in plain(product.glom().collect())]
        for product in (
            numbers.cartesian(few),
            numbers.cartesian(numbers),
            few.map(str).cartesian(numbers),
            few.cartesian(few).cartesian(few),
            few.cartesian(sc.emptyRDD()),
        )
    ]


@program
def indexes_after_filters(sc):
    words = sc.parallelize(WORDS, 4).filter(lambda w: len(w) > 3)
    return told(words.zipWithIndex()), told(words.zipWithUniqueId()), told(words.coalesce(1).zipWithIndex())


@program
def more_slices_than_records(sc):
    few = sc.parallelize([3, 1], 5)
    return (
        told(few.map(str)),
        told(few.zipWithIndex()),
        told(few.coalesce(3)),
        few.max(),
        few.take(2),
        few.first(),
        few.top(1),
        few.sum(),
        few.glom().count(),
        few.treeReduce(max),
    )


@program
def values_of_every_type(sc):
    things = [None, True, 1, 1.0, -0.0, 0, "", "é\n", b"\x00", (1, (2,)), [], {"a": 1}, {2}, 1 << 80, 1j, float("inf")]
    rdd = sc.parallelize(things, 4)
    return told(rdd), told(rdd.map(repr)), told(rdd.map(lambda x: (repr(x), x)).values()), rdd.count()


@program
def nan_and_negative_zero(sc):
    rdd = sc.parallelize([0.0, -0.0, float("nan"), 2.5, float("-inf")], 2)
    return (
        told(rdd.map(lambda x: x * 2)),
        rdd.sum(),
        rdd.max(),
        rdd.min(),
        sc.parallelize([-0.0, -0.0], 2).sum(),
        sc.parallelize([-0.0, 0.0], 1).distinct().collect(),
        sc.parallelize([0.0, -0.0], 1).distinct().collect(),
        sc.parallelize([(1, "a"), (True, "b"), (1.0, "c")], 3).reduceByKey(lambda x, y: x + y).collect(),
    )


@program
def names_along_the_way(sc):
    first = sc.parallelize(range(4), 2).setName("numbers")
    second = first.map(str).setName("texts")
    third = second.repartition(3).setName("spread")
    return told(third), third.name(), second.name(), first.name(), third.map(len).name(), told(second.setName("other"))


@program
def default_numbers_of_partitions(sc):
    return (
        sc.defaultMinPartitions == min(2, sc.defaultParallelism),
        sc.parallelize(range(9)).getNumPartitions() == sc.defaultParallelism,
        sc.range(9).getNumPartitions() == sc.defaultParallelism,
        sc.parallelize(range(9), 3).cartesian(sc.parallelize("ab", 2)).repartition(5).getNumPartitions(),
        sc.parallelize([(1, 2)], 3).groupByKey().getNumPartitions(),
    )


@program
def pipes_between_steps(sc):
    lines = sc.parallelize(WORDS, 3).pipe("tr a-z A-Z").filter(lambda w: "O" in w)
    counted = lines.pipe("wc -l").map(str.strip)
    return told(lines), told(counted), told(sc.parallelize([1, None, "a\n"], 1).pipe("cat")), jobs_since(sc)


@program
def pipes_with_an_environment(sc):
    rdd = sc.parallelize([1], 1)
    return (
        rdd.pipe("/usr/bin/env", {"COLOUR": "red"}).collect(),
        rdd.pipe("/usr/bin/env").collect(),
        rdd.pipe("/bin/false").collect(),
        sc.parallelize([], 2).pipe("cat").collect(),
    )


@program
def samples_between_steps(sc):
    rdd = sc.parallelize(range(60), 4)
    return (
        told(rdd.map(str).sample(False, 0.3, 9)),
        told(rdd.sample(True, 1.4, 2).coalesce(2)),
        told(rdd.sample(False, 0.5, 2).union(rdd.sample(False, 0.5, 3)).sample(False, 0.5, 4)),
        [told(part) for part in rdd.keyBy(lambda x: x % 2).randomSplit([1, 1, 2], 8)],
        rdd.takeSample(True, 5, 1),
        rdd.filter(lambda x: x > 50).takeSample(False, 4, 1),
        jobs_since(sc),
    )
