"""Where the time of a shuffle goes, one process at a time, beside the plain Python that it replaces.

    python tests/benchmarks/shuffle.py [--scale 0.1] [--rounds 3] [--only TEXT]

For each case: processor seconds of the map side, of the reduce side, and of a plain loop that gets the same result
without any exchange (best of the rounds, so that a busy machine disturbs little); peak memory of the process. At scale
1 the sizes are those of one of two processes in `rdd.py`: 12 M words, 2.5 M grouped records, 1.5 M sorted ones.
With ``--spill`` the same with little memory, beside ``pyspark.shuffle``, which the shuffle might have used instead.
"""

from __future__ import annotations

import argparse
import operator
import random
import resource
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from pyspark import shuffle as pyspark_shuffle

from spark_kernel.core.lineage.partitioners import Partitioner
from spark_kernel.core.lineage.shuffle_specs import Aggregator, KeyOrdering, ShuffleSpec
from spark_kernel.core.shuffle.local_transport import LocalTransport
from spark_kernel.core.shuffle.map_outputs import NodePlace
from spark_kernel.core.shuffle.merging import combine_by_key
from spark_kernel.core.shuffle.portable_hash import portable_hash
from spark_kernel.core.shuffle.reader import read_shuffle
from spark_kernel.core.shuffle.sorting import sort_by_key
from spark_kernel.core.shuffle.writer import ShuffleTarget, write_shuffle
from tests.support.task_scopes import ScopeForTests

REDUCERS = 4
PLACE = NodePlace("here", "here", ())
Pairs = Iterator[tuple[Any, Any]]


def append(values: list[Any], value: Any) -> list[Any]:
    values.append(value)
    return values


def extend(values: list[Any], more: list[Any]) -> list[Any]:
    values.extend(more)
    return values


SUM = Aggregator(lambda v: v, lambda a, b: a + b, lambda a, b: a + b)
OPAQUE = Aggregator(lambda v: v, lambda a, b: b + a, lambda a, b: b + a)
LISTS = Aggregator(lambda v: [v], append, extend)


def words(n: int) -> Callable[[], Pairs]:
    rng = random.Random(1)
    vocabulary = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 8))) for _ in range(20_000)]
    weights = [1 / (rank + 10) for rank in range(len(vocabulary))]
    lines = [" ".join(rng.choices(vocabulary, weights, k=12)) for _ in range(20_000)]
    repeats = max(1, n // 240_000)
    split, pair = (lambda line: line.split()), (lambda word: (word, 1))
    return lambda: map(pair, chain.from_iterable(map(split, chain.from_iterable([lines] * repeats))))


def few_keys(n: int) -> Callable[[], Pairs]:
    def pair(i: int) -> tuple[int, int]:
        return i * 7919 % 50_021, i

    return lambda: map(pair, range(n))


def many_keys(n: int) -> Callable[[], Pairs]:
    def pair(i: int) -> tuple[int, int]:
        return i * 1_103_515_245 % 2_147_483_647, i

    return lambda: map(pair, range(n))


def names(n: int) -> Callable[[], Pairs]:
    def pair(i: int) -> tuple[str, int]:
        return f"user-{i * 7919 % n}", i

    return lambda: map(pair, range(n))


def plain_combine(merge: Callable[[Any, Any], Any]) -> Callable[[Pairs], int]:
    def work(pairs: Pairs) -> int:
        combined: dict[Any, Any] = {}
        for key, value in pairs:
            combined[key] = merge(combined[key], value) if key in combined else value
        return len(combined)

    return work


def plain_group(pairs: Pairs) -> int:
    groups = defaultdict(list)
    for key, value in pairs:
        groups[key].append(value)
    return len(groups)


def plain_sort(pairs: Pairs) -> int:
    return len(sorted(pairs, key=operator.itemgetter(0)))


def plain_buckets(pairs: Pairs) -> int:
    buckets: list[list[Any]] = [[] for _ in range(REDUCERS)]
    for key, value in pairs:
        buckets[portable_hash(key) % REDUCERS].append((key, value))
    return sum(map(len, buckets))


@dataclass
class Case:
    name: str
    records: int
    make: Callable[[int], Callable[[], Pairs]]
    spec: ShuffleSpec
    plain: Callable[[Pairs], int]


HASH = Partitioner(REDUCERS, portable_hash)
CASES = [
    Case("reduceByKey, words", 12_000_000, words, ShuffleSpec(HASH, SUM), plain_combine(SUM.merge_value)),
    Case("reduceByKey, any function", 12_000_000, words, ShuffleSpec(HASH, OPAQUE), plain_combine(OPAQUE.merge_value)),
    Case("groupByKey, 50 k keys", 2_500_000, few_keys, ShuffleSpec(HASH, LISTS), plain_group),
    Case("groupByKey, unique names", 1_000_000, names, ShuffleSpec(HASH, LISTS), plain_group),
    Case("sortByKey", 1_500_000, many_keys, ShuffleSpec(HASH, ordering=KeyOrdering()), plain_sort),
    Case("partitionBy", 1_500_000, many_keys, ShuffleSpec(HASH), plain_buckets),
    Case("partitionBy, names", 1_500_000, names, ShuffleSpec(HASH), plain_buckets),
]


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    begin = time.process_time()
    result = work()
    return time.process_time() - begin, result


def consume(records: Pairs) -> int:
    count = 0
    for _ in records:
        count += 1
    return count


def measure(case: Case, scale: float, rounds: int) -> None:
    n = int(case.records * scale)
    pairs = case.make(n)
    best = {"source": 1e9, "map": 1e9, "reduce": 1e9, "plain": 1e9}
    for _ in range(rounds):
        took = one_round(case, pairs)
        best = {name: min(best[name], took[name]) for name in best}
    ratio = (best["map"] + best["reduce"]) / best["plain"]
    print(
        f"{case.name:26} {n / 1e6:5.2f} M | records made {best['source']:6.2f} s | map {best['map']:6.2f} "
        f"reduce {best['reduce']:6.2f} | plain {best['plain']:6.2f} | {ratio:5.2f}x plain | "
        f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MiB",
        flush=True,
    )


def one_round(case: Case, pairs: Callable[[], Pairs]) -> dict[str, float]:
    """Two map tasks, of which one counts, and half of the reduce tasks: what one of two processes does."""
    folder = Path(tempfile.mkdtemp())
    scope = ScopeForTests(folder)
    written = [write_part(pairs, case, folder, scope, part) for part in range(2)]
    reduced = [
        seconds(partial(lambda reducer: consume(read(written, reducer, case, scope)), reducer))[0]
        for reducer in range(REDUCERS // 2)
    ]
    shutil.rmtree(folder)
    return {
        "source": seconds(lambda: consume(pairs()))[0],
        "map": sum(took for took, _ in written) / 2,
        "reduce": sum(reduced),
        "plain": seconds(lambda: case.plain(pairs()))[0],
    }


def write_part(pairs: Callable[[], Pairs], case: Case, folder: Path, scope: Any, part: int) -> tuple[float, Any]:
    target = ShuffleTarget(folder, PLACE, "w", 1, part, part)
    return seconds(lambda: write_shuffle(pairs(), case.spec, target, scope))


def read(written: list[tuple[float, Any]], reducer: int, case: Case, scope: Any) -> Pairs:
    outputs = [output for _, output in written]
    return read_shuffle(outputs, reducer, case.spec, scope, LocalTransport("here"), 1)


def compare_spilling(scale: float) -> None:
    """Ours against ``pyspark.shuffle``, each made to spill about ten times."""
    n = int(3_000_000 * scale)
    pairs = many_keys(n)
    folder = Path(tempfile.mkdtemp())
    merging, sorting = ScopeForTests(folder, memory_share=n * 16), ScopeForTests(folder, memory_share=n * 24)
    for name, scope, ours, theirs in (
        ("combine unique keys", merging, partial(combine_by_key, aggregator=SUM, scope=merging), merge_like_pyspark),
        ("sort", sorting, partial(sort_by_key, ordering=KeyOrdering(), scope=sorting), sort_like_pyspark),
    ):
        took = seconds(partial(lambda work: consume(work(pairs())), ours))[0]
        print(
            f"{name:26} {n / 1e6:5.2f} M | ours {took:6.2f} s, {scope.counts.spilled_bytes >> 20} MiB spilled", end=""
        )
        print(f" | pyspark.shuffle {seconds(partial(theirs, pairs()))[0]:6.2f} s", flush=True)
    shutil.rmtree(folder)


def merge_like_pyspark(pairs: Pairs) -> int:
    aggregator = pyspark_shuffle.Aggregator(SUM.create, SUM.merge_value, SUM.merge_combiners)
    merger = pyspark_shuffle.ExternalMerger(aggregator, pyspark_shuffle.get_used_memory() + 20)
    merger.mergeValues(pairs)
    return consume(merger.items())


def sort_like_pyspark(pairs: Pairs) -> int:
    sorter = pyspark_shuffle.ExternalSorter(pyspark_shuffle.get_used_memory() + 20)
    return consume(iter(sorter.sorted(pairs, key=operator.itemgetter(0))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scale", type=float, default=0.1, help="fraction of the full data")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--spill", action="store_true", help="compare external merge and sort")
    arguments = parser.parse_args()
    if arguments.spill:
        compare_spilling(arguments.scale)
        return
    for case in CASES:
        if arguments.only in case.name:
            measure(case, arguments.scale, arguments.rounds)


if __name__ == "__main__":
    main()
