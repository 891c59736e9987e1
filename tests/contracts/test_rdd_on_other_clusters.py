"""The same programs on every kind of cluster that a master URL can name, and on a real S3 server."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from operator import add
from typing import TYPE_CHECKING

import pytest
from pyspark import SparkConf

from spark_kernel.core.context import SparkContext
from tests.support.foreign_cluster import foreign_cluster

if TYPE_CHECKING:
    from tests.support.s3_server import S3Server

pytestmark = pytest.mark.cluster
pytest_plugins = ["tests.support.s3_server"]


@pytest.fixture(params=["inline", "local[1]", "local-cluster[2,1,1024]", "dask", "dask without nannies"])
def master(request: pytest.FixtureRequest) -> Iterator[str]:
    """A master URL; clusters that are not ours run while the test does."""
    if not request.param.startswith("dask"):
        yield request.param
        return
    kind = {"workers": 2} if request.param == "dask" else {"bare": 2}
    with foreign_cluster(**kind) as address:
        yield address.replace("tcp://", "dask://")


def test_a_program_with_shuffles_cache_and_shared_variables(master) -> None:
    with SparkContext(master, "everywhere") as sc:
        factor, seen = sc.broadcast(3), sc.accumulator(0)

        def scale(i):
            seen.add(1)
            return (i % 7, i * factor.value)

        pairs = sc.parallelize(range(2000), 5).map(scale).cache()
        expected = {key: sum(3 * i for i in range(key, 2000, 7)) for key in range(7)}
        assert pairs.reduceByKey(add, 3).collectAsMap() == expected
        assert pairs.sortByKey(numPartitions=3).keys().distinct().count() == 7
        assert seen.value == 2000  # The second job read the cache.
        large = sc.parallelize(range(30_000), 4).map(lambda i: (i, "x" * 50)).partitionBy(3)
        assert large.values().map(len).sum() == 1_500_000


def test_text_on_s3_is_read_and_written_by_workers(s3_server: S3Server) -> None:
    conf = SparkConf().setMaster("local[2]").setAppName("s3")
    for key, value in s3_server.settings.items():
        conf.set(key, value)
    folder = f"{s3_server.bucket}/rdd"
    s3_server.filesystem.pipe(f"{folder}/in/a.txt", b"to be or not to be\n" * 500)
    s3_server.filesystem.pipe(f"{folder}/in/b.txt.gz", gzip.compress(b"that is the question\n" * 100))
    with SparkContext(conf=conf) as sc:
        words = sc.textFile(f"s3a://{folder}/in/*", 4).flatMap(str.split)
        counts = words.map(lambda word: (word, 1)).reduceByKey(add, 2)
        assert counts.collectAsMap()["be"] == 1000
        counts.map(lambda pair: f"{pair[0]} {pair[1]}").saveAsTextFile(f"s3a://{folder}/out")
        assert dict(line.split() for line in sc.textFile(f"s3a://{folder}/out").collect())["question"] == "100"
    names = [path.rpartition("/")[2] for path in s3_server.filesystem.find(f"{folder}/out")]
    assert sorted(names) == ["_SUCCESS", "part-00000", "part-00001"]
