"""Jobs of mixed shape for the chaos test: small programs, each with the answer that plain Python gives.

A program is a function of a context, a seeded source of choices, and ``trouble``, which puts a step that may make
trouble after a dataset. It returns the action to run and the answer to expect of it.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable
from operator import add
from typing import Any

from pyspark import StorageLevel

from spark_kernel.core.context import SparkContext
from spark_kernel.core.rdd import RDD

Trouble = Callable[[RDD], RDD]
Program = Callable[[SparkContext, random.Random, Trouble], tuple[Callable[[], Any], Any]]


def _numbers(rng: random.Random) -> tuple[list[int], int]:
    count = rng.choice([50, 800, 6000])
    return [rng.randrange(count) for _ in range(count)], rng.randint(2, 7)


def count_words(sc: SparkContext, rng: random.Random, trouble: Trouble) -> tuple[Callable[[], Any], Any]:
    numbers, slices = _numbers(rng)
    words = trouble(sc.parallelize([f"word-{n % 97}" for n in numbers], slices))
    counts = trouble(words.map(lambda word: (word, 1)).reduceByKey(add, rng.randint(1, 5)))
    return lambda: dict(counts.collect()), dict(Counter(f"word-{n % 97}" for n in numbers))


def group_large_values(sc: SparkContext, rng: random.Random, trouble: Trouble) -> tuple[Callable[[], Any], Any]:
    """Shuffle files that are too large to travel with the tasks' results."""
    count, slices = rng.choice([500, 3000]), rng.randint(2, 6)
    pairs = trouble(sc.range(count, numSlices=slices).map(lambda n: (n % 13, f"{n:06d}" * 20)))
    groups = trouble(pairs.groupByKey(rng.randint(2, 4))).mapValues(lambda values: (len(values), max(values)))
    expected = {key: (len(range(key, count, 13)), f"{range(key, count, 13)[-1]:06d}" * 20) for key in range(13)}
    return lambda: dict(groups.collect()), expected


def sort(sc: SparkContext, rng: random.Random, trouble: Trouble) -> tuple[Callable[[], Any], Any]:
    numbers, slices = _numbers(rng)
    ascending = rng.random() < 0.5
    ordered = trouble(sc.parallelize(numbers, slices)).sortBy(lambda n: n, ascending, rng.randint(1, 5))
    return lambda: trouble(ordered).collect(), sorted(numbers, reverse=not ascending)


def join(sc: SparkContext, rng: random.Random, trouble: Trouble) -> tuple[Callable[[], Any], Any]:
    count, slices = rng.choice([40, 2000]), rng.randint(2, 5)
    left = trouble(sc.range(count, numSlices=slices).map(lambda n: (n, "left" * 9)))
    right = trouble(sc.range(0, count, 3, numSlices=2).map(lambda n: (n, n)))
    joined = trouble(left.join(right, rng.randint(1, 4)))
    return lambda: sorted(joined.collect()), [(n, ("left" * 9, n)) for n in range(0, count, 3)]


def cogroup(sc: SparkContext, rng: random.Random, trouble: Trouble) -> tuple[Callable[[], Any], Any]:
    numbers, slices = _numbers(rng)
    one = trouble(sc.parallelize([(n % 17, n) for n in numbers], slices))
    other = sc.parallelize([(n % 11, -n) for n in numbers], 2)
    both = trouble(one.cogroup(other, 3)).mapValues(lambda two: tuple(sorted(values) for values in two))
    expected: dict[int, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for n in numbers:
        expected[n % 17][0].append(n)
        expected[n % 11][1].append(-n)
    return lambda: dict(both.collect()), {key: tuple(map(sorted, two)) for key, two in expected.items()}


def distinct(sc: SparkContext, rng: random.Random, trouble: Trouble) -> tuple[Callable[[], Any], Any]:
    numbers, slices = _numbers(rng)
    found = trouble(trouble(sc.parallelize(numbers, slices)).distinct(rng.randint(1, 4)))
    return lambda: sorted(found.collect()), sorted(set(numbers))


def count_with_accumulator(sc: SparkContext, rng: random.Random, trouble: Trouble) -> tuple[Callable[[], Any], Any]:
    numbers, slices = _numbers(rng)
    seen = sc.accumulator(0)
    scattered = trouble(sc.parallelize(numbers, slices)).repartition(rng.randint(2, 5))

    def count() -> tuple[int, int]:
        trouble(scattered).foreach(lambda n: seen.add(n))
        return seen.value, scattered.count()

    return count, (sum(numbers), len(numbers))


def use_cached(sc: SparkContext, rng: random.Random, trouble: Trouble) -> tuple[Callable[[], Any], Any]:
    numbers, slices = _numbers(rng)
    level = rng.choice([StorageLevel.MEMORY_ONLY, StorageLevel.DISK_ONLY, StorageLevel.MEMORY_AND_DISK])
    pairs = trouble(sc.parallelize(numbers, slices).map(lambda n: (n % 5, n))).persist(level)

    def use() -> tuple[int, dict[int, int], int]:
        try:
            return pairs.count(), dict(trouble(pairs).reduceByKey(add, 2).collect()), pairs.values().max()
        finally:
            pairs.unpersist()

    sums: Counter[int] = Counter()
    for n in numbers:
        sums[n % 5] += n
    return use, (len(numbers), dict(sums), max(numbers))


def look_up_broadcast(sc: SparkContext, rng: random.Random, trouble: Trouble) -> tuple[Callable[[], Any], Any]:
    numbers, slices = _numbers(rng)
    table = sc.broadcast({n: n * n for n in set(numbers)})
    squares = trouble(sc.parallelize(numbers, slices)).map(lambda n: table.value[n])
    return lambda: squares.reduce(add), sum(n * n for n in numbers)


def union_and_coalesce(sc: SparkContext, rng: random.Random, trouble: Trouble) -> tuple[Callable[[], Any], Any]:
    numbers, slices = _numbers(rng)
    one, other = trouble(sc.parallelize(numbers, slices)), sc.parallelize(numbers, 2).map(lambda n: -n)
    together = trouble(one.union(other).coalesce(rng.randint(1, 3)))
    return together.collect, [*numbers, *(-n for n in numbers)]


def fold_in_a_tree(sc: SparkContext, rng: random.Random, trouble: Trouble) -> tuple[Callable[[], Any], Any]:
    numbers, slices = _numbers(rng)
    troubled = trouble(sc.parallelize(numbers, slices + 4))
    return lambda: troubled.treeAggregate(0, add, add, 2), sum(numbers)


def take_some(sc: SparkContext, rng: random.Random, trouble: Trouble) -> tuple[Callable[[], Any], Any]:
    numbers, slices = _numbers(rng)
    indexed = trouble(sc.parallelize(numbers, slices)).zipWithIndex()
    wanted = rng.randint(1, len(numbers))
    return lambda: indexed.take(wanted), [(n, i) for i, n in enumerate(numbers)][:wanted]


def three_shuffles(sc: SparkContext, rng: random.Random, trouble: Trouble) -> tuple[Callable[[], Any], Any]:
    numbers, slices = _numbers(rng)
    counts = trouble(sc.parallelize(numbers, slices)).map(lambda n: (n, 1)).reduceByKey(add, 4)
    often = trouble(counts.map(lambda pair: (pair[1], pair[0])).groupByKey(3)).mapValues(len)
    answer = Counter(Counter(numbers).values())
    return lambda: trouble(often.sortByKey(numPartitions=2)).collect(), sorted(answer.items())


def bring_large_results(sc: SparkContext, rng: random.Random, trouble: Trouble) -> tuple[Callable[[], Any], Any]:
    """Results that the driver takes from the executors."""
    count, slices = rng.choice([20, 60]), rng.randint(2, 6)
    texts = trouble(sc.range(count, numSlices=slices)).map(lambda n: f"{n:05d}" * 4000)
    return texts.collect, [f"{n:05d}" * 4000 for n in range(count)]


PROGRAMS: tuple[Program, ...] = (
    count_words,
    group_large_values,
    sort,
    join,
    cogroup,
    distinct,
    count_with_accumulator,
    use_cached,
    look_up_broadcast,
    union_and_coalesce,
    fold_in_a_tree,
    take_some,
    three_shuffles,
    bring_large_results,
)
