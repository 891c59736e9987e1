"""From the state machine's `SubmitTasks` to the `TaskBatch` that the backend gets: program, payloads, places."""

from __future__ import annotations

from spark_kernel.core.execution.backend import Demand, TaskBatch, TaskSpec
from spark_kernel.core.execution.serialization import CompiledProgram
from spark_kernel.core.scheduler.block_registry import BlockRegistry
from spark_kernel.core.scheduler.map_output_registry import MapOutputRegistry
from spark_kernel.core.scheduler.messages import SubmitTasks

_MAX_PREFERRED = 3


def task_batch(
    order: SubmitTasks,
    program: CompiledProgram,
    map_outputs: MapOutputRegistry,
    blocks: BlockRegistry,
    max_result_bytes: int,
    demand: Demand,
) -> TaskBatch:
    """Everything that the tasks of ``order`` need to run anywhere.

    ``max_result_bytes`` is how large the results of a job may be, 0 for no limit; ``demand`` what each task takes.
    """
    cached_blocks = {node_id: holders for node_id in program.persisted if (holders := blocks.holders(node_id))}
    known = {} if order.needs_lineage else cached_blocks
    final = order.outline.final
    return TaskBatch(
        job_id=order.job_id,
        stage_id=order.stage_id,
        stage_attempt=order.stage_attempt,
        operation=final.operation,
        program=program.data,
        sides=program.sides,
        tasks=tuple(
            TaskSpec(
                task_id=task.task_id,
                partition=task.partition,
                attempt=task.attempt,
                payloads=program.payloads_for(task.partition, known),
                preferred=program.holders(task.partition, cached_blocks)[:_MAX_PREFERRED],
                avoid=() if task.avoid is None else (task.avoid,),
            )
            for task in order.tasks
        ),
        shuffle_inputs={shuffle_id: map_outputs.outputs(shuffle_id) for shuffle_id in program.shuffle_ids},
        cached_blocks=cached_blocks,
        broadcasts=program.broadcasts,
        priority=order.job_id,
        properties=order.properties,
        is_gang=order.outline.is_barrier,
        demand=demand,
        max_result_bytes=max_result_bytes if order.outline.shuffle is None else 0,
    )
