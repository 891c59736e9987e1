"""Cutting lineage into stages, and saying which of them have to run. Pure functions; no ids, no state.

    textFile ── flatMap ── map ══╗          ══ shuffle: a stage ends here
                                 ╠══ reduceByKey ── collect
    stage 0 ─────────────────────╝   stage 1 ─────────────

A stage is a dataset with everything that it reads through narrow dependencies. Its parents are the shuffles at its
border. What a fully cached dataset or a finished shuffle hides does not have to run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from spark_kernel.core.lineage.node import NarrowDependency, Node, ShuffleDependency, walk


@dataclass(frozen=True)
class StageOutline:
    """One stage, before it has an id."""

    final: Node
    """The dataset that its tasks compute; they have the dataset's partitions."""
    shuffle: ShuffleDependency | None
    """The shuffle that it writes; None for the stage that delivers the job's result."""
    nodes: tuple[Node, ...]
    """The datasets between its border and ``final``, parents first."""
    parents: tuple[int, ...]
    """shuffle_ids that it reads, in the order in which the lineage names them."""
    is_barrier: bool = False
    """All its tasks run at the same time, because one of its datasets asks for that."""


def outline(final: Node) -> tuple[StageOutline, ...]:
    """The stages of a job that computes ``final``: parents first, the result stage last, each shuffle once."""
    stages: dict[int, StageOutline] = {}
    for dependency in _shuffles_parents_first(final):
        stages[dependency.shuffle_id] = _outline_stage(dependency.parent, dependency)
    return (*stages.values(), _outline_stage(final, None))


def missing_parents(
    stage: StageOutline, is_cached: Callable[[Node], bool], is_shuffled: Callable[[int], bool]
) -> tuple[int, ...]:
    """The shuffles that must be written before ``stage`` can run.

    ``is_cached`` says whether every partition of a dataset is in the cache, ``is_shuffled`` whether every map output
    of a shuffle is there.
    """
    return tuple(
        dependency.shuffle_id
        for dependency in _border(stage.final, is_cached)
        if not is_shuffled(dependency.shuffle_id)
    )


def stages_to_run(
    stages: Sequence[StageOutline], is_cached: Callable[[Node], bool], is_shuffled: Callable[[int], bool]
) -> tuple[StageOutline, ...]:
    """Those of a job's ``stages`` that can't be skipped, parents first."""
    by_shuffle = {stage.shuffle.shuffle_id: stage for stage in stages if stage.shuffle is not None}
    needed: set[int] = set()
    pending = [stage for stage in stages if stage.shuffle is None]
    while pending:
        for shuffle_id in missing_parents(pending.pop(), is_cached, is_shuffled):
            if shuffle_id not in needed:
                needed.add(shuffle_id)
                pending.append(by_shuffle[shuffle_id])
    return tuple(stage for stage in stages if stage.shuffle is None or stage.shuffle.shuffle_id in needed)


def _outline_stage(final: Node, shuffle: ShuffleDependency | None) -> StageOutline:
    nodes = sorted(walk([final], into_shuffles=False), key=lambda node: node.node_id)
    parents = dict.fromkeys(dependency.shuffle_id for dependency in _border(final, lambda _: False))
    is_barrier = any(node.is_barrier for node in nodes)
    return StageOutline(final, shuffle, tuple(nodes), tuple(parents), is_barrier)


def _border(final: Node, is_cached: Callable[[Node], bool]) -> Iterator[ShuffleDependency]:
    """The shuffles that ``final`` reads through narrow dependencies that no cached dataset hides."""
    seen: set[int] = set()
    pending = [final]
    while pending:
        node = pending.pop()
        if node.node_id in seen:
            continue
        seen.add(node.node_id)
        if is_cached(node):
            continue
        yield from (link for link in node.dependencies if isinstance(link, ShuffleDependency))
        pending.extend(link.parent for link in reversed(node.dependencies) if isinstance(link, NarrowDependency))


def _shuffles_parents_first(final: Node) -> Iterable[ShuffleDependency]:
    """Every shuffle under ``final``, each once, after all that it stands on."""
    done: dict[int, ShuffleDependency] = {}
    pending: list[tuple[ShuffleDependency | None, Iterator[ShuffleDependency]]] = [(None, _all_borders(final))]
    while pending:
        dependency, below = pending[-1]
        child = next((link for link in below if link.shuffle_id not in done), None)
        if child is not None:
            pending.append((child, _all_borders(child.parent)))
            continue
        pending.pop()
        if dependency is not None:
            done.setdefault(dependency.shuffle_id, dependency)
    return done.values()


def _all_borders(node: Node) -> Iterator[ShuffleDependency]:
    return _border(node, lambda _: False)
