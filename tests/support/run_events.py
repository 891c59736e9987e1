"""Fabricated event sequences of whole runs, for tests of everything that listens. No engine is involved.

`RunEvents` records what a well-behaved engine would announce: build a lineage with `node` and `shuffle`, ask for a
`job`, let stages and tasks happen, `end`. The clock ticks by what the caller says: the same calls give the same events.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from spark_kernel.common.call_sites import CallSite
from spark_kernel.common.events import (
    EdgeInfo,
    Event,
    JobEnded,
    JobGraph,
    JobSubmitted,
    NodeInfo,
    Outcome,
    RunEnded,
    RunStarted,
    StageEnded,
    StageInfo,
    StageSubmitted,
    TaskEnded,
    TaskMetrics,
    TaskOutcome,
    TaskStarted,
)
from spark_kernel.notebook.card.model import RunModel
from spark_kernel.notebook.card.run_json import RunJson


class RunEvents:
    """Records the events of one run in `events`."""

    def __init__(
        self, run_id: str = "app-1/run-1", title: str = "cell [3]", cell: int = 3, time: float = 100.0
    ) -> None:
        self.run_id = run_id
        self.cell = cell
        self.now = time
        self.events: list[Event] = [RunStarted(time, run_id, title, cell)]
        self._nodes: dict[int, NodeInfo] = {}
        self._edges: list[EdgeInfo] = []
        self._stages: dict[int, StageInfo] = {}
        self._attempts: dict[int, int] = {}
        self._shuffled: set[int] = set()
        self._task_id = 0
        self._jobs = 0

    def node(
        self,
        operation: str,
        *parents: int,
        name: str | None = None,
        line: int = 1,
        partitions: int = 4,
        storage_level: str | None = None,
        cached: int = 0,
        estimated_bytes: int | None = None,
    ) -> int:
        """A dataset that reads its parents partition by partition; returns its id."""
        node_id = len(self._nodes)
        site = CallSite(operation, f"/tmp/ipykernel_1/{self.cell}.py", line, self.cell)
        self._nodes[node_id] = NodeInfo(
            node_id, operation, site, partitions, name, storage_level, cached, estimated_bytes
        )
        self._edges.extend(EdgeInfo(parent, node_id, "narrow") for parent in parents)
        return node_id

    def persist(self, node_id: int) -> None:
        """The dataset is to be cached, and none of it is yet."""
        self._nodes[node_id] = replace(self._nodes[node_id], storage_level="Memory 1x")

    def shuffle(
        self, operation: str, *parents: int, name: str | None = None, line: int = 1, partitions: int = 4
    ) -> int:
        """A dataset that reads its parents through one shuffle each; returns its id."""
        node_id = self.node(operation, name=name, line=line, partitions=partitions)
        for parent in parents:
            self._edges.append(EdgeInfo(parent, node_id, "shuffle", shuffle_id=len(self._edges)))
        return node_id

    def job(self, target: int, action: str = "collect", line: int = 9, skip: Sequence[int] = ()) -> int:
        """An action on ``target``; stages that end in a dataset of ``skip`` or were run before are skipped."""
        job_id = self._jobs
        self._jobs += 1
        graph = self._plan(target, {*skip, *self._shuffled})
        site = CallSite(action, f"/tmp/ipykernel_1/{self.cell}.py", line, self.cell)
        self.events.append(JobSubmitted(self.now, job_id, self.run_id, site, graph))
        return job_id

    def plan(self, target: int) -> JobGraph:
        """The stages that an action on ``target`` would run."""
        return self._plan(target, set())

    def stage_of(self, target: int) -> int:
        """The latest stage that ends in the dataset ``target``."""
        return max(info.stage_id for info in self._stages.values() if info.node_ids[-1] == target)

    def submit(self, stage_id: int, tasks: int | None = None) -> int:
        """An attempt of the stage begins; returns its number."""
        attempt = self._attempts.get(stage_id, -1) + 1
        self._attempts[stage_id] = attempt
        tasks = self._stages[stage_id].tasks if tasks is None else tasks
        self.events.append(StageSubmitted(self.now, stage_id, attempt, tasks))
        return attempt

    def start(self, stage_id: int, partition: int, attempt: int = 0, speculative: bool = False) -> int:
        """A task attempt begins; returns its task id."""
        self._task_id += 1
        stage_attempt = self._attempts[stage_id]
        self.events.append(
            TaskStarted(
                self.now,
                self._task_id,
                stage_id,
                stage_attempt,
                partition,
                attempt,
                f"worker-{partition % 2}",
                speculative,
            )
        )
        return self._task_id

    def end(
        self,
        stage_id: int,
        partition: int,
        outcome: TaskOutcome = "succeeded",
        attempt: int = 0,
        message: str = "",
        metrics: TaskMetrics | None = None,
    ) -> None:
        """The task attempt that began last is over."""
        self.events.append(
            TaskEnded(
                self.now,
                self._task_id,
                stage_id,
                self._attempts[stage_id],
                partition,
                attempt,
                f"worker-{partition % 2}",
                outcome,
                metrics or TaskMetrics(run_seconds=0.5 + partition / 8),
                message,
            )
        )

    def end_stage(self, stage_id: int, outcome: Outcome = "succeeded", message: str = "", retry: bool = False) -> None:
        """The running attempt of the stage is over."""
        self.events.append(StageEnded(self.now, stage_id, self._attempts[stage_id], outcome, message, retry))
        if outcome == "succeeded":
            self._shuffled.add(self._stages[stage_id].node_ids[-1])

    def run_stage(self, stage_id: int, metrics: TaskMetrics | None = None, seconds: float = 1.0) -> None:
        """All tasks of the stage, one after the other, without trouble."""
        self.submit(stage_id)
        for partition in range(self._stages[stage_id].tasks):
            self.start(stage_id, partition)
            self.now += seconds / self._stages[stage_id].tasks
            self.end(stage_id, partition, metrics=metrics)
        self.end_stage(stage_id)

    def end_job(self, job_id: int, outcome: Outcome = "succeeded", message: str = "") -> None:
        self.events.append(JobEnded(self.now, job_id, outcome, message))

    def end_run(self, outcome: Outcome = "succeeded", message: str = "") -> None:
        self.events.append(RunEnded(self.now, self.run_id, outcome, message))

    def _plan(self, target: int, present: set[int]) -> JobGraph:
        """Spark's rule: a stage is what can be reached without a shuffle; parents before children."""
        parents_of: dict[int, list[EdgeInfo]] = {}
        for edge in self._edges:
            parents_of.setdefault(edge.child, []).append(edge)
        members: dict[int, set[int]] = {}
        borders: dict[int, set[int]] = {}
        pending = [target]
        while pending:
            terminal = pending.pop()
            if terminal not in members:
                members[terminal], borders[terminal] = _reach(terminal, parents_of)
                pending.extend(borders[terminal])
        needed = {target}
        for terminal in sorted(members, reverse=True):
            if terminal in needed and (terminal == target or terminal not in present):
                needed |= borders[terminal]
        stages: dict[int, StageInfo] = {}
        for terminal in sorted(members):
            info = self._nodes[terminal]
            stages[terminal] = StageInfo(
                stage_id=len(self._stages),
                kind="result" if terminal == target else "shuffle_map",
                name=str(info.call_site),
                node_ids=tuple(sorted(members[terminal])),
                parents=tuple(stages[parent].stage_id for parent in sorted(borders[terminal])),
                tasks=info.partitions,
                skipped=terminal != target and (terminal not in needed or terminal in present),
            )
            self._stages[stages[terminal].stage_id] = stages[terminal]
        visited = set().union(*members.values())
        nodes = tuple(self._nodes[node] for node in sorted(visited))
        edges = tuple(edge for edge in self._edges if edge.child in visited)
        return JobGraph(nodes, edges, tuple(stages.values()))


def _reach(terminal: int, parents_of: dict[int, list[EdgeInfo]]) -> tuple[set[int], set[int]]:
    """The datasets that a stage computes, and those whose shuffles it reads."""
    members: set[int] = set()
    border: set[int] = set()
    pending = [terminal]
    while pending:
        node = pending.pop()
        if node not in members:
            members.add(node)
            for edge in parents_of.get(node, ()):
                (pending.append if edge.kind == "narrow" else border.add)(edge.parent)
    return members, border


READ = TaskMetrics(run_seconds=0.8, records_read=7500, bytes_read=310_000, shuffle_records_written=900,
                   shuffle_bytes_written=24_000, peak_memory_bytes=120_000_000)  # fmt: skip
REDUCED = TaskMetrics(run_seconds=0.2, shuffle_records_read=900, shuffle_local_bytes_read=24_000, result_bytes=900)


def word_count(finish: bool = True) -> RunEvents:
    """Two stages, all well."""
    run = RunEvents(title="word count")
    lines = run.node("textFile", name="lines", line=2, partitions=8, estimated_bytes=2_480_000)
    words = run.node("flatMap", lines, name="words", line=3, partitions=8)
    pairs = run.node("map", words, line=4, partitions=8)
    counts = run.shuffle("reduceByKey", pairs, name="counts", line=4)
    job = run.job(counts, "collect", line=5)
    run.run_stage(run.stage_of(pairs), READ, seconds=3.2)
    run.run_stage(run.stage_of(counts), REDUCED, seconds=0.4)
    if finish:
        run.end_job(job)
        run.end_run()
    return run


def running_word_count() -> RunEvents:
    """In the midst of the first stage: three of eight tasks done, two running, one of them a retry."""
    run = RunEvents(title="word count")
    lines = run.node("textFile", name="lines", line=2, partitions=8)
    words = run.node("flatMap", lines, name="words", line=3, partitions=8)
    pairs = run.node("map", words, line=4, partitions=8)
    counts = run.shuffle("reduceByKey", pairs, name="counts", line=4)
    run.job(counts, "collect", line=5)
    stage = run.stage_of(pairs)
    run.submit(stage)
    for partition in range(3):
        run.start(stage, partition)
        run.now += 0.5
        run.end(stage, partition, metrics=READ)
    run.start(stage, 3)
    run.start(stage, 4)
    run.end(stage, 4, "executor_lost", message="worker-0 left")
    run.start(stage, 4, attempt=1)
    return run


def join_with_skipped_stage() -> RunEvents:
    """Two jobs: the second one joins, and finds the output of the first one's map stage."""
    run = RunEvents(title="orders per city")
    orders = run.node("textFile", name="orders", line=2, partitions=6)
    parsed = run.node("map", orders, name="parsed", line=3, partitions=6, storage_level="Memory 1x", cached=6)
    totals = run.shuffle("reduceByKey", parsed, name="totals", line=4, partitions=3)
    customers = run.node("textFile", name="customers", line=6, partitions=2)
    cities = run.node("map", customers, name="cities", line=7, partitions=2)
    first = run.job(totals, "count", line=5)
    run.run_stage(run.stage_of(parsed), READ, seconds=2.0)
    run.run_stage(run.stage_of(totals), REDUCED, seconds=0.3)
    run.end_job(first)
    grouped = run.shuffle("join", totals, cities, line=8, partitions=3)
    joined = run.node("join", grouped, name="joined", line=8, partitions=3)
    best = run.node("filter", joined, name="best", line=9, partitions=3)
    second = run.job(best, "collect", line=10)
    run.run_stage(run.stage_of(totals), REDUCED, seconds=0.4)
    run.run_stage(run.stage_of(cities), READ, seconds=0.6)
    run.run_stage(run.stage_of(best), REDUCED, seconds=0.5)
    run.end_job(second)
    run.end_run()
    return run


def iterated_run(rounds: int) -> RunEvents:
    """Two jobs over ``rounds`` shuffles in a row: the second one finds the outputs of them all."""
    run = RunEvents(title="rounds")
    states = [run.node("parallelize", name="state", line=2)]
    for _ in range(rounds):
        states.append(run.shuffle("reduceByKey", states[-1], name="state", line=3))
    first = run.job(states[-1], "count", line=4)
    for state in states:
        run.run_stage(run.stage_of(state), REDUCED, seconds=0.1)
    run.end_job(first)
    second = run.job(states[-1], "collect", line=5)
    run.run_stage(run.stage_of(states[-1]), REDUCED, seconds=0.1)
    run.end_job(second)
    run.end_run()
    return run


def rounds_over_cached_links(rounds: int) -> RunEvents:
    """PageRank's shape: each round joins the same cached dataset with the result of the round before."""
    run = RunEvents(title="ranks")
    pages = run.node("parallelize", name="pages", line=1)
    links = run.shuffle("partitionBy", pages, name="links", line=2)
    run.persist(links)
    ranks = run.node("mapValues", links, name="ranks", line=3)
    for _ in range(rounds):
        sides = [run.node("join", side, line=5) for side in (links, ranks)]
        joined = run.node("join", run.node("join", *sides, line=5), line=5)
        ranks = run.shuffle("reduceByKey", joined, name="ranks", line=6)
    run.job(ranks, "count", line=7)
    return run


def failed_run() -> RunEvents:
    """The second stage fails in one partition, four times."""
    run = RunEvents(title="cell [7]", cell=7)
    numbers = run.node("parallelize", name="numbers", line=2)
    pairs = run.node("map", numbers, line=3)
    groups = run.shuffle("groupByKey", pairs, name="groups", line=3)
    ratios = run.node("mapValues", groups, name="ratios", line=4)
    job = run.job(ratios, "collect", line=5)
    run.run_stage(run.stage_of(pairs), READ, seconds=0.7)
    stage = run.stage_of(ratios)
    run.submit(stage)
    for partition in (0, 1):
        run.start(stage, partition)
        run.end(stage, partition, metrics=REDUCED)
    message = "ZeroDivisionError: division by zero"
    for attempt in range(4):
        run.start(stage, 2, attempt)
        run.now += 0.3
        run.end(stage, 2, "failed", attempt, message)
    run.start(stage, 3)
    run.end(stage, 3, "cancelled")
    run.end_stage(stage, "failed", f"partition 2 failed 4 times: {message}")
    run.end_job(job, "failed", message)
    run.end_run("failed", f"stage {stage} failed at cell [7], line 4: {message}")
    return run


def long_lineage(nodes: int, nodes_per_stage: int = 10) -> RunEvents:
    """One planned job over a chain of ``nodes`` datasets."""
    run = RunEvents(title=f"{nodes} datasets")
    last = run.node("parallelize", name="start")
    for index in range(1, nodes):
        step = run.shuffle if index % nodes_per_stage == 0 else run.node
        last = step("reduceByKey" if index % nodes_per_stage == 0 else "map", last, line=index)
    run.job(last)
    return run


def dense_lineage(nodes: int, parents: int = 2) -> RunEvents:
    """One planned job in which each dataset reads ``parents`` earlier ones, spread over all: hard to lay out."""
    run = RunEvents(title=f"{nodes} tangled datasets")
    for index in range(nodes):
        before = sorted({index - 1, *((index * 7 + 13 * k) % index for k in range(1, parents))}) if index else []
        run.node("union" if before else "parallelize", *before, line=index)
    run.job(nodes - 1)
    return run


def snapshot(run: RunEvents) -> RunJson:
    """What a model that heard all events says."""
    model = RunModel(run.run_id)
    for event in run.events:
        model.apply(event)
    return model.to_json()
