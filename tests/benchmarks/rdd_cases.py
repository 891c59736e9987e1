"""The programs that `rdd.py` times, for whichever engine the process was started with.

Run by `rdd.py`, one process an engine: reads case names from standard input, writes one JSON object a case. The same
functions run on our context and on PySpark's; the same work as plain Python on two processes is in `rdd_plain.py`.
"""

from __future__ import annotations

import json
import operator
import sys
import time
from collections.abc import Callable

from rdd_data import KEYS, LIKE, MODULUS, TEXTS, WORDS, scaled

SLICES = 4


def word_count(sc):
    words = sc.textFile(WORDS).flatMap(lambda line: line.split()).map(lambda word: (word, 1))
    return sorted(words.reduceByKey(lambda a, b: a + b).collect())


def group_by_key(sc):
    pairs = sc.parallelize(range(scaled(5_000_000)), SLICES).map(lambda i: (i * 7919 % 50_021, i))
    return pairs.groupByKey().mapValues(len).map(lambda pair: pair[0] * pair[1]).sum()


def group_unique_keys(sc):
    pairs = sc.parallelize(range(scaled(1_000_000)), SLICES).map(lambda i: (i * 7919 % MODULUS, i))
    return pairs.groupByKey().mapValues(len).map(lambda pair: pair[0] * pair[1]).sum()


def reduce_by_key(sc):
    pairs = sc.parallelize(range(scaled(5_000_000)), SLICES).map(lambda i: (i * 7919 % KEYS, i))
    return pairs.reduceByKey(operator.add).map(lambda pair: pair[0] ^ pair[1]).sum()


def join(sc):
    n = scaled(1_000_000)
    left = sc.parallelize(range(n), SLICES).map(lambda i: (i, i * 2))
    right = sc.parallelize(range(n), SLICES).map(lambda i: (i * 3 % n, i))
    return left.join(right).map(lambda row: row[0] + row[1][0] + row[1][1]).sum()


def sort_by_key(sc):
    pairs = sc.parallelize(range(scaled(3_000_000)), SLICES).map(lambda i: (i * 1_103_515_245 % MODULUS, i))
    return pairs.sortByKey().mapPartitions(first_and_last).collect()


def map_filter_sum(sc):
    numbers = sc.parallelize(range(scaled(10_000_000)), SLICES)
    return numbers.map(lambda i: i * 3 + 1).filter(lambda i: i % 2 == 0).sum()


def text_count(sc):
    return sc.textFile(",".join([WORDS] * TEXTS)).count()


def text_filter_count(sc):
    return sc.textFile(WORDS).filter(lambda line: LIKE in line).count()


def cogroup(sc):
    n, keys = scaled(1_000_000), scaled(KEYS)
    left = sc.parallelize(range(n), SLICES).map(lambda i: (i * 7919 % keys, i))
    right = sc.parallelize(range(n), SLICES).map(lambda i: (i * 3 % keys, i))
    return left.cogroup(right).map(lambda row: row[0] * len(row[1][0]) * len(row[1][1])).sum()


def sample(sc):
    return sc.parallelize(range(scaled(20_000_000)), SLICES).sample(False, 0.1, 17).sum()


def empty_tasks(sc):
    return sc.parallelize([], 200).mapPartitions(lambda records: records).count()


def first_and_last(pairs):
    """Enough to see that a partition is sorted, without a driver that holds all of it."""
    keys = [key for key, _ in pairs]
    return [(keys[0], keys[-1], len(keys), keys == sorted(keys))] if keys else []


CASES: dict[str, Callable] = {
    "word count": word_count,
    "groupByKey": group_by_key,
    "reduceByKey": reduce_by_key,
    "join": join,
    "sortByKey": sort_by_key,
    "map-filter-sum": map_filter_sum,
    "textFile count": text_count,
    "cogroup": cogroup,
    "sample": sample,
    "also: groupByKey, unique": group_unique_keys,
    "also: textFile filter": text_filter_count,
    "also: 200 empty tasks": empty_tasks,
}


def digest(name: str, result: object) -> object:
    """What must be equal between engines; small enough to be sent."""
    if name == "word count":
        return [len(result), sum(n for _, n in result), result[:3]]
    if name == "sortByKey":  # Where the ranges are cut depends on a sample; the order must not.
        firsts_and_lasts = [bound for low, high, _, _ in result for bound in (low, high)]
        return [
            sum(n for _, _, n, _ in result),
            all(ok for *_, ok in result),
            firsts_and_lasts == sorted(firsts_and_lasts),
        ]
    if name == "sample":  # Without a seed for each of four partitions, the plain program draws other records.
        return result > 0
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
        from rdd_plain import PLAIN, two_processes

        with two_processes() as pool:
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
