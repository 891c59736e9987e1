"""Checkpoints: a dataset written to storage, or pinned in the executors' stores, so that its lineage can be dropped.

A dataset is marked first; the next job that computes it is followed by one that writes it (Spark's
``RDD.doCheckpoint``). From then on a source that reads what was written stands for its node, under the same id, so
that what is cached of it stays valid. Nodes are immutable: datasets that were made from it before find the source when
their lineage is looked at, by `current_lineage`.
"""

from __future__ import annotations

import uuid
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from pyspark.errors import PySparkRuntimeError

from spark_kernel.common.call_sites import CallSite
from spark_kernel.core.lineage.node import NarrowDependency, Node
from spark_kernel.core.lineage.partition_maps import OneToOne
from spark_kernel.core.lineage.recipes import Source
from spark_kernel.core.rdd.checkpoint_files import ReadBatches, WriteBatches
from spark_kernel.core.rdd.checkpointing import CheckpointMark, LostBlock
from spark_kernel.core.rdd.folds import count_records
from spark_kernel.core.rdd.spark_rdds import SparkRdd
from spark_kernel.storage.filesystems import absolute_url
from spark_kernel.storage.options import StorageOptions
from spark_kernel.storage.outputs import DirectoryOutput

RunJob = Callable[[Node, Callable[[Any], Any], CallSite], list[Any]]


class Checkpoints:
    """What was asked to be checkpointed in one context, and what stands for it."""

    def __init__(
        self,
        options: StorageOptions,
        compresses: bool,
        new_node_id: Callable[[], int],
        new_rdd_id: Callable[[], int],
    ) -> None:
        """``compresses`` says whether files are written compressed."""
        self.folder: str | None = None
        """Where checkpoints are written; a folder of this context's own."""
        self._options = options
        self._compresses = compresses
        self._new_node_id = new_node_id
        self._new_rdd_id = new_rdd_id
        self._marked: weakref.WeakValueDictionary[int, Node] = weakref.WeakValueDictionary()
        """By id, since a job may see a copy of the node, on top of other checkpoints."""
        self._marks: weakref.WeakKeyDictionary[Node, CheckpointMark] = weakref.WeakKeyDictionary()
        self._current: weakref.WeakKeyDictionary[Node, Node] = weakref.WeakKeyDictionary()
        # What was found out about lineages, so that a job looks only at what was made since the one before.
        self._rebuilt: weakref.WeakKeyDictionary[Node, Node] = weakref.WeakKeyDictionary()
        self._as_it_was: weakref.WeakSet[Node] = weakref.WeakSet()
        self._looked_at: weakref.WeakSet[Node] = weakref.WeakSet()

    def set_folder(self, folder: str) -> None:
        """Write checkpoints below ``folder`` from now on."""
        self.folder = f"{absolute_url(folder).rstrip('/')}/{uuid.uuid4()}"

    def mark(self, node: Node, mark: CheckpointMark) -> None:
        """Checkpoint the dataset with the next job that computes it.

        Raises PySparkRuntimeError when it has to be written and nobody said where.
        """
        if mark.is_reliable and self.folder is None:
            raise PySparkRuntimeError(
                "Checkpoint directory has not been set in the SparkContext. Call sc.setCheckpointDir(folder) first, "
                "with a folder that all machines of the cluster see."
            )
        self._looked_at.clear()
        self._marks[node] = mark
        self._marked[node.node_id] = node

    def current(self, node: Node) -> Node:
        """The node itself, or the source that stands for it."""
        return self._current.get(node, node) if self._current else node

    def current_lineage(self, final: Node) -> Node:
        """``final`` on top of sources, wherever these stand for what it was made from."""
        if not self._current:
            return final
        pending = [final]
        while pending:
            node = pending[-1]
            unknown = [link.parent for link in node.dependencies if self._lineage_of(link.parent) is None]
            if unknown and self._lineage_of(node) is None:
                pending.extend(unknown)
                continue
            pending.pop()
            if self._lineage_of(node) is None:
                self._rebuild(node)
        return self._lineage_of(final) or final

    def _lineage_of(self, node: Node) -> Node | None:
        """What stands for the node in jobs; None when that is not known."""
        return self._current.get(node) or self._rebuilt.get(node) or (node if node in self._as_it_was else None)

    def _rebuild(self, node: Node) -> None:
        """Find out what stands for the node, when that is known of its parents."""
        parents = [self._lineage_of(link.parent) or link.parent for link in node.dependencies]
        links = list(zip(parents, node.dependencies, strict=True))
        if all(parent is link.parent for parent, link in links):
            self._as_it_was.add(node)
        else:
            changed = tuple(replace(link, parent=parent) for parent, link in links)
            self._rebuilt[node] = replace(node, dependencies=changed)

    def after_job(
        self, final: Node, run: RunJob, stands: Callable[[Node], None], cached: Callable[[int], tuple[int, int, int]]
    ) -> None:
        """Write what is marked among the datasets that a job on ``final`` has computed.

        ``stands`` is told of each source that stands for a node now, under the node's id; ``cached`` says how many
        partitions of a node are stored, first of all.
        """
        if not self._marks:
            return
        for node in list(self._not_looked_at(final)):
            self._looked_at.add(node)
            marked = self._marked.get(node.node_id)
            mark = self._marks.get(marked) if marked is not None else None
            if marked is None or mark is None or mark.is_done:
                continue
            source = self._written(node, mark, run) if mark.is_reliable else self._pinned(node, mark, run, cached)
            self._stand_in(marked, source, mark)
            stands(source)

    def _not_looked_at(self, final: Node) -> Iterator[Node]:
        pending = [final]
        seen: set[int] = set()
        while pending:
            node = pending.pop()
            if node.node_id not in seen and node not in self._looked_at:
                seen.add(node.node_id)
                yield node
                pending.extend(link.parent for link in reversed(node.dependencies))

    def _written(self, node: Node, mark: CheckpointMark, run: RunJob) -> Node:
        mark.url = f"{self.folder}/rdd-{mark.spark_rdd.rdd_id}"
        output = DirectoryOutput(mark.url, self._options)
        writing = Node(
            node_id=self._new_node_id(),
            operation="checkpoint",
            call_site=mark.site,
            recipe=WriteBatches(output, self._compresses),
            num_partitions=node.num_partitions,
            dependencies=(NarrowDependency(node, OneToOne()),),
        )
        output.prepare()
        try:
            output.commit(dict(enumerate(part[0] for part in run(writing, list, mark.site))))
        except BaseException:
            output.abort()
            raise
        parts = tuple(f"{mark.url}/part-{partition:05d}" for partition in range(node.num_partitions))
        return _source(node, Source(parts, ReadBatches(self._options)))

    def _pinned(
        self, node: Node, mark: CheckpointMark, run: RunJob, cached: Callable[[int], tuple[int, int, int]]
    ) -> Node:
        if cached(node.node_id)[0] < node.num_partitions:
            # Partitions that the job did not need are computed and stored now.
            run(node, count_records, mark.site)
        return _source(node, Source((None,) * node.num_partitions, LostBlock(mark.spark_rdd.rdd_id)))

    def _stand_in(self, node: Node, source: Node, mark: CheckpointMark) -> None:
        self._current[node] = source
        self._rebuilt.clear()
        self._as_it_was.clear()
        mark.is_done = True
        rdd = mark.spark_rdd
        kind = "ReliableCheckpointRDD" if mark.is_reliable else "LocalCheckpointRDD"
        rdd.parents = (SparkRdd(self._new_rdd_id(), kind, mark.site, node.num_partitions),)
        rdd.is_shuffled = False


def _source(node: Node, source: Source) -> Node:
    return replace(node, recipe=source, dependencies=())
