"""The programs that `lineage.py` times: one case and one engine a process; prints one JSON object.

python lineage_cases.py ENGINE CASE SIZE        ENGINE: ours, pyspark or dask
"""

from __future__ import annotations

import json
import sys
import tempfile
import time


def chained_maps(sc, n):
    rdd = sc.parallelize(range(100), 2)
    for _ in range(n):
        rdd = rdd.map(lambda x: x + 1)
    return timed(lambda: rdd.sum(), 100 * n + 4950)


def wide_union(sc, n):
    rdd = sc.union([sc.parallelize([i], 1) for i in range(n)])
    return timed(lambda: rdd.count(), n)


def chained_unions(sc, n):
    rdd = sc.parallelize([0], 1)
    for i in range(1, n):
        rdd = rdd.union(sc.parallelize([i], 1))
    return timed(lambda: rdd.count(), n)


def chained_shuffles(sc, n):
    """One job of n shuffles."""
    rdd = sc.parallelize([(i % 5, i) for i in range(20)], 2)
    for _ in range(n):
        rdd = rdd.map(lambda pair: (pair[0], pair[1] + 1)).reduceByKey(lambda a, b: max(a, b), 2)
    return timed(lambda: rdd.count(), 5)


def rounds(sc, n):
    """A job a round, each on the result of the one before."""
    rdd = sc.parallelize([(i % 5, i) for i in range(20)], 2)

    def step(_):
        nonlocal rdd
        rdd = rdd.map(lambda pair: (pair[0], pair[1] + 1)).reduceByKey(lambda a, b: max(a, b), 2)
        assert rdd.count() == 5

    return each_round(step, n)


def rounds_with_checkpoints(sc, n):
    """The same, with a checkpoint every tenth round."""
    rdd = sc.parallelize([(i % 5, i) for i in range(20)], 2)

    def step(number):
        nonlocal rdd
        rdd = rdd.map(lambda pair: (pair[0], pair[1] + 1)).reduceByKey(lambda a, b: max(a, b), 2)
        if number % 10 == 9:
            rdd.checkpoint()
        assert rdd.count() == 5

    with tempfile.TemporaryDirectory() as folder:
        sc.setCheckpointDir(folder)
        return each_round(step, n)


def rounds_in_cache(sc, n):
    """PageRank's shape: a join and a reduceByKey a round, the result cached, the one before let go of."""
    links = sc.parallelize([(i, [(i + 1) % 50, i * 7 % 50]) for i in range(50)], 2).partitionBy(2).cache()
    ranks = links.mapValues(lambda _: 1.0)

    def step(_):
        nonlocal ranks
        shares = links.join(ranks, 2).flatMap(lambda row: [(to, row[1][1] / 2) for to in row[1][0]])
        before, ranks = ranks, shares.reduceByKey(lambda a, b: a + b, 2).mapValues(lambda r: 0.15 + 0.85 * r).cache()
        assert ranks.count() == 50
        before.unpersist()

    return each_round(step, n)


def empty_partitions(sc, n):
    rdd = sc.parallelize([], n).mapPartitions(lambda records: records)
    return timed(lambda: rdd.count(), 0)


def timed(run, expected):
    begin = time.perf_counter()
    found = run()
    seconds = time.perf_counter() - begin
    if found != expected:
        raise SystemExit(f"found {found}, not {expected}")
    return {"seconds": seconds}


def each_round(step, n):
    marks = [time.perf_counter()]
    for number in range(n):
        step(number)
        marks.append(time.perf_counter())
    window = min(50, n // 4)
    # The first rounds also start processes and fill caches.
    first = (marks[window + 5] - marks[5]) / window
    last = (marks[-1] - marks[-1 - window]) / window
    return {"seconds": marks[-1] - marks[0], "first": first, "last": last}


def bare_dask(n):
    """n Dask tasks that do nothing, in one graph, on two single-threaded workers."""
    from dask._task_spec import Task
    from distributed import Client, LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        client.gather(client.map(abs, range(10)))
        keys = [("bare", i) for i in range(n)]
        graph = {key: Task(key, abs, 0) for key in keys}
        return timed(lambda: len(client.get(graph, keys)), n)


def main() -> None:
    engine, case, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
    try:
        if engine == "dask":
            answer = bare_dask(size)
        else:
            if engine == "ours":
                from spark_kernel.core.context import SparkContext
            else:
                from pyspark import SparkContext
            with SparkContext("local[2]", "lineage") as sc:
                sc.parallelize(range(10), 2).map(lambda x: x).count()  # Starting up is not what is measured here.
                answer = globals()[case](sc, size)
    except (Exception, SystemExit) as error:
        lines = [line.strip() for line in str(error).splitlines() if "Error" in line or "Exception" in line]
        answer = {"error": f"{type(error).__name__}: {lines[-1] if lines else error}"[:100]}
    print("ANSWER " + json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
