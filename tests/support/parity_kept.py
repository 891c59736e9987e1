"""Programs with datasets that are cached, persisted or checkpointed on the way."""

from __future__ import annotations

import tempfile
from operator import add

from pyspark import StorageLevel

from tests.support.parity import jobs_since, lineage, plain, program, refusal, told

PAIRS = [(i * 7 % 5, i) for i in range(13)]
LEVELS = [
    "NONE",
    "DISK_ONLY",
    "DISK_ONLY_2",
    "DISK_ONLY_3",
    "MEMORY_ONLY",
    "MEMORY_ONLY_2",
    "MEMORY_AND_DISK",
    "MEMORY_AND_DISK_2",
    "OFF_HEAP",
    "MEMORY_AND_DISK_DESER",
]


def checkpoint_facts(rdd):
    file = rdd.getCheckpointFile()
    return (
        rdd.is_checkpointed,
        rdd.isCheckpointed(),
        rdd.isLocallyCheckpointed(),
        file and [part[:4] for part in file.split("/")][-1],
    )


@program
def storage_levels_as_text(sc):
    levels = [getattr(StorageLevel, name) for name in LEVELS]
    return [(str(level), repr(level)) for level in levels], StorageLevel.DISK_ONLY == StorageLevel.DISK_ONLY_2


@program
def levels_that_datasets_have(sc):
    rdd = sc.parallelize(range(4), 2)
    seen = []
    for name in LEVELS[1:]:
        rdd.persist(getattr(StorageLevel, name))
        seen.append((str(rdd.getStorageLevel()), rdd.is_cached, repr(rdd.getStorageLevel())))
        rdd.unpersist()
    return seen, str(rdd.getStorageLevel()), rdd.is_cached, str(rdd.cache().getStorageLevel()), rdd.persist() is rdd


@program
def a_second_level_is_refused(sc):
    rdd = sc.parallelize(range(4), 2).persist(StorageLevel.DISK_ONLY)
    said = (
        "Cannot change storage level of an RDD" in refusal(lambda: rdd.persist(StorageLevel.MEMORY_ONLY)),
        rdd.persist(StorageLevel.DISK_ONLY) is rdd,
    )
    return said, str(rdd.unpersist().persist(StorageLevel.MEMORY_ONLY).getStorageLevel())


@program
def a_kept_dataset_cuts_the_pipeline(sc):
    first = sc.parallelize(range(9), 3).map(str).cache()
    second = first.map(len).persist(StorageLevel.MEMORY_AND_DISK)
    third = second.filter(bool)
    before = told(third)
    third.count()
    after = told(third)
    first.unpersist(), second.unpersist()
    return before, after, told(third), told(second.map(str)), jobs_since(sc)


@program
def kept_in_the_middle_of_shuffles(sc):
    sums = sc.parallelize(PAIRS, 4).reduceByKey(add, 3).cache()
    texts = sums.mapValues(str).groupByKey(3)
    return told(sums), told(texts), told(sums.sortByKey()), texts.count(), told(sums.join(sums)), jobs_since(sc)


@program
def stages_above_a_kept_dataset_are_skipped(sc):
    kept = sc.parallelize(PAIRS, 4).reduceByKey(add, 3).mapValues(str).cache()
    kept.count()
    kept.count()
    kept.map(len).sum()
    kept.groupByKey(2).count()
    kept.unpersist()
    kept.count()
    return jobs_since(sc)


@program
def kept_in_part_by_take(sc):
    kept = sc.parallelize(range(40), 8).map(str).cache()
    return kept.take(3), told(kept)["lineage"], kept.count(), told(kept)["lineage"], jobs_since(sc)


@program
def checkpoints_cut_the_lineage(sc):
    with tempfile.TemporaryDirectory() as folder:
        sc.setCheckpointDir(folder)
        rdd = sc.parallelize(PAIRS, 3).reduceByKey(add, 2).mapValues(str)
        rdd.checkpoint()
        facts = [checkpoint_facts(rdd)]
        before = told(rdd)
        facts.append(checkpoint_facts(rdd))
        after = told(rdd)
        return (
            facts,
            before,
            after,
            told(rdd.map(str).repartition(3)),
            told(rdd.groupByKey(2)),
            jobs_since(sc),
        )


@program
def a_kept_checkpoint(sc):
    with tempfile.TemporaryDirectory() as folder:
        sc.setCheckpointDir(folder)
        rdd = sc.parallelize(range(8), 2).map(lambda x: x * x).cache()
        rdd.checkpoint()
        return rdd.count(), checkpoint_facts(rdd), told(rdd), told(rdd.map(str)), jobs_since(sc)


@program
def local_checkpoints(sc):
    rdd = sc.parallelize(range(8), 2).map(lambda x: x * x)
    rdd.localCheckpoint()
    facts = [checkpoint_facts(rdd), str(rdd.getStorageLevel()), lineage(rdd)]
    # Not through a Python step, which PySpark would fuse with what is to be checkpointed.
    rdd.collect()
    facts.append(checkpoint_facts(rdd))
    return facts, told(rdd), told(rdd.map(str)), jobs_since(sc)


@program
def local_checkpoints_of_kept_datasets(sc):
    rdd = sc.parallelize(range(8), 2).map(str).cache()
    rdd.localCheckpoint()
    other = sc.parallelize(range(8), 2).map(str).persist(StorageLevel.DISK_ONLY)
    other.localCheckpoint()
    third = sc.parallelize(range(8), 2).map(str)
    third.localCheckpoint()
    third.persist(StorageLevel.MEMORY_ONLY)
    return [
        (str(each.getStorageLevel()), each.collect(), told(each), checkpoint_facts(each))
        for each in (rdd, other, third)
    ]


@program
def checkpoints_need_a_folder(sc):
    rdd = sc.parallelize([1], 1)
    return (
        "Checkpoint directory has not been set in the SparkContext" in refusal(rdd.checkpoint),
        sc.getCheckpointDir(),
        rdd.getCheckpointFile(),
    )


@program
def shuffles_that_are_cleaned(sc):
    counts = sc.parallelize(PAIRS, 4).reduceByKey(add, 3)
    counts.count()
    counts.count()
    counts.cleanShuffleDependencies(True)
    counts.count()
    return plain(counts.glom().collect()), jobs_since(sc)


@program
def rounds_of_an_iteration(sc):
    numbers = sc.parallelize([(i, float(i)) for i in range(6)], 2).partitionBy(2).cache()
    for _ in range(4):
        numbers = numbers.join(numbers.mapValues(lambda v: v / 2), 2).mapValues(sum).cache()
        numbers.count()
    return told(numbers)["layout"], told(numbers)["id"], jobs_since(sc)
