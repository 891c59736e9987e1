"""``toLocalIterator``: the records of a dataset one partition at a time, each fetched by a job of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

FetchPartition = Callable[[int], list[Any]]


def iterate_partitions(partitions: range, fetch: FetchPartition) -> Iterator[Any]:
    """The records of each partition; a partition is fetched when the one before it is used up.

    >>> list(iterate_partitions(range(2), lambda partition: [partition] * 2))
    [0, 0, 1, 1]
    """
    for partition in partitions:
        yield from fetch(partition)


def iterate_ahead(partitions: range, fetch: FetchPartition) -> Iterator[Any]:
    """The same, while the next partition is being fetched already.

    >>> list(iterate_ahead(range(2), lambda partition: [partition] * 2))
    [0, 0, 1, 1]
    """
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="spark-kernel-prefetch") as pool:
        coming: Future[list[Any]] | None = None
        for partition in partitions:
            now = coming if coming is not None else pool.submit(fetch, partition)
            records = now.result()
            coming = pool.submit(fetch, partition + 1) if partition + 1 in partitions else None
            yield from records
