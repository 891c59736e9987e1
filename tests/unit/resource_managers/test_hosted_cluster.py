"""Workers that did not start get another chance, but not for ever."""

from __future__ import annotations

import asyncio

import pytest

from spark_kernel.resource_managers.hosted_cluster import HostedCluster


class FakeCluster:
    """Its workers start at the last of ``failures + 1`` attempts."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.asked: list[int] = []

    def scale(self, workers: int) -> None:
        self.asked.append(workers)

    def __await__(self):
        yield from asyncio.sleep(0).__await__()
        if len(self.asked) <= self.failures:
            raise RuntimeError("a worker died while it started")
        return self


def hosted(cluster: FakeCluster, forgotten: list[int]) -> HostedCluster:
    return HostedCluster(cluster, 2, 1, 1, processes=dict, forget_failed=lambda: forgotten.append(1))


def test_workers_that_did_not_start_are_asked_for_again() -> None:
    cluster, forgotten = FakeCluster(failures=2), []
    asyncio.run(hosted(cluster, forgotten).start_workers())
    assert (cluster.asked, len(forgotten)) == ([2, 2, 2], 2)


def test_workers_that_never_start_are_an_error() -> None:
    with pytest.raises(RuntimeError, match="died while it started"):
        asyncio.run(hosted(FakeCluster(failures=9), []).start_workers())
