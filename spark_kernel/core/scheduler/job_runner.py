"""Carrying out what the state machine decides: one thread that feeds it and acts on its instructions.

Callers submit jobs and wait; the backend reports from its own threads. Both only put stimuli into a queue, so the state
machine is never entered twice at once, and an interrupt of the caller can't leave it half-way.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from spark_kernel.common import events
from spark_kernel.common.errors import ActionHeldError, ContextError, JobFailedError
from spark_kernel.common.event_bus import EventBus
from spark_kernel.common.ids import Counter
from spark_kernel.core.execution.backend import Backend, BackendFailed, Demand, Executor
from spark_kernel.core.execution.program import Deliver, WriteShuffle
from spark_kernel.core.execution.serialization import CompiledProgram, compile_program
from spark_kernel.core.lineage.node import Node, ShuffleDependency, walk
from spark_kernel.core.lineage.storage_levels import StorageLevel
from spark_kernel.core.scheduler import messages
from spark_kernel.core.scheduler.barrier_rules import refuse_unsupported_chains
from spark_kernel.core.scheduler.batches import task_batch
from spark_kernel.core.scheduler.block_registry import BlockRegistry
from spark_kernel.core.scheduler.failure_messages import is_about_room
from spark_kernel.core.scheduler.job_graph import NodeFacts, job_graph
from spark_kernel.core.scheduler.jobs import JobHandle, JobRequest
from spark_kernel.core.scheduler.limits import Limits
from spark_kernel.core.scheduler.map_output_registry import MapOutputRegistry
from spark_kernel.core.scheduler.messages import Instruction, Stimulus
from spark_kernel.core.scheduler.planner import StageOutline, outline
from spark_kernel.core.scheduler.presence import Presence
from spark_kernel.core.scheduler.speculation import Speculation
from spark_kernel.core.scheduler.state_machine import StageScheduler

_log = logging.getLogger(__name__)

_DRAIN_SECONDS = 2.0
"""How long a cancel waits for the tasks to have stopped: the promise made to who interrupts a cell."""


class JobRunner:
    """Runs jobs on a backend. All public methods may be called from any thread."""

    def __init__(
        self,
        backend: Backend,
        bus: EventBus,
        limits: Limits,
        level_of: Callable[[int], StorageLevel | None],
        name_of: Callable[[int], str | None],
        merge_accumulators: Callable[[Mapping[int, Any]], None],
        speculation: Speculation | None = None,
        demand_of: Callable[[Iterable[Node]], Demand] = lambda nodes: Demand(),
    ) -> None:
        """``speculation`` None means that slow tasks are waited for.

        ``demand_of`` says what each task of a stage takes that computes these datasets.
        """
        self._backend = backend
        self._bus = bus
        self._level_of = level_of
        self._merge_accumulators = merge_accumulators
        self._map_outputs = MapOutputRegistry()
        self._blocks = BlockRegistry()
        self._there = Presence(self._map_outputs, self._blocks)
        self._facts = NodeFacts(level_of, name_of, self._blocks.cached_partitions)
        self._limits = limits
        self._demand_of = demand_of
        self._speculation = speculation
        self._next_look = 0.0
        self._machine = StageScheduler(limits, self._facts, self._map_outputs, self._blocks, speculation)
        self._job_ids = Counter()
        self._stimuli: queue.SimpleQueue[Stimulus | None] = queue.SimpleQueue()
        self._active: dict[int, _ActiveJob] = {}
        self._active_changed = threading.Condition()
        self._stopped = False
        self._thread = threading.Thread(target=self._loop, name="spark-kernel-scheduler", daemon=True)

    def start(self) -> None:
        """Begin to take reports from the backend and jobs from callers."""
        self._thread.start()
        self._backend.start(self._stimuli.put)

    def run(self, request: JobRequest, on_result: Callable[[int, Any], None] | None = None) -> list[Any]:
        """The results of ``request``, in the order of its partitions. Blocks.

        ``on_result`` is called in this thread as each partition's result arrives, in any order. An exception that it
        raises, as well as a KeyboardInterrupt, cancels the job and is raised again.

        Raises JobFailedError, JobCancelledError, ActionHeldError (``request.hold``), and whatever building the
        stages' programs raises (a function that can't be pickled).
        """
        self._check_open()
        if request.hold:
            self._announce_held(request)
            raise ActionHeldError(f"{request.call_site} was planned, not run")
        partitions = tuple(dict.fromkeys(request.partitions))
        job = _ActiveJob(JobHandle(self._job_ids.next()), request, self._compile_ahead(request))
        with self._active_changed:
            self._active[job.handle.job_id] = job
        self._stimuli.put(
            messages.SubmitJob(job.handle.job_id, request.final, partitions, request.call_site, request.labels)
        )
        return self._wait(job, on_result)

    def plan(self, final: Node) -> events.JobGraph:
        """The stages that an action on ``final`` would have now, numbered from 0. Nothing runs."""
        return self._plan(final, range(final.num_partitions))

    def active_jobs(self) -> list[int]:
        """Ids of the jobs that have not ended."""
        with self._active_changed:
            return sorted(self._active)

    def cancel_jobs(self, wanted: Callable[[int, messages.JobLabels], bool], reason: str) -> list[int]:
        """Cancel the jobs for which ``wanted(job id, labels)``; returns their ids.

        Returns when their tasks have stopped, or after 2 seconds.
        """
        with self._active_changed:
            chosen = [job_id for job_id, job in sorted(self._active.items()) if wanted(job_id, job.request.labels)]
        for job_id in chosen:
            self._stimuli.put(messages.CancelJob(job_id, reason))
        self._drain(chosen)
        return chosen

    def unpersist(self, node_id: int) -> None:
        """Forget the cached blocks of a dataset, here and on the executors."""
        self._stimuli.put(messages.Unpersist(node_id))
        self._backend.drop_blocks(node_id)
        self._bus.announce(events.Unpersisted(time.time(), node_id))

    def forget_shuffle(self, shuffle_id: int) -> None:
        """Remove a shuffle's files; no dataset refers to it any more."""
        self._stimuli.put(messages.ForgetShuffle(shuffle_id))
        self._backend.drop_shuffle(shuffle_id)

    def cached(self, node_id: int) -> tuple[int, int, int]:
        """Cached partitions of a dataset, its bytes in memory and its bytes on disk."""
        return (self._blocks.cached_partitions(node_id), *self._blocks.sizes(node_id))

    def executors(self) -> Sequence[Executor]:
        """The workers that are there now."""
        return self._backend.executors()

    def stop(self) -> None:
        """Cancel what runs and let go of the backend. Idempotent."""
        if self._stopped:
            return
        self.cancel_jobs(lambda job_id, labels: True, "the context was stopped")
        self._stopped = True
        self._backend.stop()
        self._stimuli.put(None)
        self._thread.join(timeout=_DRAIN_SECONDS)

    # The caller's side

    def _check_open(self) -> None:
        if self._stopped:
            raise ContextError("This context was stopped, and its datasets went with it. Start another one.")

    def _wait(self, job: _ActiveJob, on_result: Callable[[int, Any], None] | None) -> list[Any]:
        results: dict[int, Any] = {}
        try:
            for partition, value in job.handle.results():
                results[partition] = value
                if on_result is not None:
                    on_result(partition, value)
        except BaseException:
            if job.handle.job_id in self._active:
                self._stimuli.put(messages.CancelJob(job.handle.job_id, "interrupted"))
            raise
        return [results[partition] for partition in job.request.partitions]

    def _compile_ahead(self, request: JobRequest) -> dict[int | None, CompiledProgram]:
        """The programs that the job needs as things stand, built in the caller's thread.

        So an error in building them is raised where the user waits, and the user's objects are pickled as they are
        when the action is called. The state may change before the job is planned: then the scheduler's thread builds
        what is missing.
        """
        outlines = outline(request.final, self._there.is_cached, self._there.is_shuffled, most_hidden=0)
        refuse_unsupported_chains(outlines, len(set(request.partitions)))
        needed = [each for each in outlines if each.is_needed]
        for each in needed:
            self._demand_of(each.nodes)  # Raises for profiles that contradict each other.
        return {_shuffle_id(each): self._compile(each, request) for each in needed}

    def _compile(self, each: StageOutline, request: JobRequest, needs_lineage: bool = False) -> CompiledProgram:
        output: Deliver | WriteShuffle
        if each.shuffle is None:
            output = Deliver(request.function, request.call_site)
        else:
            output = WriteShuffle(each.shuffle.shuffle_id, each.shuffle.spec, each.asked_by)
        is_cached = _nothing if needs_lineage else self._there.is_cached
        return compile_program(each.final, output, self._level_of, is_cached)

    def _plan(self, final: Node, partitions: Sequence[int]) -> events.JobGraph:
        outlines = outline(final, self._there.is_cached, self._there.is_shuffled)
        return job_graph(dict(enumerate(outlines)), self._facts, results=len(partitions))

    def _announce_held(self, request: JobRequest) -> None:
        now = time.time()
        job_id = self._job_ids.next()
        labels = request.labels
        self._bus.announce(
            events.JobSubmitted(
                now,
                job_id,
                labels.run_id,
                request.call_site,
                self._plan(request.final, request.partitions),
                labels.group,
                labels.description,
            )
        )
        self._bus.announce(events.JobEnded(now, job_id, "planned"))

    def _drain(self, job_ids: Sequence[int]) -> None:
        deadline = time.monotonic() + _DRAIN_SECONDS
        with self._active_changed:
            self._active_changed.wait_for(
                lambda: not any(job_id in self._active for job_id in job_ids) and not self._busy_with(job_ids),
                timeout=max(0.0, deadline - time.monotonic()),
            )

    def _busy_with(self, job_ids: Sequence[int]) -> bool:
        """Whether tasks of ended jobs still run."""
        return bool(job_ids) and not self._active and self._machine.unanswered_tasks() > 0

    # The scheduler's thread

    def _loop(self) -> None:
        while (stimulus := self._next_stimulus()) is not None:
            try:
                self._act_on(stimulus)
            except Exception as error:
                # A defect of ours: what is known of the jobs can't be trusted, and none may wait for ever.
                _log.exception("the scheduler failed on %s", type(stimulus).__name__)
                self._act_on(BackendFailed(f"the scheduler failed on {type(stimulus).__name__}: {error!r}"))
            with self._active_changed:
                self._active_changed.notify_all()

    def _next_stimulus(self) -> Stimulus | None:
        """What comes next; while jobs run, now and then the time to look for slow tasks. None means the end."""
        if self._speculation is None or not self._active:
            return self._stimuli.get()
        try:
            return self._stimuli.get(timeout=max(0.0, self._next_look - time.monotonic()))
        except queue.Empty:
            self._next_look = time.monotonic() + self._speculation.interval
            return messages.LookForStragglers()

    def _act_on(self, stimulus: Stimulus) -> None:
        for instruction in self._machine.handle(stimulus, time.time()):
            self._carry_out(instruction)

    def _carry_out(self, instruction: Instruction) -> None:
        if isinstance(instruction, messages.Announce):
            self._bus.announce(instruction.event)
        elif isinstance(instruction, messages.SubmitTasks):
            self._submit(instruction)
        elif isinstance(instruction, messages.CancelTasks):
            self._backend.cancel(instruction.stage_id, instruction.stage_attempt)
        elif isinstance(instruction, messages.KillTasks):
            self._backend.kill(instruction.task_ids)
        elif isinstance(instruction, messages.DeliverResult):
            self._active[instruction.job_id].handle.deliver(instruction.partition, instruction.value)
        elif isinstance(instruction, messages.MergeAccumulators):
            self._merge_accumulators(instruction.updates)
        elif isinstance(instruction, messages.DropBlocks):
            self._backend.drop_blocks(instruction.node_id)
        elif isinstance(instruction, messages.CopyBlock):
            self._backend.copy_block(
                instruction.node_id, instruction.partition, instruction.level, instruction.holder, instruction.target
            )
        else:
            self._finish(instruction)

    def _submit(self, order: messages.SubmitTasks) -> None:
        job = self._active[order.job_id]
        try:
            program = self._program(job, order)
            demand = self._demand_of(order.outline.nodes)
            batch = task_batch(order, program, self._map_outputs, self._blocks, self._limits.result_bytes, demand)
        except Exception as error:
            self._stimuli.put(messages.FailStage(order.stage_id, error))
        else:
            self._backend.submit(batch)

    def _program(self, job: _ActiveJob, order: messages.SubmitTasks) -> CompiledProgram:
        """The stage's program, compiled when it is not there, or stops at datasets that are not cached any more."""
        key = _shuffle_id(order.outline)
        program = job.programs.get(key)
        is_usable = program is not None and (
            not program.stops_at if order.needs_lineage else all(map(self._there.is_cached, program.stops_at))
        )
        if program is None or not is_usable:
            program = job.programs[key] = self._compile(order.outline, job.request, order.needs_lineage)
        return program

    def _finish(self, instruction: messages.FinishJob) -> None:
        with self._active_changed:
            job = self._active.pop(instruction.job_id)
        if isinstance(instruction.error, JobFailedError) and is_about_room(instruction.error):
            self._make_room(job.request)
        job.handle.finish(instruction.error)

    def _make_room(self, request: JobRequest) -> None:
        """Let go of what a job has shuffled that failed since the disk is full, or no other job would find room."""
        for node in walk([request.final]):
            for dependency in node.dependencies:
                if isinstance(dependency, ShuffleDependency) and not self._map_outputs.is_complete(
                    dependency.shuffle_id, dependency.parent.num_partitions
                ):
                    self.forget_shuffle(dependency.shuffle_id)


class _ActiveJob:
    """A job between its submission and its end."""

    def __init__(self, handle: JobHandle, request: JobRequest, programs: dict[int | None, CompiledProgram]) -> None:
        self.handle = handle
        self.request = request
        self.programs = programs
        """By the shuffle that the stage writes; None for the result stage."""


def _nothing(node: Node) -> bool:
    return False


def _shuffle_id(each: StageOutline) -> int | None:
    return None if each.shuffle is None else each.shuffle.shuffle_id
