"""Checkpoints cut the lineage: of the dataset, of what was made from it before, and of the memory it took."""

from __future__ import annotations

import gc
import weakref
from operator import add

import pytest
from pyspark.errors import IllegalArgumentException

from spark_kernel.common.errors import JobFailedError, StorageError
from spark_kernel.core.lineage.node import walk
from tests.support.inline import inline_context


@pytest.fixture
def sc(tmp_path):
    with inline_context() as context:
        context.setCheckpointDir(str(tmp_path))
        yield context


def operations(rdd) -> list[str]:
    return sorted({node.operation for node in walk([rdd._session._checkpoints.current_lineage(rdd.node)])})


def counted(sc, rdd):
    """The dataset, and an accumulator that counts how often its records are computed."""
    computed = sc.accumulator(0)

    def note(x):
        computed.add(1)
        return x

    return rdd.map(note), computed


def test_the_next_job_writes_what_is_marked(sc, tmp_path) -> None:
    rdd, computed = counted(sc, sc.parallelize(range(6), 2))
    rdd.checkpoint()
    assert (rdd.is_checkpointed, rdd.isCheckpointed(), rdd.getCheckpointFile()) == (True, False, None)
    assert rdd.collect() == list(range(6))
    assert (rdd.isCheckpointed(), computed.value) == (True, 12)
    assert rdd.collect() == list(range(6))
    assert computed.value == 12
    folder = rdd.getCheckpointFile()
    assert folder == f"{sc.getCheckpointDir()}/rdd-{rdd.id()}"
    assert sc.getCheckpointDir().startswith(f"file:{tmp_path}/")
    names = sorted(path.name for path in tmp_path.glob("*/rdd-*/*"))
    assert names == ["_SUCCESS", "part-00000", "part-00001"]


def test_the_lineage_ends_at_a_checkpoint_also_for_what_was_made_before(sc) -> None:
    rdd, computed = counted(sc, sc.parallelize([(1, 2), (1, 3), (2, 4)], 2).reduceByKey(add))
    before = rdd.mapValues(str)
    rdd.checkpoint()
    assert sorted(before.collect()) == [(1, "5"), (2, "4")]
    known = computed.value
    assert operations(before) == ["map", "mapValues"]
    assert operations(rdd.keys()) == ["keys", "map"]
    assert sorted(before.join(rdd).collect()) == [(1, ("5", 5)), (2, ("4", 4))]
    assert computed.value == known
    lines = rdd.toDebugString().decode().split("\n")
    assert [line.split("[")[0].strip(" |()2") for line in lines] == ["PythonRDD", "ReliableCheckpointRDD"]


def test_checkpoints_on_top_of_each_other(sc) -> None:
    first = sc.parallelize(range(4), 2).map(lambda x: x + 1)
    second = first.map(lambda x: x * 2)
    first.checkpoint()
    first.count()
    second.checkpoint()
    assert second.collect() == [2, 4, 6, 8]
    assert second.isCheckpointed()
    assert operations(second) == ["map"]
    assert second.collect() == [2, 4, 6, 8]


def test_what_was_kept_stays_kept(sc) -> None:
    rdd, computed = counted(sc, sc.parallelize(range(6), 2))
    rdd.cache().checkpoint()
    rdd.count()
    gc.collect()
    assert rdd.sum() == 15
    assert computed.value == 6
    assert [status["cached_partitions"] for status in sc.storage_status()] == [2]


def test_old_lineage_is_freed(sc) -> None:
    rdd = sc.parallelize(range(4), 2)
    old = weakref.ref(rdd.node)
    for _ in range(3):
        rdd = rdd.map(lambda x: x + 1)
        rdd.checkpoint()
        rdd.count()
    gc.collect()
    assert rdd.collect() == [3, 4, 5, 6]
    assert old() is None


def test_a_local_checkpoint_stays_in_the_stores(sc) -> None:
    rdd, computed = counted(sc, sc.parallelize(range(6), 3))
    rdd.localCheckpoint()
    assert (rdd.isLocallyCheckpointed(), rdd.isCheckpointed()) == (True, False)
    assert rdd.first() == 0
    assert (rdd.isCheckpointed(), rdd.getCheckpointFile(), computed.value) == (True, None, 6)
    assert rdd.map(str).collect() == list("012345")
    assert computed.value == 6
    rdd.unpersist()
    with pytest.raises(JobFailedError, match=r"Checkpoint block rdd_\d+_0 not found!.*make the dataset anew"):
        rdd.collect()


def test_a_folder_has_to_be_set() -> None:
    with (
        inline_context() as sc,
        pytest.raises(Exception, match=r"Checkpoint directory has not been set.*setCheckpointDir"),
    ):
        sc.parallelize([1]).checkpoint()


def test_a_checkpoint_can_be_read_back_by_its_folder(sc) -> None:
    rdd = sc.parallelize([3, 1, 2], 2).map(lambda x: x + 1)
    rdd.checkpoint()
    assert rdd.collect() == [4, 2, 3]
    recovered = sc._checkpointFile(rdd.getCheckpointFile(), rdd._jrdd_deserializer)
    assert recovered.collect() == [4, 2, 3]
    assert recovered.glom().collect() == rdd.glom().collect()
    assert "ReliableCheckpointRDD" in repr(recovered)


def test_a_local_checkpoint_is_kept_as_objects_as_spark_says(sc) -> None:
    rdd = sc.parallelize([1], 1).map(str)
    rdd.localCheckpoint()
    assert str(rdd.getStorageLevel()) == "Disk Memory Deserialized 1x Replicated"


def test_another_context_reads_what_one_that_is_gone_has_written(tmp_path) -> None:
    with inline_context(spark_checkpoint_dir=str(tmp_path)) as sc:
        rdd = sc.parallelize(range(20), 3).map(lambda x: (x, "text" * x))
        rdd.checkpoint()
        rdd.count()
        folder, written = rdd.getCheckpointFile(), rdd.collect()
    with inline_context(spark_checkpoint_compress="false") as sc:
        restored = sc._checkpointFile(folder, rdd._jrdd_deserializer)
        assert restored.collect() == written
        assert restored.getNumPartitions() == 3
        assert (restored.getCheckpointFile(), restored.isCheckpointed()) == (folder, False)
        assert "ReliableCheckpointRDD" in restored.toDebugString().decode()
        assert restored.mapValues(len).reduceByKey(add).count() == 20


@pytest.mark.parametrize(("compress", "begins"), [("true", b"\x28\xb5\x2f\xfd"), ("false", b"\x80")])
def test_files_are_compressed_unless_the_settings_say_otherwise(tmp_path, compress, begins) -> None:
    with inline_context(spark_checkpoint_dir=str(tmp_path), spark_checkpoint_compress=compress) as sc:
        rdd = sc.parallelize(["the same text"] * 50_000, 1).map(str)
        rdd.checkpoint()
        rdd.count()
        assert rdd.count() == 50_000
    (part,) = tmp_path.glob("*/rdd-*/part-00000")
    assert part.read_bytes().startswith(begins)
    assert (part.stat().st_size < 50_000) is (compress == "true")


def test_an_empty_partition_is_restored(sc) -> None:
    rdd = sc.parallelize([1], 3).filter(lambda x: x > 5)
    rdd.checkpoint()
    rdd.count()
    assert sc._checkpointFile(rdd.getCheckpointFile()).glom().collect() == [[], [], []]


def test_a_folder_that_holds_no_checkpoint_is_refused(sc, tmp_path) -> None:
    with pytest.raises(IllegalArgumentException, match=r"Checkpoint directory does not exist: .*nowhere"):
        sc._checkpointFile(f"{tmp_path}/nowhere")
    rdd = sc.parallelize(range(3), 3)
    rdd.checkpoint()
    rdd.count()
    (part,) = tmp_path.glob("*/rdd-*/part-00001")
    part.unlink()
    with pytest.raises(StorageError, match=r"Invalid checkpoint directory: .*part-00002"):
        sc._checkpointFile(rdd.getCheckpointFile())
    part.write_bytes(b"LZ4Block%")
    with pytest.raises(JobFailedError, match="What Spark checkpointed holds Java objects"):
        sc._checkpointFile(rdd.getCheckpointFile()).collect()
