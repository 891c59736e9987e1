"""A storm: many jobs on a small cluster while workers die, connections break and files are damaged, by a seed.

The seed decides the jobs, which of their tasks make trouble (`chaos_trouble.py`), and at which of the events that the
engine announces trouble comes from outside. Nothing is decided by a clock, so that a seed that failed fails again, as
far as the order in which processes run allows.
"""

from __future__ import annotations

import faulthandler
import gc
import os
import random
import signal
import sys
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, TimeoutError
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from spark_kernel.common import events
from spark_kernel.common.errors import JobFailedError
from spark_kernel.core.context import SparkContext
from spark_kernel.core.rdd import RDD
from spark_kernel.resource_managers.sessions import session_members
from tests.support import chaos_trouble
from tests.support.chaos_jobs import PROGRAMS
from tests.support.chaos_trouble import RUNS, TROUBLES, troubled_step
from tests.support.clusters import Leftovers, until

JOB_SECONDS = 150.0
"""A job that has not ended by then hangs."""
_CALM = 0.8
"""The share of the steps without trouble."""
_FROM_OUTSIDE_EVERY = 60
"""One piece of trouble from outside for so many events of tasks, on average."""
ALLOWED_ATTEMPTS = 4
"""What the rules allow on a local-cluster: attempts that raise, executors that die, stage attempts that can't read."""


@dataclass
class Ended:
    """One job's end."""

    name: str
    error: BaseException | None = None
    answer: Any = None
    expected: Any = None

    @property
    def is_right(self) -> bool:
        """Whether it has the answer that plain Python gives."""
        return self.error is None and self.answer == self.expected


@dataclass
class Storm:
    """Jobs and trouble of one seed, on one context."""

    sc: SparkContext
    folder: Path
    seed: int
    outside: tuple[str, ...] = ("kill worker", "kill node", "drop driver", "delete", "truncate", "scribble")
    seen: list[events.Event] = field(default_factory=list)
    struck: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._rng = random.Random(self.seed)
        self._pending: list[threading.Thread] = []
        self._next_strike = self._rng.randint(5, 2 * _FROM_OUTSIDE_EVERY)
        self._task_events = 0
        self.sc.parallelize(range(3), 3).count()
        processes: Any = self.sc.session.manager.describe()["processes"]
        self.scratch = scratch_of(processes["supervisor"])
        self.leftovers = Leftovers(processes["supervisor"], self.scratch)
        self.sc.events.listen(self._on_event)

    def run(self, jobs: int, at_once: int = 2) -> list[Ended]:
        """Run so many jobs, some at a time; fails when one hangs."""
        with ThreadPoolExecutor(at_once, "chaos") as threads:
            futures = [threads.submit(self._run_one, number, self._rng.getrandbits(32)) for number in range(jobs)]
            try:
                return [self._result(future) for future in futures]
            except BaseException:
                for future in futures:
                    future.cancel()
                self.sc.cancelAllJobs()
                raise

    def _result(self, future: Future[Ended]) -> Ended:
        # Those before it in the queue have ended; it runs beside at most one other.
        try:
            return future.result(JOB_SECONDS)
        except TimeoutError:
            faulthandler.dump_traceback(sys.__stderr__)
            raise AssertionError(f"seed {self.seed}: a job hangs; {self.story()}") from None

    def _run_one(self, number: int, seed: int) -> Ended:
        rng = random.Random(seed)
        program = rng.choice(PROGRAMS)
        ended = Ended(f"{number}:{program.__name__}")
        steps = iter(range(1000))

        def trouble(rdd: RDD) -> RDD:
            label = f"{number}.{next(steps)}"
            return rdd.mapPartitionsWithIndex(troubled_step(str(self.folder), label, self._plan(rng, rdd)), True)

        try:
            action, ended.expected = program(self.sc, rng, trouble)
            ended.answer = action()
        except Exception as error:
            ended.error = error
        return ended

    def _plan(self, rng: random.Random, rdd: RDD) -> dict[int, tuple[str, int]]:
        if rng.random() < _CALM:
            return {}
        return {rng.randrange(rdd.getNumPartitions()): (rng.choice(list(TROUBLES)), rng.getrandbits(32))}

    # Trouble from outside

    def _on_event(self, event: events.Event) -> None:
        self.seen.append(event)
        if not isinstance(event, (events.TaskStarted, events.TaskEnded)) or not self.outside:
            return
        self._task_events += 1
        if self._task_events == self._next_strike:
            self._next_strike += self._rng.randint(1, 2 * _FROM_OUTSIDE_EVERY)
            what = self._rng.choice(self.outside)
            self.struck.append(f"{what} at event {self._task_events}")
            thread = threading.Thread(target=self._strike, args=(what, event.executor_id, self._rng.getrandbits(32)))
            self._pending.append(thread)
            thread.start()

    def _strike(self, what: str, executor_id: str, seed: int) -> None:
        rng = random.Random(seed)
        if what == "kill worker":
            _kill(listener_of(self.leftovers.session, executor_id))
        elif what == "kill node":
            worker = listener_of(self.leftovers.session, executor_id)
            _kill(_node_of(worker) if worker is not None else None)
        elif what == "drop driver":
            chaos_trouble.drop_connections()
        else:
            os.environ["SPARK_KERNEL_SCRATCH"] = str(self.scratch)
            TROUBLES[what](rng)
            del os.environ["SPARK_KERNEL_SCRATCH"]

    # What must hold

    def settle(self) -> None:
        """Wait until nothing that was begun goes on."""
        for thread in self._pending:
            thread.join(20)
        gc.collect()
        runner = self.sc.session.runner
        until(lambda: not runner.active_jobs() and not runner._machine.unanswered_tasks(), "the last answers", 30)
        runner._machine.assert_nothing_left()

    def files_left(self) -> list[Path]:
        """What tasks have left in the application's folder."""
        found = [self.scratch.glob(pattern) for pattern in ("shuffle/*/*", "executors/*/*/*", "tmp/spill*")]
        return sorted(path for paths in found for path in paths)

    def assert_rules_were_kept(self, ended: list[Ended]) -> None:
        """Every job has its answer or one clear error with a reason, and nothing ran without one."""
        wrong = [
            f"{each.name}: {each.error or (each.answer, each.expected)!r:.1500}" for each in ended if not each.is_right
        ]
        unexplained = [
            f"{each.name}: {each.error!r}: {each.error}"
            if each.error
            else f"{each.name}: wrong answer {each.answer!r:.500} for {each.expected!r:.500}"
            for each in ended
            if not each.is_right and not (isinstance(each.error, JobFailedError) and self._has_reason(each.error))
        ]
        assert not unexplained, f"seed {self.seed}: {unexplained}; {self.story()}"
        assert len(wrong) <= max(1, len(ended) // 20), f"seed {self.seed}: too many errors: {wrong}"
        self._assert_attempts_have_reasons()
        self._assert_no_attempt_ran_twice()

    def _has_reason(self, error: JobFailedError) -> bool:
        """Whether something went wrong as often as the rules allow."""
        bad: Counter[tuple[int, int, str]] = Counter()
        failed_stages: Counter[int] = Counter()
        for event in self.seen:
            if isinstance(event, events.TaskEnded):
                bad[event.stage_id, event.partition, event.outcome] += 1
            elif isinstance(event, events.StageEnded) and event.outcome == "failed":
                failed_stages[event.stage_id] += 1
        outcomes = ("failed", "executor_lost")
        tasks = any(n >= ALLOWED_ATTEMPTS for (_, _, outcome), n in bad.items() if outcome in outcomes)
        return tasks or any(n >= ALLOWED_ATTEMPTS for n in failed_stages.values())

    def _assert_attempts_have_reasons(self) -> None:
        """A partition runs again only when it did not succeed, or when what it wrote could not be read."""
        starts: Counter[tuple[int, int]] = Counter()
        ends: dict[tuple[int, int], Counter[str]] = defaultdict(Counter)
        unreadable = 0
        for event in self.seen:
            if isinstance(event, events.TaskStarted):
                starts[event.stage_id, event.partition] += 1
            elif isinstance(event, events.TaskEnded):
                ends[event.stage_id, event.partition][event.outcome] += 1
                unreadable += event.outcome == "fetch_failed"
        for place, count in starts.items():
            bad = sum(n for outcome, n in ends[place].items() if outcome != "succeeded")
            assert count <= 1 + bad + unreadable, f"seed {self.seed}: {place} began {count} times; {self.story()}"
            for outcome in ("failed", "executor_lost"):
                times = ends[place][outcome]
                assert times <= ALLOWED_ATTEMPTS, f"seed {self.seed}: {place} {outcome} {times} times; {self.story()}"

    def _assert_no_attempt_ran_twice(self) -> None:
        runs = Counter((self.folder / RUNS).read_text().splitlines())
        twice = [line for line, count in runs.items() if count > 1]
        assert not twice, f"seed {self.seed}: {twice}; {self.story()}"

    def story(self) -> str:
        """What happened, in a line."""
        counts = Counter(event.outcome for event in self.seen if isinstance(event, events.TaskEnded))
        markers = sorted(path.name for path in self.folder.iterdir() if path.name != RUNS)
        gone = sum(isinstance(event, events.ExecutorRemoved) for event in self.seen)
        return f"{dict(counts)}, {gone} executors lost, from outside: {self.struck}, in tasks: {markers}"


def scratch_of(supervisor: int) -> Path:
    """The application's folder, as the cluster's processes know it."""
    return Path(psutil.Process(supervisor).environ()["SPARK_KERNEL_SCRATCH"])


def _kill(pid: int | None) -> None:
    if pid is not None:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return


def listener_of(session: int, executor_id: str) -> int | None:
    """The process of the session that listens where the executor does; None when it is gone."""
    port = executor_id.rpartition(":")[2]
    for pid in session_members(session):
        try:
            for connection in psutil.Process(pid).net_connections("tcp"):
                if connection.status == psutil.CONN_LISTEN and str(connection.laddr.port) == port:
                    return pid
        except psutil.Error:
            continue
    return None


def _node_of(worker: int) -> int | None:
    """The process of the worker's nanny: the one that has a fork server with this worker."""
    try:
        return psutil.Process(worker).parent().parent().pid
    except (psutil.Error, AttributeError):
        return None


@contextmanager
def storm(folder: Path, seed: int, master: str = "local-cluster[3,1,512]", **settings: Any) -> Iterator[Storm]:
    """A storm on a context of its own, which leaves nothing behind."""
    folder.mkdir(parents=True, exist_ok=True)
    threads = {thread.ident for thread in threading.enumerate()}
    with SparkContext(master, f"chaos-{seed}") as sc:
        made = Storm(sc, folder, seed, **settings)
        yield made
    made.leftovers.assert_gone()
    until(lambda: not _ours(threads), "the end of the driver's threads", 20)


def _ours(before: set[int | None]) -> list[str]:
    return [
        thread.name
        for thread in threading.enumerate()
        if thread.ident not in before and thread.name.startswith("spark-kernel")
    ]
