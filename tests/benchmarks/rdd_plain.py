"""The programs of `rdd_cases.py` as plain Python on two processes: what a user would write without an engine.

Each process makes, or reads, its half of the input, as it would if the input were files. Results that are small go back
through the pool; where data has to be brought together by key, each process pickles to a file what the other one
needs. The functions of a record are the ones of the other engines, called as functions; what is around them is
the fastest way that Python has, such as `Counter` for words.
"""

from __future__ import annotations

import itertools
import multiprocessing
import operator
import os
import pickle
import random
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from multiprocessing.pool import Pool

from rdd_data import KEYS, LIKE, MODULUS, TEXTS, WORDS, scaled

Bounds = tuple[int, int]
PROCESSES = 2


def two_processes() -> Pool:
    return multiprocessing.get_context("fork").Pool(PROCESSES)


def halves(n: int) -> list[Bounds]:
    return [(0, n // 2), (n // 2, n)]


def lines_of_half(bounds: Bounds) -> Iterator[bytes]:
    """The lines that begin in a range of the file's bytes."""
    start, stop = bounds
    with open(WORDS, "rb") as file:
        if start:
            file.seek(start - 1)
            start += len(file.readline()) - 1
        for line in file:
            if start >= stop:
                return
            start += len(line)
            yield line


def text_of_half(bounds: Bounds) -> Iterator[str]:
    return map(bytes.decode, lines_of_half(bounds))


def halves_of_text() -> list[Bounds]:
    return halves(os.path.getsize(WORDS))


# The functions of a record.


def keyed(modulus: int, i: int) -> tuple[int, int]:
    return i * 7919 % modulus, i


def shuffled(i: int) -> tuple[int, int]:
    return i * 1_103_515_245 % MODULUS, i


def changed(i: int) -> int:
    return i * 3 + 1


def is_even(i: int) -> bool:
    return i % 2 == 0


def left_of_join(i: int) -> tuple[int, int]:
    return i, i * 2


def right_of_join(n: int, i: int) -> tuple[int, int]:
    return i * 3 % n, i


def right_of_cogroup(keys: int, i: int) -> tuple[int, int]:
    return i * 3 % keys, i


# Programs whose parts are small when they are brought together.


def count_words(bounds: Bounds) -> Counter[str]:
    return Counter(itertools.chain.from_iterable(map(str.split, text_of_half(bounds))))


def word_count(pool: Pool) -> list[tuple[str, int]]:
    first, second = pool.map(count_words, halves_of_text())
    first.update(second)
    return sorted(first.items())


def reduce_half(bounds: Bounds) -> dict[int, int]:
    sums: dict[int, int] = defaultdict(int)
    for key, value in map(partial(keyed, KEYS), range(*bounds)):
        sums[key] += value
    return dict(sums)


def reduce_by_key(pool: Pool) -> int:
    sums, others = pool.map(reduce_half, halves(scaled(5_000_000)))
    for key, value in others.items():
        sums[key] = sums.get(key, 0) + value
    return sum(itertools.starmap(operator.xor, sums.items()))


def sum_half(bounds: Bounds) -> int:
    return sum(filter(is_even, map(changed, range(*bounds))))


def map_filter_sum(pool: Pool) -> int:
    return sum(pool.map(sum_half, halves(scaled(10_000_000))))


def count_half(bounds: Bounds) -> int:
    return sum(1 for _ in lines_of_half(bounds))


def text_count(pool: Pool) -> int:
    return sum(pool.map(count_half, halves_of_text() * TEXTS, chunksize=1))


def count_like_half(bounds: Bounds) -> int:
    return sum(LIKE in line for line in text_of_half(bounds))


def text_filter_count(pool: Pool) -> int:
    return sum(pool.map(count_like_half, halves_of_text()))


def sample_half(bounds: Bounds) -> int:
    draw = random.Random(bounds[0]).random
    return sum(i for i in range(*bounds) if draw() < 0.1)


def sample(pool: Pool) -> bool:
    return sum(pool.map(sample_half, halves(scaled(20_000_000)))) > 0


# Programs that exchange data by key.


class Exchange:
    """A folder in which each process leaves what the other one needs. Both name parts by sender and receiver."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def send(self, sender: int, receiver: int, part: object) -> None:
        with open(f"{self._folder}/{sender}-{receiver}", "wb") as file:
            pickle.dump(part, file, pickle.HIGHEST_PROTOCOL)

    def received(self, receiver: int) -> Iterator:
        for sender in range(PROCESSES):
            with open(f"{self._folder}/{sender}-{receiver}", "rb") as file:
                yield pickle.load(file)


def exchanged(pool: Pool, give: Callable, take: Callable, n: int) -> list:
    """What ``take`` makes in each process of what ``give`` sent there."""
    with tempfile.TemporaryDirectory() as folder:
        exchange = Exchange(folder)
        pool.map(partial(give, exchange), enumerate(halves(n)))
        return pool.map(partial(take, exchange), range(PROCESSES))


def split(pairs: Iterable[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    parts: list[list[tuple[int, int]]] = [[], []]
    for pair in pairs:
        parts[pair[0] % 2].append(pair)
    return parts


def give_groups(modulus: int, exchange: Exchange, half: tuple[int, Bounds]) -> None:
    sender, bounds = half
    groups: list[dict[int, list[int]]] = [defaultdict(list), defaultdict(list)]
    for key, value in map(partial(keyed, modulus), range(*bounds)):
        groups[key % 2][key].append(value)
    for receiver, part in enumerate(groups):
        exchange.send(sender, receiver, dict(part))


def take_groups(exchange: Exchange, receiver: int) -> int:
    groups, others = exchange.received(receiver)
    for key, values in others.items():
        if key in groups:
            groups[key] += values
        else:
            groups[key] = values
    return sum(key * len(values) for key, values in groups.items())


def group_by_key(pool: Pool) -> int:
    return sum(exchanged(pool, partial(give_groups, 50_021), take_groups, scaled(5_000_000)))


def group_unique_keys(pool: Pool) -> int:
    return sum(exchanged(pool, partial(give_groups, MODULUS), take_groups, scaled(1_000_000)))


def give_both(left: Callable, right: Callable, exchange: Exchange, half: tuple[int, Bounds]) -> None:
    sender, bounds = half
    numbers = range(*bounds)
    for receiver, sides in enumerate(zip(split(map(left, numbers)), split(map(right, numbers)), strict=True)):
        exchange.send(sender, receiver, sides)


def both_sides(exchange: Exchange, receiver: int) -> tuple[dict[int, list[int]], list[tuple[int, int]]]:
    lefts: dict[int, list[int]] = defaultdict(list)
    rights: list[tuple[int, int]] = []
    for left, right in exchange.received(receiver):
        for key, value in left:
            lefts[key].append(value)
        rights += right
    return lefts, rights


def take_join(exchange: Exchange, receiver: int) -> int:
    lefts, rights = both_sides(exchange, receiver)
    joined = ((key, (left, right)) for key, right in rights for left in lefts.get(key, ()))
    return sum(key + left + right for key, (left, right) in joined)


def join(pool: Pool) -> int:
    n = scaled(1_000_000)
    return sum(exchanged(pool, partial(give_both, left_of_join, partial(right_of_join, n)), take_join, n))


def take_cogroup(exchange: Exchange, receiver: int) -> int:
    lefts, pairs = both_sides(exchange, receiver)
    rights: dict[int, list[int]] = defaultdict(list)
    for key, value in pairs:
        rights[key].append(value)
    groups = ((key, lefts.get(key, []), rights.get(key, [])) for key in lefts.keys() | rights.keys())
    return sum(key * len(left) * len(right) for key, left, right in groups)


def cogroup(pool: Pool) -> int:
    keys = scaled(KEYS)
    sides = partial(keyed, keys), partial(right_of_cogroup, keys)
    return sum(exchanged(pool, partial(give_both, *sides), take_cogroup, scaled(1_000_000)))


def give_ranges(exchange: Exchange, half: tuple[int, Bounds]) -> None:
    sender, bounds = half
    pairs = list(map(shuffled, range(*bounds)))
    # Half of the keys are below, which a real program would find out with a sample.
    low = [pair for pair in pairs if pair[0] < MODULUS // 2]
    high = [pair for pair in pairs if pair[0] >= MODULUS // 2]
    exchange.send(sender, 0, low)
    exchange.send(sender, 1, high)


def take_range(exchange: Exchange, receiver: int) -> tuple[int, int, int, bool]:
    first, second = exchange.received(receiver)
    pairs = sorted(first + second, key=operator.itemgetter(0))
    keys = [key for key, _ in pairs]
    return keys[0], keys[-1], len(keys), keys == sorted(keys)


def sort_by_key(pool: Pool) -> list[tuple[int, int, int, bool]]:
    return exchanged(pool, give_ranges, take_range, scaled(3_000_000))


PLAIN: dict[str, Callable] = {
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
}
