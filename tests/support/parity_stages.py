"""Programs about jobs and stages, as the status tracker counts them."""

from __future__ import annotations

from operator import add

from tests.support.parity import jobs_since, program

PAIRS = [(i % 3, i) for i in range(20)]


@program
def stages_of_narrow_jobs(sc):
    sc.parallelize(range(10), 4).map(str).collect()
    sc.parallelize(range(10), 4).union(sc.parallelize("ab", 2)).count()
    return jobs_since(sc)


@program
def stages_of_shuffles(sc):
    pairs = sc.parallelize(PAIRS, 4)
    pairs.reduceByKey(add, 2).collect()
    pairs.reduceByKey(add, 2).map(lambda kv: (kv[1], kv[0])).groupByKey(3).count()
    pairs.repartition(5).count()
    return jobs_since(sc)


@program
def stages_of_joins(sc):
    pairs = sc.parallelize(PAIRS, 4)
    pairs.join(pairs, 3).count()
    pairs.partitionBy(3).join(pairs.partitionBy(3), 3).count()
    pairs.partitionBy(3).join(pairs, 3).count()
    return jobs_since(sc)


@program
def stages_that_are_skipped(sc):
    reduced = sc.parallelize(PAIRS, 4).reduceByKey(add, 2)
    reduced.count()
    reduced.mapValues(str).count()
    grouped = reduced.groupByKey(2)
    grouped.count()
    grouped.count()
    return jobs_since(sc)


@program
def hidden_jobs(sc):
    pairs = sc.parallelize(PAIRS, 4)
    seen = []
    for step in [
        lambda: pairs.sortByKey(),
        lambda: pairs.sortByKey(numPartitions=1),
        lambda: pairs.sortBy(lambda kv: kv[1]),
        lambda: pairs.zipWithIndex(),
        lambda: sc.parallelize([1], 1).zipWithIndex(),
        lambda: sc.parallelize([], 3).sortByKey(),
        lambda: pairs.takeSample(False, 3, 1),
        lambda: pairs.takeSample(False, 100, 1),
        lambda: pairs.repartitionAndSortWithinPartitions(2),
        lambda: pairs.cartesian(pairs),
        lambda: pairs.distinct(),
    ]:
        before = sc.statusTracker().getJobIdsForGroup()
        step()
        seen.append(len(jobs_since(sc, before)))
    return seen


@program
def jobs_of_take(sc):
    rdd = sc.parallelize(range(100), 20)
    seen = []
    for step in [
        lambda: rdd.take(3),
        lambda: rdd.take(7),
        lambda: rdd.take(50),
        lambda: rdd.take(100),
        lambda: rdd.filter(lambda x: x > 80).take(2),
        lambda: rdd.filter(lambda x: x > 1000).take(1),
        lambda: rdd.first(),
        lambda: rdd.isEmpty(),
        lambda: sc.emptyRDD().isEmpty(),
        lambda: list(rdd.toLocalIterator()),
    ]:
        before = sc.statusTracker().getJobIdsForGroup()
        step()
        seen.append(jobs_since(sc, before))
    return seen


@program
def stages_of_trees(sc):
    sc.parallelize(range(64), 32).treeReduce(add)
    sc.parallelize(range(64), 32).treeReduce(add, 3)
    sc.parallelize(range(4), 2).treeReduce(add)
    return jobs_since(sc)


@program
def stages_below_a_kept_dataset(sc):
    kept = sc.parallelize(PAIRS, 4).reduceByKey(add, 2).cache()
    kept.count()
    kept.map(str).count()
    kept.groupByKey(3).count()
    return jobs_since(sc)


@program
def job_groups(sc):
    sc.setJobGroup("mine", "a description")
    sc.parallelize([1, 2], 2).count()
    sc.setLocalProperty("spark.jobGroup.id", None)
    sc.parallelize([1, 2], 2).count()
    jobs_since(sc)
    tracker = sc.statusTracker()
    return (
        list(tracker.getJobIdsForGroup("mine")),
        list(tracker.getJobIdsForGroup()),
        list(tracker.getJobIdsForGroup("other")),
        tracker.getJobInfo(99),
        tracker.getStageInfo(99),
        list(tracker.getActiveJobsIds()),
        list(tracker.getActiveStageIds()),
    )
