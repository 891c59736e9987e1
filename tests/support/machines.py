"""The stage scheduler, held by the hand: stimuli in, and what it said in an easily compared form."""

from __future__ import annotations

from spark_kernel.common.call_sites import CallSite
from spark_kernel.core.lineage.storage_levels import StorageLevel
from spark_kernel.core.scheduler import messages
from spark_kernel.core.scheduler.block_registry import BlockRegistry
from spark_kernel.core.scheduler.job_graph import NodeFacts
from spark_kernel.core.scheduler.limits import Limits
from spark_kernel.core.scheduler.map_output_registry import MapOutputRegistry
from spark_kernel.core.scheduler.messages import JobLabels
from spark_kernel.core.scheduler.state_machine import StageScheduler
from tests.support.lineages import output, succeeded


class Machine:
    """A scheduler under test, with what it said last in an easily compared form."""

    def __init__(self, limits: Limits | None = None, persisted: set[int] | None = None) -> None:
        self.persisted = persisted or set()
        self.map_outputs = MapOutputRegistry()
        self.blocks = BlockRegistry()
        facts = NodeFacts(
            level=lambda node_id: StorageLevel.MEMORY_ONLY if node_id in self.persisted else None,
            name=lambda node_id: None,
            cached_partitions=self.blocks.cached_partitions,
        )
        self.scheduler = StageScheduler(limits or Limits(), facts, self.map_outputs, self.blocks)
        self.tasks: dict[tuple[int, int], int] = {}
        self.said: list[messages.Instruction] = []

    def tell(self, *stimuli):
        self.said = []
        for stimulus in stimuli:
            self.said += self.scheduler.handle(stimulus, now=1.0)
        for order in self.of(messages.SubmitTasks):
            self.tasks.update({(order.stage_id, task.partition): task.task_id for task in order.tasks})
        return self.submitted()

    def submit(self, node, job_id=0, partitions=None):
        partitions = tuple(range(node.num_partitions)) if partitions is None else partitions
        return self.tell(messages.SubmitJob(job_id, node, partitions, CallSite("collect", "lesson.py", 9), JobLabels()))

    def of(self, kind):
        return [each for each in self.said if isinstance(each, kind)]

    def announced(self, kind):
        return [each.event for each in self.of(messages.Announce) if isinstance(each.event, kind)]

    def submitted(self):
        """(stage, attempt, partitions) of each order."""
        return [
            (order.stage_id, order.stage_attempt, [task.partition for task in order.tasks])
            for order in self.of(messages.SubmitTasks)
        ]

    def finished(self):
        return {each.job_id: each.error for each in self.of(messages.FinishJob)}

    def run_maps(self, stage_id, partitions=2, machine="m1"):
        return self.tell(*(succeeded(self.tasks[stage_id, p], output(p, machine)) for p in range(partitions)))
