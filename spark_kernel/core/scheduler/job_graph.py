"""The picture of a job as an event carries it: lineage nodes and edges, cut into stages. Pure."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass

from spark_kernel.common.events import EdgeInfo, JobGraph, NodeInfo, StageInfo
from spark_kernel.core.lineage.node import Node, ShuffleDependency
from spark_kernel.core.lineage.recipes import Source
from spark_kernel.core.lineage.storage_levels import StorageLevel, is_persisted
from spark_kernel.core.scheduler.planner import StageOutline


@dataclass(frozen=True)
class NodeFacts:
    """What is known of datasets besides their lineage; each function takes a node id."""

    level: Callable[[int], StorageLevel | None]
    name: Callable[[int], str | None]
    cached_partitions: Callable[[int], int]


def job_graph(stages: Mapping[int, StageOutline], facts: NodeFacts, results: int | None = None) -> JobGraph:
    """The graph of the job whose ``stages`` are given by stage id, parents first.

    ``results`` is how many partitions of its last dataset the job asks for, when it does not ask for all.
    """
    nodes = {node.node_id: node for stage in stages.values() for node in stage.nodes}
    in_order = [nodes[node_id] for node_id in sorted(nodes)]
    stage_of_shuffle = {stage.shuffle.shuffle_id: key for key, stage in stages.items() if stage.shuffle is not None}
    return JobGraph(
        nodes=tuple(node_info(node, facts) for node in in_order),
        edges=tuple(edge for node in in_order for edge in _edges(node, nodes)),
        stages=tuple(_stage_info(key, stage, stage_of_shuffle, results) for key, stage in stages.items()),
    )


def node_info(node: Node, facts: NodeFacts) -> NodeInfo:
    """One dataset as a picture needs it."""
    level = facts.level(node.node_id)
    return NodeInfo(
        node_id=node.node_id,
        operation=node.operation,
        call_site=node.call_site,
        partitions=node.num_partitions,
        name=facts.name(node.node_id),
        storage_level=str(level) if level is not None and is_persisted(level) else None,
        cached_partitions=facts.cached_partitions(node.node_id),
        estimated_bytes=node.recipe.estimated_bytes if isinstance(node.recipe, Source) else None,
    )


def _edges(node: Node, listed: Container[int]) -> Sequence[EdgeInfo]:
    return [
        EdgeInfo(link.parent.node_id, node.node_id, "shuffle", link.shuffle_id)
        if isinstance(link, ShuffleDependency)
        else EdgeInfo(link.parent.node_id, node.node_id, "narrow")
        for link in node.dependencies
        if link.parent.node_id in listed
    ]


def _stage_info(
    stage_id: int, stage: StageOutline, stage_of_shuffle: Mapping[int, int], results: int | None
) -> StageInfo:
    is_result = stage.shuffle is None
    return StageInfo(
        stage_id=stage_id,
        kind="result" if is_result else "shuffle_map",
        name=str(stage.final.call_site),
        node_ids=tuple(node.node_id for node in stage.nodes),
        parents=tuple(stage_of_shuffle[shuffle_id] for shuffle_id in stage.parents),
        tasks=results if is_result and results is not None else stage.final.num_partitions,
        skipped=not stage.is_needed,
        barrier=stage.is_barrier,
    )
