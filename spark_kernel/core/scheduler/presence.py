"""What need not be computed, because it is there: cached datasets and written shuffles. Asked by whoever plans."""

from __future__ import annotations

from spark_kernel.core.lineage.node import Node, ShuffleDependency
from spark_kernel.core.scheduler.block_registry import BlockRegistry
from spark_kernel.core.scheduler.map_output_registry import MapOutputRegistry


class Presence:
    """A view of the two registries."""

    def __init__(self, map_outputs: MapOutputRegistry, blocks: BlockRegistry) -> None:
        self._map_outputs = map_outputs
        self._blocks = blocks

    def is_cached(self, node: Node) -> bool:
        """Whether every partition of the dataset is held by some executor."""
        return self._blocks.is_complete(node.node_id, node.num_partitions)

    def is_shuffled(self, link: ShuffleDependency) -> bool:
        """Whether every map output of the shuffle is registered."""
        return self._map_outputs.is_complete(link.shuffle_id, link.parent.num_partitions)
