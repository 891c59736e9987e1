"""However a driver ends, and whatever of its cluster dies: soon nothing of it is left, and others are not disturbed."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import distributed
import psutil
import pytest

from spark_kernel.common.errors import ClusterError
from spark_kernel.resource_managers.interface import ResourceManager
from spark_kernel.resource_managers.registry import resource_manager
from spark_kernel.resource_managers.sessions import session_members
from tests.support.clusters import Driver, Leftovers, application, connected, until

pytestmark = pytest.mark.cluster

URLS = ["local[2]", "local-cluster[2,1,700]"]


def kill(driver: Driver) -> None:
    os.kill(driver.process.pid, signal.SIGKILL)


def leave(driver: Driver) -> None:
    """The script comes to its end without stopping anything."""
    assert driver.process.stdin is not None
    driver.process.stdin.close()


def exit_in_the_middle(driver: Driver) -> None:
    assert driver.process.stdin is not None
    driver.process.stdin.write("exit\n")
    driver.process.stdin.flush()


def terminate(driver: Driver) -> None:
    os.kill(driver.process.pid, signal.SIGTERM)


def stop(driver: Driver) -> None:
    driver.ask("stop")


@contextlib.contextmanager
def started(url: str) -> Iterator[tuple[ResourceManager, distributed.Client, Leftovers, dict[str, Any]]]:
    manager, mine = resource_manager(url), application()
    try:
        with connected(manager.start(mine)) as client:
            processes = until(lambda: all_processes(manager), "the ids of all processes")
            yield manager, client, Leftovers(processes["supervisor"], mine.scratch), processes
    finally:
        manager.stop()


class TestTheDriverEnds:
    @pytest.mark.parametrize("url", URLS)
    @pytest.mark.parametrize("end", [kill, leave, exit_in_the_middle, terminate, stop])
    def test_nothing_of_its_cluster_is_left(self, url: str, end: Callable[[Driver], None]) -> None:
        with Driver(url) as driver:
            assert driver.ask("task") == {"value": 6}
            leftovers = driver.leftovers()
            assert leftovers.ports
            assert leftovers.shared_memory
            end(driver)
            leftovers.assert_gone()

    @pytest.mark.parametrize("url", URLS)
    def test_a_function_that_never_lets_go_of_the_interpreter_ends_too(self, url: str) -> None:
        with Driver(url) as driver:
            leftovers = driver.leftovers()
            driver.ask("hog")
            kill(driver)
            leftovers.assert_gone()

    def test_processes_that_functions_have_started_end_too(self) -> None:
        with Driver("local[1]") as driver:
            leftovers = driver.leftovers()
            child = driver.ask("child")["value"]
            assert psutil.pid_exists(child)
            kill(driver)
            leftovers.assert_gone()

    def test_a_child_that_keeps_the_drivers_pipe_open_keeps_nothing_alive(self) -> None:
        with Driver("local[1]") as driver:
            leftovers = driver.leftovers()
            child = driver.ask("fork")["value"]
            try:
                kill(driver)
                leftovers.assert_gone()
            finally:
                os.kill(child, signal.SIGKILL)


class TestAnInterrupt:
    @pytest.mark.parametrize("url", URLS)
    def test_of_the_drivers_process_group_does_not_reach_the_cluster(self, url: str) -> None:
        with Driver(url) as driver:
            before = driver.ask("workers")
            driver.send(signal.SIGINT)
            assert driver.says() == {"interrupted": True}
            assert driver.ask("task") == {"value": 6}
            assert driver.ask("workers") == before

    def test_of_a_worker_does_nothing(self) -> None:
        with started("local[1]") as (_, client, _, _):
            (worker,) = client.run(os.getpid).values()
            os.kill(worker, signal.SIGINT)
            assert client.submit(os.getpid, pure=False).result(timeout=20) == worker


class TestTheSupervisorIsKilled:
    @pytest.mark.parametrize("url", URLS)
    def test_everything_ends_and_the_driver_is_told(self, url: str) -> None:
        with started(url) as (manager, _, leftovers, processes):
            reasons: list[str] = []
            manager.on_lost(reasons.append)
            os.kill(processes["supervisor"], signal.SIGKILL)
            until(lambda: reasons, "the driver's notice")
            assert f"process {processes['supervisor']}" in reasons[0]
            until(lambda: not session_members(leftovers.session), "the end of all processes")
            assert manager.describe() == {"master": url, "state": "lost", "reason": reasons[0]}
            with pytest.raises(ClusterError, match="the cluster is lost"):
                manager.scale(3)
            manager.stop()
            assert leftovers.left() == []

    def test_whoever_is_told_may_stop_it_there_and_then(self) -> None:
        with started("local[1]") as (manager, _, leftovers, processes):
            told: list[str] = []

            def stop_it(reason: str) -> None:
                manager.stop()
                told.append(reason)

            manager.on_lost(stop_it)
            os.kill(processes["supervisor"], signal.SIGKILL)
            until(lambda: told, "the end of the stop", 20)
            leftovers.assert_gone()

    def test_whoever_is_told_may_stop_it_while_others_do(self) -> None:
        with started("local[1]") as (manager, _, leftovers, processes):
            told, others_stop = threading.Event(), threading.Event()

            def stop_it(_: str) -> None:
                told.set()
                others_stop.wait(20)
                manager.stop()

            manager.on_lost(stop_it)
            os.kill(processes["supervisor"], signal.SIGKILL)
            assert told.wait(20)
            other = threading.Thread(target=manager.stop, daemon=True)
            other.start()
            until(lambda: manager.describe()["state"] == "stopped", "the beginning of the other stop")
            others_stop.set()
            other.join(20)
            assert not other.is_alive()
            leftovers.assert_gone()

    def test_a_listener_that_fails_does_no_harm_to_the_next(self) -> None:
        with started("local[1]") as (manager, _, leftovers, processes):
            told: list[str] = []

            def fail(reason: str) -> None:
                raise ValueError(reason)

            manager.on_lost(fail)
            manager.on_lost(told.append)
            os.kill(processes["supervisor"], signal.SIGKILL)
            until(lambda: told, "the driver's notice")
            manager.stop()
            assert leftovers.left() == []

    def test_a_worker_that_cannot_notice_ends_too(self) -> None:
        with Driver("local[1]") as driver:
            leftovers = driver.leftovers()
            driver.ask("hog")
            os.kill(driver.started["supervisor"], signal.SIGKILL)
            until(lambda: not session_members(leftovers.session), "the end of all processes")


class TestAPartOfTheClusterIsKilled:
    def test_a_worker_is_restarted(self) -> None:
        with started("local[2]") as (manager, client, _, processes):
            killed = processes["workers"]["0"]
            address = next(address for address, pid in client.run(os.getpid).items() if pid == killed)
            os.kill(killed, signal.SIGKILL)
            until(lambda: address not in client.nthreads(), "the end of the worker")
            until(lambda: len(client.nthreads()) == 2, "another worker in its place", 20)
            assert killed not in worker_pids(client)
            assert manager.describe()["state"] == "running"

    def test_a_node_is_replaced(self) -> None:
        with started("local-cluster[2,1,700]") as (manager, client, _, processes):
            before = worker_pids(client)
            os.kill(processes["nodes"]["0"], signal.SIGKILL)
            until(lambda: len(client.nthreads()) == 1, "the end of the node's worker")
            until(lambda: len(client.nthreads()) == 2, "another node in its place", 30)
            assert len(worker_pids(client) - before) == 1
            assert manager.describe()["state"] == "running"

    def test_the_only_node_is_replaced_too(self) -> None:
        with started("local-cluster[1,1,700]") as (_, client, _, processes):
            before = worker_pids(client)
            os.kill(processes["nodes"]["0"], signal.SIGKILL)
            until(lambda: not client.nthreads(), "the end of the node's worker", 30)
            until(client.nthreads, "another node in its place", 30)
            assert not worker_pids(client) & before

    def test_without_its_scheduler_the_cluster_is_lost_and_ends(self) -> None:
        with started("local-cluster[2,1,700]") as (manager, _, leftovers, processes):
            reasons: list[str] = []
            manager.on_lost(reasons.append)
            os.kill(processes["scheduler"], signal.SIGKILL)
            until(lambda: reasons, "the driver's notice")
            assert "scheduler" in reasons[0]
            leftovers.assert_gone()
            # Told at once, when it is lost already.
            later: list[str] = []
            manager.on_lost(later.append)
            assert later == reasons


class TestTwoApplications:
    def test_do_not_disturb_each_other(self) -> None:
        with Driver("local[2]") as one, started("local[2]") as (_, client, leftovers, _):
            theirs = one.leftovers()
            assert theirs.ports.isdisjoint(leftovers.ports)
            assert theirs.scratch != leftovers.scratch
            workers = worker_pids(client)
            assert set(one.ask("workers")["value"].values()).isdisjoint(workers)
            kill(one)
            theirs.assert_gone()
            assert worker_pids(client) == workers
            assert client.submit(sum, [1, 2], pure=False).result(timeout=20) == 3

    def test_one_removes_what_a_killed_one_could_not(self) -> None:
        with Driver("local[1]") as driver:
            leftovers = driver.leftovers()
            kill(driver)
            os.kill(driver.started["supervisor"], signal.SIGKILL)
            until(lambda: not session_members(leftovers.session), "the end of all processes")
            assert leftovers.scratch.exists()
            with started("local[1]"):
                until(lambda: not leftovers.scratch.exists(), "the removal of the folder")


def all_processes(manager: ResourceManager) -> dict[str, Any] | None:
    """The ids of its processes, once it knows all of them."""
    described: Any = manager.describe()
    processes: dict[str, Any] = described["processes"]
    there = processes["nodes" if "nodes" in processes else "workers"]
    return processes if len(there) == described["expected_workers"] else None


def worker_pids(client: distributed.Client) -> set[int]:
    return set(client.run(os.getpid).values())
