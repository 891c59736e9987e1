"""Cutting lineage into stages, and saying which of them have to run. Pure functions; no ids, no state.

    textFile ── flatMap ── map ══╗          ══ shuffle: a stage ends here
                                 ╠══ reduceByKey ── collect
    stage 0 ─────────────────────╝   stage 1 ─────────────

A stage is a dataset with everything that it reads through narrow dependencies. Its parents are the shuffles at its
border. What a fully cached dataset or a finished shuffle hides does not have to run. It is listed for those who look
at the job, but only so far: the lineage of an iterative program grows with each round, and the work of planning a
round must not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import islice

from spark_kernel.common.call_sites import CallSite
from spark_kernel.core.lineage.node import NarrowDependency, Node, ShuffleDependency

MOST_HIDDEN = 100
"""How many of the datasets that a job need not compute are listed with it, the nearest first."""

IsCached = Callable[[Node], bool]
"""Whether every partition of a dataset is in the cache."""
IsShuffled = Callable[[ShuffleDependency], bool]
"""Whether every map output of a shuffle is there."""


@dataclass(frozen=True)
class StageOutline:
    """One stage, before it has an id."""

    final: Node
    """The dataset that its tasks compute; they have the dataset's partitions."""
    shuffle: ShuffleDependency | None
    """The shuffle that it writes; None for the stage that delivers the job's result."""
    nodes: tuple[Node, ...]
    """The datasets between its border and ``final`` that are listed, parents first."""
    parents: tuple[int, ...]
    """shuffle_ids that it reads and that are listed, in the order in which the lineage names them."""
    is_needed: bool = True
    """Whether it had to run when the job was planned."""
    asked_by: CallSite | None = None
    """The operation that asked for the shuffle."""

    @property
    def is_barrier(self) -> bool:
        """All its tasks run at the same time, because one of its datasets, listed or not, asks for that."""
        return self.final.runs_in_barrier


def _never(_: object) -> bool:
    return False


def outline(
    final: Node, is_cached: IsCached = _never, is_shuffled: IsShuffled = _never, most_hidden: int = MOST_HIDDEN
) -> tuple[StageOutline, ...]:
    """The stages of a job that computes ``final``: parents first, the result stage last, each shuffle once.

    All stages that have to run, with all that they compute, and ``most_hidden`` datasets beyond that.
    """
    needed, known = _extent(final, is_cached, is_shuffled, most_hidden)
    stages: dict[int, StageOutline] = {}
    pending = [_Unfinished(final, None, None, known)]
    while pending:
        stage = pending[-1]
        child = next((read for read in stage.unread if read[0].shuffle_id not in stages), None)
        if child is not None:
            link, reader = child
            pending.append(_Unfinished(link.parent, link, reader.call_site, known))
            continue
        pending.pop()
        if stage.shuffle is not None:
            stages[stage.shuffle.shuffle_id] = stage.outline(stage.shuffle.shuffle_id in needed)
    return (*stages.values(), stage.outline(True))


def outline_of_shuffle(shuffle: ShuffleDependency, is_cached: IsCached) -> StageOutline:
    """The stage that writes a shuffle which was taken for written when the job was planned, down to cached datasets."""
    nodes = {node.node_id: node for node in _live_stage(shuffle.parent, is_cached)}
    return StageOutline(shuffle.parent, shuffle, tuple(nodes[node_id] for node_id in sorted(nodes)), ())


def missing_parents(final: Node, is_cached: IsCached, is_shuffled: IsShuffled) -> tuple[ShuffleDependency, ...]:
    """The shuffles that must be written before the stage of ``final`` can run."""
    links = (link for node in _live_stage(final, is_cached) if not is_cached(node) for link in node.dependencies)
    missing = {link.shuffle_id: link for link in links if isinstance(link, ShuffleDependency) and not is_shuffled(link)}
    return tuple(missing.values())


def _live_stage(final: Node, is_cached: IsCached) -> Iterator[Node]:
    """What ``final`` reads through narrow dependencies, itself included, down to cached datasets."""
    seen: set[int] = set()
    pending = [final]
    while pending:
        node = pending.pop()
        if node.node_id in seen:
            continue
        seen.add(node.node_id)
        yield node
        if not is_cached(node):
            pending.extend(link.parent for link in reversed(node.dependencies) if isinstance(link, NarrowDependency))


def _extent(
    final: Node, is_cached: IsCached, is_shuffled: IsShuffled, most_hidden: int
) -> tuple[Collection[int], Collection[int]]:
    """The shuffles that have to be written, and the datasets that are listed; by id."""
    needed: set[int] = set()
    known: set[int] = set()
    hidden: deque[Node] = deque()
    pending = [final]
    while pending:
        node = pending.pop()
        if node.node_id in known:
            continue
        known.add(node.node_id)
        if is_cached(node):
            hidden.extend(islice((link.parent for link in node.dependencies), most_hidden))
            continue
        for link in node.dependencies:
            if isinstance(link, NarrowDependency):
                pending.append(link.parent)
            elif is_shuffled(link):
                hidden.append(link.parent)
            else:
                needed.add(link.shuffle_id)
                pending.append(link.parent)
    listed = len(known) + most_hidden
    while hidden and len(known) < listed:
        node = hidden.popleft()
        if node.node_id not in known:
            known.add(node.node_id)
            hidden.extend(islice((link.parent for link in node.dependencies), most_hidden))
    return needed, known


class _Unfinished:
    """A stage on the way to its outline: the listed part of it, and the shuffles at its border."""

    def __init__(
        self, final: Node, shuffle: ShuffleDependency | None, asked_by: CallSite | None, known: Collection[int]
    ) -> None:
        self.shuffle = shuffle
        self._final = final
        self._asked_by = asked_by
        self._nodes: dict[int, Node] = {}
        self._reads: dict[int, tuple[ShuffleDependency, Node]] = {}
        self._walk(known)
        self.unread = iter(self._reads.values())
        """The shuffles at its border that were not looked at, each with the dataset that reads it."""

    def _walk(self, known: Collection[int]) -> None:
        pending = [self._final]
        while pending:
            node = pending.pop()
            if node.node_id in self._nodes:
                continue
            self._nodes[node.node_id] = node
            for link in reversed(node.dependencies):
                if link.parent.node_id not in known:
                    continue
                if isinstance(link, NarrowDependency):
                    pending.append(link.parent)
                else:
                    self._reads.setdefault(link.shuffle_id, (link, node))

    def outline(self, is_needed: bool) -> StageOutline:
        """The stage, complete."""
        nodes = tuple(self._nodes[node_id] for node_id in sorted(self._nodes))
        return StageOutline(self._final, self.shuffle, nodes, tuple(self._reads), is_needed, self._asked_by)
