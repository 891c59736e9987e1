"""The RDD API on worker processes: what runs in the driver's process for the unit tests runs the same way there."""

from __future__ import annotations

import os
import threading
from operator import add
from pathlib import Path

import pytest
from pyspark import SparkConf, StorageLevel, TaskContext

from spark_kernel.common.errors import ContextError, JobFailedError, SerializationError
from spark_kernel.core.context import SparkContext
from spark_kernel.core.rdd.spark_files import SparkFiles
from tests.support.oracle import combined, grouped, joined, same

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def sc():
    with SparkContext(conf=SparkConf().setMaster("local[2]").setAppName("contract")) as context:
        yield context


def test_tasks_run_in_other_processes(sc) -> None:
    pids = set(sc.parallelize(range(8), 8).map(lambda x: os.getpid()).collect())
    assert os.getpid() not in pids


def test_a_program_of_many_steps(sc) -> None:
    words = [f"w{i * 7919 % 97}" for i in range(5000)]
    rdd = sc.parallelize(words, 5)
    counts = rdd.map(lambda word: (word, 1)).reduceByKey(add)
    assert dict(counts.collect()) == combined([(word, 1) for word in words], add)
    assert [count for _, count in counts.sortBy(lambda kv: -kv[1]).take(3)] == sorted(counts.values().collect())[:-4:-1]
    pairs = [(word, i) for i, word in enumerate(words)]
    found = rdd.zipWithIndex().groupByKey(4).mapValues(list).collectAsMap()
    assert found == grouped(pairs)


def test_strings_find_their_partition_whichever_process_asks(sc) -> None:
    left = [(f"key-{i}", i) for i in range(300)]
    right = [(f"key-{i}", -i) for i in range(0, 600, 2)]
    a, b = sc.parallelize(left, 3), sc.parallelize(right, 4)
    assert same(a.join(b, 3).collect(), joined(left, right))
    assert same(a.fullOuterJoin(b).collect(), joined(left, right, keep_left=True, keep_right=True))


def test_a_join_of_datasets_that_are_partitioned_alike(sc) -> None:
    pairs = [(i % 50, i) for i in range(500)]
    a, b = sc.parallelize(pairs, 4).partitionBy(3), sc.parallelize(pairs, 2).partitionBy(3)
    together = a.join(b, 3)
    assert same(together.collect(), joined(pairs, pairs))
    assert len(sc.plan(together).stages) == 3


def test_sorting(sc) -> None:
    numbers = [i * 7919 % 1009 for i in range(3000)]
    assert sc.parallelize(numbers, 4).sortBy(lambda x: x).collect() == sorted(numbers)
    assert sc.parallelize(numbers, 4).sortBy(str, False, 3).collect() == sorted(numbers, key=str, reverse=True)


def test_shared_variables_and_task_contexts(sc) -> None:
    table, seen = sc.broadcast({i: i * i for i in range(100)}), sc.accumulator(0)

    def look_up(x):
        seen.add(1)
        return TaskContext.get().partitionId(), table.value[x]

    assert sc.parallelize(range(4), 4).map(look_up).collect() == [(0, 0), (1, 1), (2, 4), (3, 9)]
    assert seen.value == 4


def test_kept_datasets_are_computed_once(sc) -> None:
    computed = sc.accumulator(0)

    def note(x):
        computed.add(1)
        return x

    kept = sc.parallelize(range(100), 4).map(note).cache()
    assert [kept.count(), kept.sum(), kept.max()] == [100, 4950, 99]
    assert computed.value == 100
    assert kept.unpersist().getStorageLevel().useMemory is False


def test_saved_text_is_read_back(sc, tmp_path) -> None:
    lines = [f"line {i}" for i in range(1000)]
    sc.parallelize(lines, 3).saveAsTextFile(str(tmp_path / "out"))
    assert sc.textFile(str(tmp_path / "out"), 8).collect() == lines
    assert (tmp_path / "out" / "_SUCCESS").exists()


def test_a_failing_lambda_is_named_with_its_record(sc) -> None:
    with pytest.raises(JobFailedError, match="ZeroDivisionError") as failure:
        sc.parallelize([3, 2, 1, 0], 2).map(lambda x: 6 // x).collect()
    task = failure.value.task
    assert (task.partition, task.record, task.step.function) == (1, "0", "map")
    assert sc.parallelize([1]).collect() == [1]


def test_what_cannot_travel_is_refused(sc) -> None:
    rdd = sc.parallelize([1])
    with pytest.raises(ContextError, match="CONTEXT_ONLY_VALID_ON_DRIVER"):
        rdd.map(lambda x: sc.parallelize([x])).collect()
    lock = threading.Lock()
    with pytest.raises(SerializationError, match="lock"):
        rdd.map(lambda x: (lock, x)).collect()


def test_empty_datasets(sc) -> None:
    assert sc.emptyRDD().collect() == []
    assert sc.parallelize([], 3).map(lambda x: (x, x)).reduceByKey(add).join(sc.emptyRDD()).collect() == []
    assert sc.parallelize([], 2).sum() == sc.emptyRDD().count() == 0


def test_thousands_of_steps_and_a_wide_union(sc) -> None:
    rdd = sc.parallelize(range(3), 1)
    for _ in range(2000):
        rdd = rdd.map(lambda x: x + 1)
    assert rdd.collect() == [2000, 2001, 2002]
    assert sc.union([sc.parallelize([i], 1) for i in range(300)]).sum() == sum(range(300))


def test_records_go_through_a_command(sc) -> None:
    words = sc.parallelize(["b", "a", "c d"], 2)
    assert words.pipe("cat").collect() == ["b", "a", "c d"]
    assert words.pipe("env", {"COLOR": "red"}).first() == "COLOR=red"
    assert words.pipe("grep nothing").collect() == []
    with pytest.raises(JobFailedError, match="exited with error code 1"):
        words.pipe("grep nothing", checkCode=True).collect()
    with pytest.raises(JobFailedError, match="ZeroDivisionError"):
        words.map(lambda _: 1 // 0).pipe("cat").collect()


def test_added_files_and_modules_reach_the_workers(sc, tmp_path) -> None:
    (tmp_path / "factor.txt").write_text("100")
    (tmp_path / "module_for_workers.py").write_text("VALUE = 7")
    sc.addFile(str(tmp_path / "factor.txt"))
    sc.addPyFile(str(tmp_path / "module_for_workers.py"))

    def scaled(x):
        import module_for_workers

        with open(SparkFiles.get("factor.txt")) as file:
            return x * int(file.read()) + module_for_workers.VALUE

    assert sc.parallelize([1, 2], 2).map(scaled).collect() == [107, 207]


def test_checkpoints_are_read_back(sc, tmp_path) -> None:
    sc.setCheckpointDir(str(tmp_path))
    written = sc.parallelize(range(100), 4).map(lambda x: (x % 5, x)).reduceByKey(add)
    written.checkpoint()
    pinned = sc.parallelize(range(10), 3).map(str)
    pinned.localCheckpoint()
    expected = sorted(written.collect())
    assert (written.isCheckpointed(), pinned.count(), pinned.isCheckpointed()) == (True, 10, True)
    assert sorted(written.collect()) == expected
    assert pinned.collect() == [str(x) for x in range(10)]


def test_unpersist_that_blocks_returns_when_the_blocks_are_gone(sc) -> None:
    rdd = sc.parallelize(range(4), 2).persist(StorageLevel.DISK_ONLY)
    rdd.count()
    application = Path(SparkFiles.getRootDirectory()).parent
    name = f"block-{rdd.node.node_id}-*"
    assert len(list(application.rglob(name))) == 2
    rdd.unpersist(blocking=True)
    assert list(application.rglob(name)) == []
    assert sorted(rdd.collect()) == [0, 1, 2, 3]


def test_cleaned_shuffle_dependencies_are_gone_and_are_written_again(sc) -> None:
    totals = sc.parallelize([(i % 3, "x" * 50_000) for i in range(30)], 2).groupByKey(2).mapValues(len)
    assert dict(totals.collect()) == {0: 10, 1: 10, 2: 10}
    application = Path(SparkFiles.getRootDirectory()).parent
    before = {path for path in application.glob("**/*") if path.is_file()}
    totals.cleanShuffleDependencies(blocking=True)
    gone = {path for path in before if not path.exists()}
    assert len(gone) >= 2
    assert dict(totals.collect()) == {0: 10, 1: 10, 2: 10}


def test_a_broadcast_is_there_again_after_unpersist_however_often(sc) -> None:
    table = sc.broadcast(list(range(1000)))
    for _ in range(5):
        assert sc.parallelize(range(4), 4).map(lambda x: table.value[x]).collect() == [0, 1, 2, 3]
        table.unpersist()
    table.destroy(blocking=True)
    with pytest.raises(ContextError, match="after it was destroyed"):
        sc.parallelize([1], 1).map(lambda x: table.value).collect()
