"""From the state machine's `SubmitTasks` to the `TaskBatch` that the backend gets: program, payloads, places."""

from __future__ import annotations

from collections.abc import Mapping

from spark_kernel.core.execution.backend import TaskBatch, TaskSpec
from spark_kernel.core.execution.serialization import CompiledProgram
from spark_kernel.core.lineage.node import NarrowDependency, Node
from spark_kernel.core.scheduler.block_registry import BlockRegistry
from spark_kernel.core.scheduler.map_output_registry import MapOutputRegistry
from spark_kernel.core.scheduler.messages import SubmitTasks

_MAX_PREFERRED = 3


def task_batch(
    order: SubmitTasks,
    program: CompiledProgram,
    map_outputs: MapOutputRegistry,
    blocks: BlockRegistry,
    max_result_bytes: int = 0,
) -> TaskBatch:
    """Everything that the tasks of ``order`` need to run anywhere.

    ``max_result_bytes`` is how large the results of a job may be; 0 for no limit.
    """
    cached_blocks = {node_id: holders for node_id in program.persisted if (holders := blocks.holders(node_id))}
    final = order.outline.final
    return TaskBatch(
        job_id=order.job_id,
        stage_id=order.stage_id,
        stage_attempt=order.stage_attempt,
        operation=final.operation,
        program=program.data,
        tasks=tuple(
            TaskSpec(
                task_id=task.task_id,
                partition=task.partition,
                attempt=task.attempt,
                payloads=program.payloads_for(task.partition),
                preferred=preferred_executors(final, task.partition, cached_blocks),
                avoid=() if task.avoid is None else (task.avoid,),
            )
            for task in order.tasks
        ),
        shuffle_inputs={shuffle_id: map_outputs.outputs(shuffle_id) for shuffle_id in order.outline.parents},
        cached_blocks=cached_blocks,
        broadcasts=program.broadcasts,
        priority=order.job_id,
        properties=order.properties,
        is_gang=order.outline.is_barrier,
        max_result_bytes=max_result_bytes if order.outline.shuffle is None else 0,
    )


def preferred_executors(
    final: Node, partition: int, cached_blocks: Mapping[int, Mapping[int, tuple[str, ...]]]
) -> tuple[str, ...]:
    """The executors that hold what ``partition`` reads: those of the first cached block on its narrow lineage."""
    if not cached_blocks:
        return ()
    seen: set[tuple[int, int]] = set()
    pending: list[tuple[Node, int]] = [(final, partition)]
    while pending:
        node, index = pending.pop()
        if (node.node_id, index) in seen:
            continue
        seen.add((node.node_id, index))
        holders = cached_blocks.get(node.node_id, {}).get(index)
        if holders:
            return holders[:_MAX_PREFERRED]
        narrow = [link for link in node.dependencies if isinstance(link, NarrowDependency)]
        pending.extend(
            (link.parent, p) for link in reversed(narrow) for p in reversed(link.partitions.parents_of(index))
        )
    return ()
