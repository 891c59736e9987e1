"""The stage scheduler: stimuli in, instructions out. No threads, no clock, no I/O.

Words: a *job* computes some partitions of a dataset for an action. It is cut into *stages* at shuffles; the last one
delivers results, the others register map outputs. A stage is submitted in *attempts*; an attempt consists of one
*task* for each partition that is missing, and a task that fails is followed by another *attempt* at its partition.

What is wanted is derived anew after each stimulus that may change it: starting from the result stages of the active
jobs, every stage whose output is missing and whose parents' outputs are there has tasks for all its missing
partitions. So a lost map output needs no special path: it is missing, therefore its task runs again, and its readers
wait.

What can go wrong, and what happens then:

* A task raises. Its partition is tried again, up to `Limits.task_failures` times, then every job that needs the stage
  fails.
* An executor dies. Its tasks come back as failed; those that were running count against `Limits.executor_losses`, the
  others hardly (`Limits.losses_before_start`). Its cached blocks are gone; its shuffle files are not: they
  belong to the machine.
* A shuffle block can't be read. The map output (or all of that machine) is unregistered and the reading stage's
  attempt ends as failed. Its other tasks go on: what they finish counts. When the lost maps have run again, the stage
  gets a further attempt for what is still missing, up to `Limits.stage_attempts` in a row.
* A task of a barrier stage ends without success. The attempt is over, and the next one runs all of its tasks
  (`barrier_rules`).
* A task is much slower than its like. With speculation a copy of it starts on another executor; the first to end
  counts, the other is stopped, and how that one ends does not matter (`Task.outrun`).
* The results are larger than `Limits.result_bytes`. Every job that needs the stage fails, before they are fetched.
* A cached block is gone that stood for the lineage behind it, which therefore did not travel. The task runs again,
  with all of its lineage; nothing is counted.
* A job is cancelled or fails. Stages that no other job needs are cancelled. What finished stays: map outputs and
  cached blocks serve later jobs.
* The backend is gone. Every job fails, and so does each later one.

If you change this: a task leaves ``_tasks`` exactly when its final report comes; a partition is in ``stage.running``
exactly while its task may still be useful; every stage that is opened is closed; nothing of a job is left behind when
it ends (`assert_nothing_left`); a result or an accumulator update counts once, on the first success.
"""

from __future__ import annotations

from collections.abc import Callable

from spark_kernel.common import events
from spark_kernel.common.errors import JobCancelledError, JobError, JobFailedError
from spark_kernel.common.ids import Counter
from spark_kernel.core.execution import backend
from spark_kernel.core.lineage.node import ShuffleDependency
from spark_kernel.core.scheduler import announcements, barrier_rules, messages
from spark_kernel.core.scheduler.block_keeping import BlockKeeping
from spark_kernel.core.scheduler.block_registry import BlockRegistry
from spark_kernel.core.scheduler.failure_messages import backend_failure_message
from spark_kernel.core.scheduler.giving_up import count_failure, count_fetch_failure, count_result
from spark_kernel.core.scheduler.job_graph import NodeFacts, job_graph
from spark_kernel.core.scheduler.limits import Limits
from spark_kernel.core.scheduler.map_output_registry import MapOutputRegistry
from spark_kernel.core.scheduler.messages import Instruction, Stimulus
from spark_kernel.core.scheduler.planner import StageOutline, missing_parents, outline, outline_of_shuffle
from spark_kernel.core.scheduler.presence import Presence
from spark_kernel.core.scheduler.speculation import Races, Speculation
from spark_kernel.core.scheduler.stages import Job, Stage, Task
from spark_kernel.core.scheduler.waiting import Waiting


class StageScheduler:
    """Decides what runs when. Feed it with `handle`; carry out what it returns, in order."""

    def __init__(
        self,
        limits: Limits,
        facts: NodeFacts,
        map_outputs: MapOutputRegistry,
        blocks: BlockRegistry,
        speculation: Speculation | None = None,
    ) -> None:
        self._limits = limits
        self._facts = facts
        self._map_outputs = map_outputs
        self._blocks = blocks
        self._keeping = BlockKeeping(facts, blocks)
        self._jobs: dict[int, Job] = {}
        self._stages: dict[int, Stage] = {}
        self._stage_of_shuffle: dict[int, int] = {}
        self._there = Presence(map_outputs, blocks)
        self._waiting = Waiting()
        self._tasks: dict[int, Task] = {}
        self._races = Races(speculation)
        self._stage_ids = Counter()
        self._task_ids = Counter()
        self._backend_failure: str | None = None
        self._now = 0.0
        self._out: list[Instruction] = []
        self._handlers: dict[type, Callable[..., None]] = {
            messages.SubmitJob: self._submit_job,
            messages.CancelJob: self._cancel_job,
            messages.FailStage: self._fail_stage,
            messages.LookForStragglers: self._look_for_stragglers,
            messages.Unpersist: lambda stimulus: self._keeping.forget(stimulus.node_id),
            messages.ForgetShuffle: lambda stimulus: self._map_outputs.forget(stimulus.shuffle_id),
            backend.TaskStarted: self._task_started,
            backend.ResultHeld: self._result_held,
            backend.TaskSucceeded: self._task_succeeded,
            backend.TaskFailed: self._task_failed,
            backend.TaskFetchFailed: self._task_fetch_failed,
            backend.TaskCancelled: self._task_cancelled,
            backend.StageRefused: self._stage_refused,
            backend.TaskInputGone: self._task_input_gone,
            backend.ExecutorJoined: self._executor_joined,
            backend.ExecutorLost: self._executor_lost,
            backend.BlockDropped: lambda report: self._update_block(report.executor_id, report.block),
            backend.BlockCopied: self._block_copied,
            backend.BackendFailed: self._backend_failed,
        }

    def handle(self, stimulus: Stimulus, now: float) -> list[Instruction]:
        """Take in what happened at ``now`` (seconds since the epoch) and say what is to be done."""
        self._now = now
        self._out = []
        if isinstance(stimulus, backend.TASK_REPORTS) and stimulus.task_id not in self._tasks:
            return self._out  # A second answer, or one from a backend that had been given up.
        if isinstance(stimulus, backend.FINAL_REPORTS) and self._tasks[stimulus.task_id].outrun:
            self._outrun_task_ended(stimulus)
        else:
            self._handlers[type(stimulus)](stimulus)
        return self._out

    def unanswered_tasks(self) -> int:
        """Tasks for which the backend owes a final report, those of ended jobs included."""
        return len(self._tasks)

    def assert_nothing_left(self) -> None:
        """What must hold when no job is active and the backend has answered everything; for tests."""
        left = (self._jobs, self._stages, self._stage_of_shuffle, self._tasks)
        if any(left):
            raise AssertionError(f"left behind: jobs, stages, shuffles, tasks = {left}")

    # Jobs

    def _submit_job(self, request: messages.SubmitJob) -> None:
        outlines = outline(request.final, self._there.is_cached, self._there.is_shuffled)
        stages = [self._stage_for(each) for each in outlines]
        job = Job(request, stages[-1].stage_id, tuple(stage.stage_id for stage in stages), set(request.partitions))
        self._jobs[job.job_id] = job
        for stage in stages:
            stage.job_ids.add(job.job_id)
        graph = job_graph(dict(zip(job.stage_ids, outlines, strict=True)), self._facts, results=len(job.remaining))
        self._announce(announcements.job_submitted(self._now, request, graph))
        if self._backend_failure is not None:
            self._end_job(job, JobFailedError(self._backend_failure, job.job_id))
        elif not job.remaining:
            self._end_job(job, None)
        else:
            self._advance()

    def _cancel_job(self, request: messages.CancelJob) -> None:
        job = self._jobs.get(request.job_id)
        if job is not None:
            self._end_job(job, JobCancelledError(f"Job {job.job_id} was cancelled: {request.reason}", job.job_id))
            self._advance()

    def _fail_stage(self, request: messages.FailStage) -> None:
        stage = self._stages.get(request.stage_id)
        if stage is not None:
            error = JobFailedError(f"{stage.outline.final.call_site} can't be sent to the executors: {request.error}")
            error.__cause__ = request.error
            self._fail_jobs_of(stage, error)

    def _stage_refused(self, report: backend.StageRefused) -> None:
        stage = self._stages.get(report.stage_id)
        if stage is not None:
            self._fail_jobs_of(stage, JobFailedError(report.reason))

    def _fail_jobs_of(self, stage: Stage, error: JobError) -> None:
        for job_id in sorted(stage.job_ids):
            error.job_id = job_id
            self._end_job(self._jobs[job_id], error)
        self._advance()

    def _end_job(self, job: Job, error: JobError | None) -> None:
        del self._jobs[job.job_id]
        ended = announcements.job_ended(self._now, job.job_id, error)
        for stage_id in job.stage_ids:
            self._release(self._stages[stage_id], job.job_id, ended.outcome, ended.message)
        self._announce(ended)
        self._out.append(messages.FinishJob(job.job_id, error))

    # Stages

    def _stage_for(self, each: StageOutline) -> Stage:
        """The stage that an active job has for the same shuffle already, or another."""
        if each.shuffle is not None and each.shuffle.shuffle_id in self._stage_of_shuffle:
            return self._stages[self._stage_of_shuffle[each.shuffle.shuffle_id]]
        stage = Stage(self._stage_ids.next(), each)
        self._stages[stage.stage_id] = stage
        if stage.shuffle_id is not None:
            self._stage_of_shuffle[stage.shuffle_id] = stage.stage_id
        return stage

    def _release(self, stage: Stage, job_id: int, outcome: events.Outcome, message: str) -> None:
        """The job does not need the stage any more; without any job that does, it ends."""
        stage.job_ids.discard(job_id)
        if stage.job_ids:
            return
        if stage.is_open:
            # A job that has all its results may leave a parent stage behind that was repairing lost outputs.
            self._close(stage, "cancelled" if outcome == "succeeded" else outcome, message)
        for attempt in sorted({task.stage_attempt for task in (*stage.running.values(), *stage.copies.values())}):
            self._out.append(messages.CancelTasks(stage.stage_id, attempt))
        del self._stages[stage.stage_id]
        if stage.shuffle_id is not None:
            del self._stage_of_shuffle[stage.shuffle_id]

    def _close(self, stage: Stage, outcome: events.Outcome, message: str = "", will_retry: bool = False) -> None:
        stage.is_open = False
        self._announce(events.StageEnded(self._now, stage.stage_id, stage.attempt, outcome, message, will_retry))

    def _advance(self) -> None:
        """Submit every task that is wanted, can run, and does not run yet."""
        self._waiting.clear()
        for stage_id, missing in self._wanted_stages():
            if missing:
                self._waiting.put(stage_id, missing)
            else:
                self._submit_missing(self._stages[stage_id])

    def _advance_readers(self, shuffle_id: int) -> None:
        """The same after a shuffle was written: only who waited for it is looked at."""
        ready = [self._stages[stage_id] for stage_id in self._waiting.written(shuffle_id) if stage_id in self._stages]
        if any(map(self._missing_parents, ready)):
            self._advance()  # Something else was lost meanwhile.
            return
        for stage in ready:
            self._submit_missing(stage)

    def _wanted_stages(self) -> list[tuple[int, tuple[ShuffleDependency, ...]]]:
        """The stages that stand between the active jobs and their results, parents first; what each waits for."""
        wanted: dict[int, tuple[ShuffleDependency, ...]] = {}
        pending = [job.result_stage_id for job in self._jobs.values()]
        while pending:
            stage_id = pending.pop()
            if stage_id not in wanted:
                stage = self._stages[stage_id]
                wanted[stage_id] = self._missing_parents(stage)
                pending.extend(self._parent_of(stage, link).stage_id for link in wanted[stage_id])
        return sorted(wanted.items(), key=lambda item: item[0])

    def _parent_of(self, stage: Stage, link: ShuffleDependency) -> Stage:
        """The stage that writes what ``stage`` reads. The jobs may not have listed it: it was done, and is lost."""
        stage_id = self._stage_of_shuffle.get(link.shuffle_id)
        if stage_id is None:
            parent = self._stage_for(outline_of_shuffle(link, self._there.is_cached))
        else:
            parent = self._stages[stage_id]
        for job_id in sorted(stage.job_ids - parent.job_ids):
            parent.job_ids.add(job_id)
            self._jobs[job_id].stage_ids += (parent.stage_id,)
            self._announce(announcements.stages_added(self._now, job_id, parent, self._facts))
        return parent

    def _submit_missing(self, stage: Stage) -> None:
        todo = barrier_rules.partitions_to_submit(stage, self._missing(stage))
        if todo:
            self._submit(stage, todo)

    def _submit(self, stage: Stage, partitions: list[int]) -> None:
        if not stage.is_open:
            stage.attempt += 1
            stage.is_open = True
            stage.attempts_of.clear()
            stage.durations.clear()
            stage.tasks = len(partitions)
            if stage.outline.is_barrier and stage.shuffle_id is not None:
                # Its tasks run all again, so what is left of their last outputs must not be mixed with the next.
                self._map_outputs.forget(stage.shuffle_id)
            self._announce(events.StageSubmitted(self._now, stage.stage_id, stage.attempt, len(partitions)))
        self._order(stage, tuple(self._new_task(stage, partition) for partition in partitions))

    def _order(self, stage: Stage, tasks: tuple[messages.TaskToRun, ...]) -> None:
        job = self._jobs[min(stage.job_ids)]
        self._out.append(
            messages.SubmitTasks(
                stage.stage_id,
                stage.attempt,
                stage.outline,
                job.job_id,
                job.request.labels.properties,
                tasks,
                stage.needs_lineage,
            )
        )

    def _new_task(self, stage: Stage, partition: int, avoid: str | None = None) -> messages.TaskToRun:
        """The next attempt at ``partition``; where one runs on the executor to ``avoid``, a copy that races it."""
        attempt = stage.attempts_of[partition]
        stage.attempts_of[partition] += 1
        is_copy = avoid is not None
        task = Task(self._task_ids.next(), stage.stage_id, stage.attempt, partition, attempt, speculative=is_copy)
        self._tasks[task.task_id] = task
        (stage.copies if is_copy else stage.running)[partition] = task
        return messages.TaskToRun(task.task_id, partition, attempt, avoid)

    def _look_for_stragglers(self, _: messages.LookForStragglers) -> None:
        for stage in list(self._stages.values()):
            slow = self._races.slow(stage, self._now)
            if slow:
                self._order(stage, tuple(self._new_task(stage, p, stage.running[p].executor_id) for p in slow))

    def _missing(self, stage: Stage) -> list[int]:
        if stage.shuffle_id is not None:
            return self._map_outputs.missing(stage.shuffle_id, stage.map_partitions)
        return sorted(self._jobs[min(stage.job_ids)].remaining)

    def _missing_parents(self, stage: Stage) -> tuple[ShuffleDependency, ...]:
        return missing_parents(stage.outline.final, self._there.is_cached, self._there.is_shuffled)

    # Tasks

    def _task_started(self, report: backend.TaskStarted) -> None:
        task = self._tasks[report.task_id]
        task.executor_id, task.started = report.executor_id, self._now
        self._announce(announcements.task_started(self._now, task, report.executor_id))

    def _result_held(self, report: backend.ResultHeld) -> None:
        task = self._tasks[report.task_id]
        stage = self._stages.get(task.stage_id)
        if stage is not None and not task.outrun:
            error = count_result(stage, task.partition, report.result_bytes, self._limits)
            if error is not None:
                self._fail_jobs_of(stage, error)

    def _task_succeeded(self, report: backend.TaskSucceeded) -> None:
        task, stage = self._take(report.task_id)
        self._announce_end(task, report.executor_id, "succeeded", report.metrics)
        for block in report.stored_blocks:
            self._update_block(report.executor_id, block)
        if stage is None:
            return
        if (loser := self._races.won(stage, task, self._now)) is not None:
            self._out.append(messages.KillTasks((loser.task_id,)))
        error = count_result(stage, task.partition, report.metrics.result_bytes, self._limits)
        if error is not None:
            self._fail_jobs_of(stage, error)
        elif not stage.outline.is_barrier:
            self._count_success(stage, task, report)
        elif barrier_rules.is_of_open_attempt(stage, task):
            for held in barrier_rules.hold(stage, task, report):
                self._count_success(stage, *held)
        else:
            self._advance()

    def _count_success(self, stage: Stage, task: Task, report: backend.TaskSucceeded) -> None:
        if stage.shuffle_id is not None:
            self._map_task_succeeded(stage, stage.shuffle_id, task, report)
        else:
            self._result_task_succeeded(self._jobs[min(stage.job_ids)], task, report)

    def _outrun_task_ended(self, report: backend.FinalReport) -> None:
        """Its partition has its result; what it says about blocks and files is worth knowing."""
        task, _ = self._take(report.task_id)
        self._announce_end(task, report.executor_id, "cancelled", message="another attempt succeeded")
        if isinstance(report, backend.TaskSucceeded):
            for block in report.stored_blocks:
                self._update_block(report.executor_id, block)
        elif isinstance(report, backend.TaskFetchFailed):
            self._map_outputs.lose(report)
            self._advance()

    def _map_task_succeeded(self, stage: Stage, shuffle_id: int, task: Task, report: backend.TaskSucceeded) -> None:
        if not self._map_outputs.has_output(shuffle_id, task.partition):
            self._map_outputs.register(shuffle_id, report.value)
            self._out.append(messages.MergeAccumulators(report.accumulator_updates))
        if self._map_outputs.is_complete(shuffle_id, stage.map_partitions):
            stage.failed_attempts = 0
            if stage.is_open:
                self._close(stage, "succeeded")
            self._advance_readers(shuffle_id)

    def _result_task_succeeded(self, job: Job, task: Task, report: backend.TaskSucceeded) -> None:
        if task.partition not in job.remaining:
            return
        job.remaining.discard(task.partition)
        self._out.append(messages.MergeAccumulators(report.accumulator_updates))
        self._out.append(messages.DeliverResult(job.job_id, task.partition, report.value))
        if not job.remaining:
            stage = self._stages[job.result_stage_id]
            if stage.is_open:
                self._close(stage, "succeeded")
            self._end_job(job, None)

    def _task_failed(self, report: backend.TaskFailed) -> None:
        task, stage = self._take(report.task_id)
        outcome: events.TaskOutcome = "executor_lost" if report.executor_lost else "failed"
        message = f"{report.failure.error_type}: {report.failure.error_message}".partition("\n")[0][:500]
        self._announce_end(task, report.executor_id, outcome, report.metrics, message)
        if stage is None:
            return
        if stage.outline.is_barrier:
            self._barrier_task_failed(stage, task, report, message)
            return
        error = count_failure(stage, task, report, self._limits)
        if error is None:
            self._advance()
        else:
            self._fail_jobs_of(stage, error)

    def _barrier_task_failed(self, stage: Stage, task: Task, report: backend.TaskFailed, message: str) -> None:
        if barrier_rules.is_of_open_attempt(stage, task):
            self._attempt_failed(stage, message, barrier_rules.failure(stage, task, report, self._limits))
        else:
            self._advance()

    def _attempt_failed(self, stage: Stage, message: str, error: JobFailedError | None) -> None:
        """The stage's attempt is over before its time; another one follows, unless ``error`` says why not."""
        self._close(stage, "failed", message, will_retry=error is None)
        if error is not None:
            self._fail_jobs_of(stage, error)
            return
        if stage.outline.is_barrier:
            stage.held.clear()
            if stage.running:
                self._out.append(messages.CancelTasks(stage.stage_id, stage.attempt))
        self._advance()

    def _task_fetch_failed(self, report: backend.TaskFetchFailed) -> None:
        task, stage = self._take(report.task_id)
        self._announce_end(task, report.executor_id, "fetch_failed", message=report.message)
        self._map_outputs.lose(report)
        if stage is None:
            return
        if stage.is_open and task.stage_attempt == stage.attempt:
            self._attempt_failed(stage, report.message, count_fetch_failure(stage, report, self._limits))
        else:
            self._advance()

    def _task_cancelled(self, report: backend.TaskCancelled) -> None:
        task, stage = self._take(report.task_id)
        self._announce_end(task, report.executor_id, "cancelled")
        if stage is not None:
            # On our order where it is the rest of a barrier stage's attempt. Else it went down with another job's task.
            self._task_gone(stage, task, f"the task of partition {task.partition} was cancelled")

    def _task_input_gone(self, report: backend.TaskInputGone) -> None:
        task, stage = self._take(report.task_id)
        self._announce_end(task, report.executor_id, "cancelled", message=announcements.INPUT_GONE)
        if report.block is not None:
            self._blocks.lose_block(*report.block)
        if stage is not None:
            stage.needs_lineage = True
            self._task_gone(stage, task, announcements.INPUT_GONE)

    def _task_gone(self, stage: Stage, task: Task, message: str) -> None:
        """The task has ended without a failure: it is repeated, in a barrier stage with all others."""
        if stage.outline.is_barrier and barrier_rules.is_of_open_attempt(stage, task):
            self._attempt_failed(stage, message, None)
        else:
            self._advance()

    def _take(self, task_id: int) -> tuple[Task, Stage | None]:
        """The task whose final report this is, and its stage if any job still needs that."""
        task = self._tasks.pop(task_id)
        stage = self._stages.get(task.stage_id)
        if stage is not None:
            stage.leave(task)
        return task, stage

    def _announce_end(
        self,
        task: Task,
        executor_id: str,
        outcome: events.TaskOutcome,
        metrics: events.TaskMetrics | None = None,
        message: str = "",
    ) -> None:
        self._announce(announcements.task_ended(self._now, task, executor_id, outcome, metrics, message))

    # Executors and blocks

    def _executor_joined(self, report: backend.ExecutorJoined) -> None:
        self._races.executor_joined(report.executor)
        self._announce(announcements.executor_added(self._now, report.executor))
        self._out += self._keeping.executor_joined(report.executor)

    def _executor_lost(self, report: backend.ExecutorLost) -> None:
        self._races.executor_lost(report.executor_id)
        self._announce(events.ExecutorRemoved(self._now, report.executor_id, report.reason))
        self._out += self._keeping.executor_lost(self._now, report.executor_id)
        self._advance()

    def _block_copied(self, report: backend.BlockCopied) -> None:
        self._out += self._keeping.copied(self._now, report.executor_id, report.block)

    def _update_block(self, executor_id: str, block: backend.StoredBlock) -> None:
        self._out += self._keeping.stored(self._now, executor_id, block)

    def _backend_failed(self, report: backend.BackendFailed) -> None:
        self._backend_failure = backend_failure_message(report)
        self._tasks.clear()
        for job in list(self._jobs.values()):
            self._end_job(job, JobFailedError(self._backend_failure, job.job_id))

    def _announce(self, event: events.Event) -> None:
        self._out.append(messages.Announce(event))
