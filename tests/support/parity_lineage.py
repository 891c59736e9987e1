"""Programs about lineage text, ids and names."""

from __future__ import annotations

from operator import add

from tests.support.parity import lineage, program

PAIRS = [(i % 3, i) for i in range(20)]


def _sources(sc):
    return sc.parallelize(range(10), 4), sc.parallelize(list(range(10)), 4), sc.parallelize(PAIRS, 4)


@program
def lineage_of_sources(sc):
    numbers, listed, _ = _sources(sc)
    return [lineage(rdd) for rdd in (numbers, listed, sc.emptyRDD(), sc.range(3, numSlices=12))]


@program
def lineage_of_narrow_steps(sc):
    numbers, listed, pairs = _sources(sc)
    steps = [
        numbers.map(str).filter(bool),
        listed.flatMap(lambda x: [x]).glom(),
        pairs.mapValues(str).flatMapValues(list).keys(),
        pairs.values().keyBy(str).sample(False, 0.5, 1),
        numbers.zipWithUniqueId(),
        numbers.mapPartitionsWithIndex(lambda i, it: it).mapPartitions(lambda it: it),
        numbers.zipWithIndex(),
    ]
    return [lineage(rdd) for rdd in steps]


@program
def lineage_of_shuffles(sc):
    _, __, pairs = _sources(sc)
    steps = [
        pairs.partitionBy(3),
        pairs.reduceByKey(add),
        pairs.groupByKey(2),
        pairs.aggregateByKey(0, add, add, 2).mapValues(str),
        pairs.foldByKey(0, add),
        pairs.combineByKey(str, add, add),
        pairs.groupBy(str),
        pairs.distinct(),
        pairs.repartitionAndSortWithinPartitions(2),
        pairs.sortByKey(),
        pairs.sortBy(lambda kv: kv[1]),
        pairs.sortBy(lambda kv: kv[1], numPartitions=1),
        pairs.reduceByKey(add).reduceByKey(add).map(str),
    ]
    return [lineage(rdd) for rdd in steps]


@program
def lineage_of_two_datasets(sc):
    numbers, listed, pairs = _sources(sc)
    steps = [
        numbers.union(listed),
        listed.union(listed),
        sc.union([numbers, listed, numbers]),
        pairs.partitionBy(3).union(pairs.partitionBy(3)),
        numbers.zip(listed),
        listed.zip(listed),
        numbers.zip(numbers),
        numbers.cartesian(listed),
        listed.union(sc.emptyRDD()),
    ]
    return [lineage(rdd) for rdd in steps]


@program
def lineage_of_joins(sc):
    numbers, listed, pairs = _sources(sc)
    steps = [
        pairs.join(pairs),
        pairs.leftOuterJoin(pairs, 2),
        pairs.partitionBy(3).join(pairs.partitionBy(3), 3),
        pairs.cogroup(pairs),
        pairs.groupWith(pairs, pairs),
        pairs.subtractByKey(pairs),
        numbers.subtract(listed),
        numbers.intersection(listed),
        pairs.reduceByKey(add).union(pairs.groupByKey().mapValues(len)).join(pairs.mapValues(str)),
    ]
    return [lineage(rdd) for rdd in steps]


@program
def lineage_of_other_partitions(sc):
    numbers, listed, pairs = _sources(sc)
    steps = [
        numbers.coalesce(2),
        numbers.repartition(3),
        listed.repartition(3),
        sc.parallelize(list(range(100)), 10).repartition(3),
        pairs.coalesce(2).reduceByKey(add).coalesce(1),
        numbers.coalesce(2).map(str).coalesce(1).map(str),
    ]
    return [lineage(rdd) for rdd in steps]


@program
def lineage_of_more_than_nine_partitions(sc):
    wide = sc.parallelize(PAIRS, 12)
    return lineage(wide.reduceByKey(add, 100).join(wide, 1234))


@program
def lineage_below_a_dataset_that_is_kept(sc):
    kept = sc.parallelize(range(10), 2).map(str).cache()
    return [lineage(kept), lineage(kept.map(len)), kept.getStorageLevel() == kept.persist().getStorageLevel()]


@program
def lineage_of_names(sc):
    rdd = sc.parallelize([1, 2], 2).map(str).setName("texts")
    return [lineage(rdd), rdd.name(), lineage(rdd.map(len)), sc.parallelize([1]).name()]


@program
def ids_are_taken_late(sc):
    rdd = sc.parallelize(range(10))
    first = rdd.id()
    second = rdd.map(str).filter(bool)
    return first, second.id(), second.id(), rdd.id(), sc.parallelize([1]).id()


@program
def ids_that_actions_take(sc):
    rdd = sc.parallelize(list(range(10)), 2)
    ids = []
    actions = [
        lambda: rdd.collect(),
        lambda: rdd.count(),
        lambda: rdd.map(str).count(),
        lambda: rdd.map(str).collect(),
        lambda: rdd.take(7),
        lambda: rdd.sum(),
        lambda: rdd.max(),
        lambda: rdd.stats(),
        lambda: rdd.reduce(add),
        lambda: rdd.fold(0, add),
        lambda: rdd.aggregate(0, add, add),
        lambda: rdd.top(2),
        lambda: rdd.takeOrdered(2),
        lambda: rdd.countByValue(),
        lambda: rdd.foreach(str),
        lambda: rdd.first(),
        lambda: rdd.isEmpty(),
        lambda: rdd.keyBy(str).countByKey(),
        lambda: rdd.keyBy(str).collectAsMap(),
        lambda: rdd.keyBy(str).lookup("3"),
        lambda: rdd.treeReduce(add),
        lambda: rdd.histogram(2),
        lambda: rdd.takeSample(False, 3, 1),
        lambda: sc.runJob(rdd, lambda it: it, [0]),
        lambda: list(rdd.toLocalIterator()),
        lambda: rdd.keyBy(str).reduceByKeyLocally(add),
        lambda: rdd.foreachPartition(list),
    ]
    for action in actions:
        action()
        ids.append(sc.parallelize([1]).id())
    return ids


@program
def ids_that_wide_steps_take(sc):
    pairs = sc.parallelize(PAIRS, 4)
    ids = []
    for step in [
        lambda: pairs.partitionBy(3),
        lambda: pairs.reduceByKey(add),
        lambda: pairs.groupByKey(),
        lambda: pairs.distinct(),
        lambda: pairs.sortByKey(),
        lambda: pairs.sortByKey(numPartitions=1),
        lambda: pairs.join(pairs),
        lambda: pairs.cogroup(pairs),
        lambda: pairs.repartition(2),
        lambda: pairs.coalesce(2),
        lambda: pairs.union(pairs),
        lambda: pairs.zip(pairs),
        lambda: pairs.cartesian(pairs),
        lambda: pairs.zipWithIndex(),
        lambda: pairs.subtractByKey(pairs),
        lambda: pairs.randomSplit([1, 2], 1),
        lambda: sc.emptyRDD(),
        lambda: sc.union([pairs, pairs]),
    ]:
        step()
        ids.append(sc.parallelize([1]).id())
    return ids
