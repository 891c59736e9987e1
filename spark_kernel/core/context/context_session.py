"""The working parts of a context, and the lines between them. `SparkContext` is the face that users see.

    settings ──> resource manager ──(ClusterStart, in the background)──> Dask or inline backend
                                                                              │
    datasets ──> run_job ──> JobRunner ──> PendingBackend ────────────────────┘
                    │            │
                 ThreadScope     └──events──> EventBus ──> StatusLedger, EventLog, whoever listens

Nothing waits for the cluster but a job that needs it.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from pyspark.errors import IllegalArgumentException
from pyspark.resource import ResourceProfile

from spark_kernel.common import events
from spark_kernel.common.call_sites import CallSite
from spark_kernel.common.errors import ContextError, JobFailedError, SerializationError
from spark_kernel.common.event_bus import EventBus
from spark_kernel.common.ids import Counter
from spark_kernel.core.context import settings as settings_table
from spark_kernel.core.context.checkpoints import Checkpoints
from spark_kernel.core.context.cleaner import Cleaner
from spark_kernel.core.context.cluster_start import ClusterStart
from spark_kernel.core.context.dataset_facts import DatasetFacts
from spark_kernel.core.context.event_log import EventLog
from spark_kernel.core.context.parallelism import promised_cores
from spark_kernel.core.context.pending_backend import PendingBackend
from spark_kernel.core.context.scheduling import limits_of, speculation_of, turns_of
from spark_kernel.core.context.status_tracker import StatusLedger
from spark_kernel.core.context.thread_scope import DESCRIPTION, GROUP, INTERRUPT, ThreadScope
from spark_kernel.core.execution.added_files import AddedFile
from spark_kernel.core.execution.backend import Demand
from spark_kernel.core.execution.profiling import Profiler
from spark_kernel.core.execution.serialization import dumps
from spark_kernel.core.lineage.node import Node
from spark_kernel.core.lineage.storage_levels import StorageLevel
from spark_kernel.core.rdd.checkpointing import CheckpointMark
from spark_kernel.core.rdd.resource_requests import demand_of
from spark_kernel.core.rdd.spark_rdds import SparkRdd
from spark_kernel.core.scheduler.job_runner import JobRunner
from spark_kernel.core.scheduler.jobs import JobRequest
from spark_kernel.core.scheduler.messages import JobLabels
from spark_kernel.core.shared_variables.accumulator import AccumulatorRegistry
from spark_kernel.core.shared_variables.broadcast import Broadcast
from spark_kernel.resource_managers.interface import ResourceManager
from spark_kernel.resource_managers.registry import resource_manager
from spark_kernel.resource_managers.scratch import machine_id
from spark_kernel.storage.options import StorageOptions

STOPPED = (
    "This SparkContext was stopped, and its datasets went with it. Start another one with "
    "SparkContext.getOrCreate() (in a notebook also: %spark start), and make the datasets anew."
)


class ContextSession:
    """What datasets ask for (`core/rdd/session.py`), and what a context offers beyond that."""

    def __init__(self, app_id: str, settings: Mapping[str, str], manager: ResourceManager | None = None) -> None:
        """Starts nothing. ``manager`` None means the one that the master URL in ``settings`` names.

        Raises MasterUrlError and SettingsError for what can't be used, StorageError for an event log that can't be
        written and an allocation file that can't be read.
        """
        settings_table.check(settings)
        self.app_id = app_id
        self.master = settings["spark.master"]
        self.settings = settings
        self.events = EventBus()
        self.scope = ThreadScope()
        self.facts = DatasetFacts()
        self.ledger = StatusLedger(
            jobs=settings_table.value_of(settings, "spark.ui.retainedJobs"),
            stages=settings_table.value_of(settings, "spark.ui.retainedStages"),
        )
        self.accumulators = AccumulatorRegistry()
        self.manager = resource_manager(self.master, settings) if manager is None else manager
        self._storage_options = StorageOptions.from_settings(settings)
        self.added_files: list[str] = []
        self.added_archives: list[str] = []
        self.stopped = False
        self.profiler_of: Callable[[SparkRdd], Profiler | None] = lambda rdd: None
        """What profiles the stage that ends with an RDD; set where profiles are asked for."""
        self._node_ids, self._shuffle_ids, self._rdd_ids, self._broadcast_ids = (Counter() for _ in range(4))
        self._file_versions = Counter()
        self._checkpoints = Checkpoints(
            self._storage_options,
            settings_table.value_of(settings, "spark.checkpoint.compress"),
            self.new_node_id,
            self.new_rdd_id,
        )
        if folder := settings_table.value_of(settings, "spark.checkpoint.dir"):
            self._checkpoints.set_folder(folder)
        self._broadcasts: weakref.WeakValueDictionary[int, Broadcast[Any]] = weakref.WeakValueDictionary()
        self._backend = PendingBackend()
        self._start = ClusterStart(
            self.manager,
            app_id,
            settings,
            self._backend,
            settings_table.value_of(settings, "spark.kernel.startTimeout"),
            turns_of(settings, self._storage_options),
        )
        self.runner = JobRunner(
            self._backend,
            self.events,
            limits_of(settings),
            self.level_of,
            self.name_of,
            self.accumulators.merge,
            speculation_of(settings),
            self._demand_of,
        )
        self._cleaner = Cleaner(self.runner.forget_shuffle, self._forget_node, self._forget_broadcast)
        self._event_log = self._open_event_log()

    def begin(self) -> None:
        """Start the cluster, in the background."""
        self.events.listen(self.ledger)
        self.events.announce(
            events.ApplicationStarted(time.time(), self.app_id, self.settings["spark.app.name"], self.master)
        )
        self.runner.start()
        self._cleaner.start()
        self._start.begin()

    def stop(self) -> None:
        """Cancel all jobs, end the cluster, let go of everything. Idempotent."""
        if self.stopped:
            return
        self.stopped = True
        self.runner.stop()
        self._cleaner.stop()
        self.manager.stop()
        self.events.announce(events.ApplicationEnded(time.time(), self.app_id))
        if self._event_log is not None:
            self._event_log.stop()

    def require_open(self) -> None:
        """Raises ContextError when the context was stopped."""
        if self.stopped:
            raise ContextError(STOPPED)

    # What datasets ask for

    @property
    def defaultParallelism(self) -> int:
        """Partitions of a dataset when nobody says how many. Waits for the cluster only where nothing else can tell."""
        chosen: int | None = settings_table.value_of(self.settings, "spark.default.parallelism")
        return chosen or promised_cores(self.master) or max(self._start.wait().cores, 2)

    @property
    def storage_options(self) -> StorageOptions:
        """How to reach storages."""
        return self._storage_options

    def setting(self, key: str) -> str | None:
        """A configuration value, or None when it is not set."""
        return self.settings.get(key)

    def new_node_id(self) -> int:
        """An id that no other node of the application has."""
        return self._node_ids.next()

    def new_shuffle_id(self) -> int:
        """An id that no other shuffle of the application has."""
        return self._shuffle_ids.next()

    def new_rdd_id(self) -> int:
        """What Spark would number its next RDD."""
        return self._rdd_ids.next()

    def adopt(self, node: Node) -> Node:
        """Take note of a node that was made: its shuffle's files are removed once nothing refers to it."""
        self.require_open()
        self._cleaner.watch(node)
        return node

    def run_job(
        self,
        node: Node,
        function: Callable[[Any], Any],
        partitions: Sequence[int],
        site: CallSite,
        on_result: Callable[[int, Any], None] | None = None,
    ) -> list[Any]:
        """``function`` of each of the partitions' iterators, in the order of ``partitions``, as one job.

        Raises ContextError after `stop`, ClusterError when there is no cluster, ActionHeldError inside `hold_actions`,
        and the errors of `JobRunner.run`.
        """
        self.require_open()
        for partition in partitions:
            if not 0 <= partition < node.num_partitions:
                raise IllegalArgumentException(
                    f"Attempting to access a non-existent partition: {partition}. "
                    f"Total number of partitions: {node.num_partitions}"
                )
        lineage = self._checkpoints.current_lineage(node)
        results = self._run(lineage, function, partitions, site, on_result)
        self._checkpoints.after_job(lineage, self._run_all, self._stands_in, self.cached)
        return results

    def plan(self, node: Node) -> events.JobGraph:
        """The stages that an action on ``node`` would have now. Nothing runs."""
        return self.runner.plan(self._checkpoints.current_lineage(node))

    def forget_shuffles(self, shuffle_ids: Iterable[int], blocking: bool) -> None:
        """Remove the files of shuffles; a job that reads one writes them again. ``blocking``: wait for it."""
        self.require_open()
        for shuffle_id in shuffle_ids:
            self.runner.forget_shuffle(shuffle_id)
        self._settle(blocking)

    def current(self, node: Node) -> Node:
        """The node itself, or what stands for it since it was checkpointed."""
        return self._checkpoints.current(node)

    def mark_checkpoint(self, node: Node, mark: CheckpointMark) -> None:
        """Checkpoint the dataset with the next job that computes it."""
        self._checkpoints.mark(node, mark)

    @property
    def checkpoint_folder(self) -> str | None:
        """Where checkpoints are written; None when nobody said."""
        return self._checkpoints.folder

    def set_checkpoint_folder(self, folder: str) -> None:
        """Write checkpoints below ``folder`` from now on."""
        self._checkpoints.set_folder(folder)

    def set_job_group(self, group: str, description: str, interrupt_on_cancel: bool) -> None:
        """Jobs that this thread starts from now on belong to the group."""
        said = {GROUP: group, DESCRIPTION: description, INTERRUPT: str(bool(interrupt_on_cancel)).lower()}
        for key, value in said.items():
            self.scope.set(key, value)

    def carry_over(self) -> Callable[[], AbstractContextManager[None]]:
        """A way for another thread to start jobs as if this one did."""
        return self.scope.carry_over()

    def level_of(self, node_id: int) -> StorageLevel | None:
        """The storage level of a persisted dataset, else None."""
        return self.facts.level_of(node_id)

    def persist(self, node: Node, level: StorageLevel) -> None:
        """Keep the dataset's partitions once they are computed."""
        self.require_open()
        if self.facts.persist(node, level):
            self._cleaner.watch_facts(node)

    def unpersist(self, node_id: int, blocking: bool) -> None:
        """Forget the dataset's partitions; ``blocking``: return when they are gone from all executors."""
        self.require_open()
        if self.facts.unpersist(node_id):
            self.runner.unpersist(node_id)
            self._settle(blocking)

    def cached(self, node_id: int) -> tuple[int, int, int]:
        """Cached partitions of a dataset, its bytes in memory and its bytes on disk."""
        return self.runner.cached(node_id) if self.level_of(node_id) is not None else (0, 0, 0)

    def name_of(self, node_id: int) -> str | None:
        """The dataset's name."""
        return self.facts.name_of(node_id)

    def resource_profile_of(self, node_id: int) -> ResourceProfile | None:
        """What the dataset's tasks take, or None when nobody has said."""
        return self.facts.profile_of(node_id)

    def set_resource_profile(self, node: Node, profile: ResourceProfile) -> None:
        """Say what the dataset's tasks take."""
        self.require_open()
        self.facts.set_profile(node.node_id, profile)
        self._cleaner.watch_facts(node)

    def set_name(self, node: Node, name: str | None) -> None:
        """Name a dataset, on behalf of ``setName``."""
        self.facts.set_name(node.node_id, name)
        self._named(node, name)

    # What a context offers beyond that

    def set_variable(self, node: Node, name: str) -> None:
        """Name a dataset after the variable it was assigned to."""
        self.facts.set_variable(node.node_id, name)
        self._named(node, self.facts.name_of(node.node_id))

    def broadcast(self, value: Any) -> Broadcast[Any]:
        """A broadcast variable that holds ``value``."""
        self.require_open()
        broadcast = Broadcast[Any](self._broadcast_ids.next(), value, self)
        data = _pickled_broadcast(value)
        self._backend.put_broadcast(broadcast.id, data)
        self._broadcasts[broadcast.id] = broadcast
        self._cleaner.watch_broadcast(broadcast)
        self.events.announce(events.BroadcastCreated(time.time(), broadcast.id, len(data)))
        return broadcast

    def unpersist_broadcast(self, broadcast_id: int, blocking: bool) -> None:
        """Drop the copies on the executors. Waits for it in any case: later copies must not go with them."""
        self.require_open()
        self._backend.drop_broadcast(broadcast_id)
        self._backend.settle()
        broadcast = self._broadcasts.get(broadcast_id)
        if broadcast is not None:
            # The next task that uses it finds it again.
            self._backend.put_broadcast(broadcast_id, dumps(broadcast.value))

    def destroy_broadcast(self, broadcast_id: int, blocking: bool) -> None:
        """Drop it everywhere, for good; ``blocking``: return when it is gone."""
        self._forget_broadcast(broadcast_id)
        self._settle(blocking)

    def put_file(self, path: Path, is_imported: bool = False) -> None:
        """Bring what is at ``path``, in the folder of added files, to the executors of other machines."""
        machine = machine_id(path.parent.parent)
        self._backend.put_file(AddedFile(path.name, self._file_versions.next(), machine, is_imported), path)

    def cancel(self, wanted: Callable[[int, JobLabels], bool], reason: str) -> list[int]:
        """Cancel the jobs for which ``wanted(job id, labels)``; returns their ids when their tasks have stopped."""
        self.require_open()
        return self.runner.cancel_jobs(wanted, reason)

    @contextmanager
    def run(self, run_id: str) -> Iterator[None]:
        """Jobs that this thread starts inside belong to that run."""
        with self.scope.within(replace(self.scope.current, run_id=run_id)):
            yield

    @contextmanager
    def hold_actions(self) -> Iterator[None]:
        """Actions that this thread calls inside are planned and announced, and raise ActionHeldError."""
        with self.scope.within(replace(self.scope.current, holds=True)):
            yield

    def wait_for_cluster(self) -> None:
        """Returns once the cluster is there. Raises ClusterError when it did not start."""
        self._start.wait()

    @property
    def cluster_state(self) -> str:
        """``starting``, ``running``, ``failed`` or ``stopped``."""
        if self.stopped:
            return "stopped"
        if self._start.error is not None:
            return "failed"
        return "running" if self._start.address is not None else "starting"

    def _run(
        self,
        node: Node,
        function: Callable[[Any], Any],
        partitions: Sequence[int],
        site: CallSite,
        on_result: Callable[[int, Any], None] | None = None,
    ) -> list[Any]:
        scope = self.scope.current
        if self._start.error is not None and not scope.holds:
            raise self._start.failure()
        try:
            return self.runner.run(JobRequest(node, partitions, function, site, scope.labels(), scope.holds), on_result)
        except JobFailedError:
            if self._start.error is not None:
                raise self._start.failure() from None
            raise

    def _run_all(self, node: Node, function: Callable[[Any], Any], site: CallSite) -> list[Any]:
        return self._run(node, function, range(node.num_partitions), site)

    def _stands_in(self, source: Node) -> None:
        """``source`` has taken the place, and the id, of a node: what is known of that must not go with it."""
        level = self.level_of(source.node_id)
        if level is not None:
            self.facts.persist(source, level)
        self._cleaner.watch_facts(source)

    def _demand_of(self, nodes: Iterable[Node]) -> Demand:
        """What each task takes of a stage with these datasets."""
        return demand_of(
            self.facts.profiles_of(nodes),
            settings_table.value_of(self.settings, "spark.task.cpus"),
            settings_table.value_of(self.settings, "spark.scheduler.resource.profileMergeConflicts"),
        )

    def _open_event_log(self) -> EventLog | None:
        if not settings_table.value_of(self.settings, "spark.eventLog.enabled"):
            return None
        log = EventLog(settings_table.value_of(self.settings, "spark.eventLog.dir"), self.app_id, self._storage_options)
        self.events.listen(log)
        return log

    def _named(self, node: Node, name: str | None) -> None:
        self._cleaner.watch_facts(node)
        if name:
            self.events.announce(events.DatasetNamed(time.time(), node.node_id, name))

    def _settle(self, blocking: bool) -> None:
        if blocking and not self.stopped:
            self._backend.settle()

    def _forget_node(self, node_id: int) -> None:
        self.facts.forget(node_id)
        if self.facts.unpersist(node_id) and not self.stopped:
            self.runner.unpersist(node_id)

    def _forget_broadcast(self, broadcast_id: int) -> None:
        if not self.stopped:
            self._backend.drop_broadcast(broadcast_id)


def _pickled_broadcast(value: Any) -> bytes:
    try:
        return dumps(value)
    except Exception as error:
        raise SerializationError(
            f"Could not serialize broadcast: {type(error).__name__}: {error}. A broadcast value travels to the "
            "workers: use plain values, and open connections and the like in the tasks."
        ) from error
