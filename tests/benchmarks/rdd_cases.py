"""The programs that `rdd.py` times, for whichever engine the process was started with.

Run by `rdd.py`, one process an engine: reads case names from standard input, writes one JSON object a case. The same
functions run on our context, on PySpark's, and, where such a program is natural, as plain Python on two processes.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable

WORDS = os.environ.get("SPARK_KERNEL_BENCHMARK_TEXT", "")
SCALE = float(os.environ.get("SPARK_KERNEL_BENCHMARK_SCALE", "1"))
SLICES = 4


def scaled(n: int) -> int:
    return max(SLICES, int(n * SCALE))


# The cases on a SparkContext, ours or PySpark's.


def word_count(sc):
    words = sc.textFile(WORDS).flatMap(lambda line: line.split()).map(lambda word: (word, 1))
    return sorted(words.reduceByKey(lambda a, b: a + b).collect())


def group_by_key(sc):
    pairs = sc.parallelize(range(scaled(5_000_000)), SLICES).map(lambda i: (i * 7919 % 50_021, i))
    return pairs.groupByKey().mapValues(len).map(lambda pair: pair[0] * pair[1]).sum()


def sort_by_key(sc):
    pairs = sc.parallelize(range(scaled(3_000_000)), SLICES).map(lambda i: (i * 1_103_515_245 % 2_147_483_647, i))
    return pairs.sortByKey().mapPartitions(first_and_last).collect()


def map_filter_sum(sc):
    numbers = sc.parallelize(range(scaled(10_000_000)), SLICES)
    return numbers.map(lambda i: i * 3 + 1).filter(lambda i: i % 2 == 0).sum()


def join(sc):
    n = scaled(1_000_000)
    left = sc.parallelize(range(n), SLICES).map(lambda i: (i, i * 2))
    right = sc.parallelize(range(n), SLICES).map(lambda i: (i * 3 % n, i))
    return left.join(right).map(lambda row: row[0] + row[1][0] + row[1][1]).sum()


def empty_tasks(sc):
    return sc.parallelize([], 200).mapPartitions(lambda records: records).count()


def first_and_last(pairs):
    """Enough to see that a partition is sorted, without a driver that holds all of it."""
    keys = [key for key, _ in pairs]
    return [(keys[0], keys[-1], len(keys), keys == sorted(keys))] if keys else []


# The same as plain Python on two processes.


def word_count_range(bounds):
    counts: dict[str, int] = {}
    start, stop = bounds
    merge, pair = (lambda a, b: a + b), (lambda word: (word, 1))
    with open(WORDS, "rb") as file:
        file.seek(start)
        if start:
            file.readline()
        while file.tell() <= stop and (line := file.readline()):
            for key, one in map(pair, line.decode().split()):
                counts[key] = merge(counts[key], one) if key in counts else one
    return counts


def plain_word_count(pool):
    size = os.path.getsize(WORDS)
    total: dict[str, int] = {}
    for part in pool.map(word_count_range, [(0, size // 2), (size // 2 + 1, size)]):
        for word, n in part.items():
            total[word] = total.get(word, 0) + n
    return sorted(total.items())


def halves(n: int) -> list[tuple[int, int]]:
    return [(0, n // 2), (n // 2, n)]


def group_range(bounds):
    groups = defaultdict(list)
    for i in range(*bounds):
        groups[i * 7919 % 50_021].append(i)
    return dict(groups)


def plain_group_by_key(pool):
    groups: dict[int, list[int]] = {}
    for part in pool.map(group_range, halves(scaled(5_000_000))):
        for key, values in part.items():
            groups.setdefault(key, []).extend(values)
    return sum(key * len(values) for key, values in groups.items())


def sum_range(bounds):
    change, keep = (lambda i: i * 3 + 1), (lambda i: i % 2 == 0)
    return sum(filter(keep, map(change, range(*bounds))))


def plain_map_filter_sum(pool):
    return sum(pool.map(sum_range, halves(scaled(10_000_000))))


CASES: dict[str, Callable] = {
    "word count, 140 MB": word_count,
    "groupByKey, 5 M": group_by_key,
    "sortByKey, 3 M": sort_by_key,
    "map-filter-sum, 10 M": map_filter_sum,
    "join, 1 M with 1 M": join,
    "200 empty tasks": empty_tasks,
}
PLAIN: dict[str, Callable] = {
    "word count, 140 MB": plain_word_count,
    "groupByKey, 5 M": plain_group_by_key,
    "map-filter-sum, 10 M": plain_map_filter_sum,
}


def digest(name: str, result: object) -> object:
    """What must be equal between engines; small enough to be sent."""
    if name.startswith("word count"):
        return [len(result), sum(n for _, n in result), result[:3]]
    if name.startswith("sortByKey"):  # Where the ranges are cut depends on a sample; the order must not.
        firsts_and_lasts = [bound for low, high, _, _ in result for bound in (low, high)]
        return [
            sum(n for _, _, n, _ in result),
            all(ok for *_, ok in result),
            firsts_and_lasts == sorted(firsts_and_lasts),
        ]
    return result


def serve(cases: dict[str, Callable], engine: object) -> None:
    for line in sys.stdin:
        name = line.strip()
        if name not in cases:
            answer = {"case": name, "seconds": None}
        else:
            begin = time.perf_counter()
            result = cases[name](engine)
            answer = {"case": name, "seconds": time.perf_counter() - begin, "digest": digest(name, result)}
        print("ANSWER " + json.dumps(answer), flush=True)


def main(engine: str) -> None:
    if engine == "plain":
        with multiprocessing.get_context("fork").Pool(2) as pool:
            serve(PLAIN, pool)
    elif engine == "pyspark":
        from pyspark import SparkContext

        sc = SparkContext("local[2]", "benchmark")
        serve(CASES, sc)
        sc.stop()
    else:
        from spark_kernel.core.context import SparkContext

        with SparkContext("local[2]", "benchmark") as sc:
            serve(CASES, sc)


if __name__ == "__main__":
    main(sys.argv[1])
