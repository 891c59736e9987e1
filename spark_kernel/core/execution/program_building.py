"""From lineage to the steps of a program: what is left out, what is merged, and in which order the rest stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from spark_kernel.core.execution.program import ReadCache, ReadShuffle, ReadSource, Step
from spark_kernel.core.execution.step_inputs import Inputs, Links, Stacked, StepInput
from spark_kernel.core.lineage.node import NarrowDependency, Node, ShuffleDependency
from spark_kernel.core.lineage.partition_maps import Span
from spark_kernel.core.lineage.recipes import Concatenate, Recipe, ShuffleRead, Source
from spark_kernel.core.lineage.storage_levels import StorageLevel, is_persisted

LevelOf = Callable[[int], StorageLevel | None]
"""The storage level of a dataset by its id, None when it is not persisted."""
IsCached = Callable[[Node], bool]
"""Whether every partition of a dataset is in the cache."""


class Steps:
    """The steps of the stage whose last dataset is ``final``, parents first.

    What is behind a fully cached dataset is left out: such a lineage may be as long as a program has been running.
    A union of unions becomes one union, in which a task finds its partition at once.
    """

    def __init__(self, final: Node, level_of: LevelOf, is_cached: IsCached) -> None:
        self._levels: dict[int, StorageLevel] = {}
        self._ends: set[int] = set()
        found, sides = self._walk(final, level_of, is_cached)
        self._merged = {node_id for node_id in sides if node_id not in self._levels and _is_union(found[node_id])}
        self.nodes = [found[node_id] for node_id in sorted(found) if node_id not in self._merged]
        """The datasets that the steps stand for."""
        self._index = {node.node_id: position for position, node in enumerate(self.nodes)}
        self.steps = tuple(map(self._step, self.nodes))
        self.stops_at = tuple(node for node in self.nodes if node.node_id in self._ends and node.dependencies)
        """The cached datasets behind which something is left out."""

    def _walk(self, final: Node, level_of: LevelOf, is_cached: IsCached) -> tuple[dict[int, Node], set[int]]:
        """All datasets that the steps may stand for, and those that nothing reads but one union."""
        found: dict[int, Node] = {}
        readers: Counter[int] = Counter()
        read_by_union: set[int] = set()
        pending = [final]
        while pending:
            node = pending.pop()
            if node.node_id in found:
                continue
            found[node.node_id] = node
            level = level_of(node.node_id)
            if level is not None and is_persisted(level):
                self._levels[node.node_id] = level
                if is_cached(node):
                    self._ends.add(node.node_id)
                    continue
            parents = [link.parent for link in node.dependencies if isinstance(link, NarrowDependency)]
            readers.update(parent.node_id for parent in parents)
            if _is_union(node):
                read_by_union.update(parent.node_id for parent in parents)
            pending.extend(parents)
        return found, {node_id for node_id in read_by_union if readers[node_id] == 1}

    def _step(self, node: Node) -> Step:
        return Step(
            node_id=node.node_id,
            operation=node.operation,
            call_site=node.call_site,
            action=ReadCache() if node.node_id in self._ends else _action(node),
            inputs=self._inputs(node),
            level=self._levels.get(node.node_id),
        )

    def _inputs(self, node: Node) -> Inputs:
        if node.node_id in self._ends:
            return Links()
        if _is_union(node):
            return Stacked((self._index[side.node_id], side.num_partitions) for side in self._sides(node))
        return Links(
            tuple(
                StepInput(self._index[link.parent.node_id], link.partitions)
                for link in node.dependencies
                if isinstance(link, NarrowDependency)
            )
        )

    def _sides(self, union: Node) -> Iterator[Node]:
        """What stands side by side in it, down to what is not merged into it."""
        pending = [link.parent for link in reversed(union.dependencies)]
        while pending:
            side = pending.pop()
            if side.node_id in self._merged:
                pending.extend(link.parent for link in reversed(side.dependencies))
            else:
                yield side


def _is_union(node: Node) -> bool:
    """Whether its partitions are those of its parents, one parent after the other."""
    if not isinstance(node.recipe, Concatenate):
        return False
    start = 0
    for link in node.dependencies:
        if not isinstance(link, NarrowDependency) or link.partitions != Span(start, link.parent.num_partitions):
            return False
        start += link.parent.num_partitions
    return bool(node.dependencies) and start == node.num_partitions


def _action(node: Node) -> Recipe | ReadSource | ReadShuffle:
    recipe = node.recipe
    if isinstance(recipe, Source):
        return ReadSource(recipe.read)
    if isinstance(recipe, ShuffleRead):
        return _read_shuffle(node.dependencies)
    return recipe


def _read_shuffle(dependencies: Sequence[Any]) -> ReadShuffle:
    (dependency,) = dependencies
    assert isinstance(dependency, ShuffleDependency)
    return ReadShuffle(dependency.shuffle_id, dependency.spec, dependency.parent.num_partitions)
