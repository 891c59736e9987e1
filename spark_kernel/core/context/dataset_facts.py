"""What is known of datasets besides their lineage: names, storage levels and resource profiles.

By node id, until the node is gone.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable

from pyspark.resource import ResourceProfile

from spark_kernel.core.lineage.node import Node
from spark_kernel.core.lineage.storage_levels import StorageLevel, is_persisted


class DatasetFacts:
    """Names, levels and profiles of the datasets of one context. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._given_names: dict[int, str] = {}
        self._variables: dict[int, str] = {}
        self._levels: dict[int, StorageLevel] = {}
        self._profiles: dict[int, ResourceProfile] = {}
        self._persisted: weakref.WeakValueDictionary[int, Node] = weakref.WeakValueDictionary()

    def persist(self, node: Node, level: StorageLevel) -> bool:
        """Note the level; returns whether the dataset was not persisted before."""
        if not is_persisted(level):
            return False
        with self._lock:
            is_first = node.node_id not in self._levels
            self._levels[node.node_id] = level
            self._persisted[node.node_id] = node
        return is_first

    def unpersist(self, node_id: int) -> bool:
        """Forget the level; returns whether there was one."""
        with self._lock:
            self._persisted.pop(node_id, None)
            return self._levels.pop(node_id, None) is not None

    def level_of(self, node_id: int) -> StorageLevel | None:
        """The level, or None when it is not persisted."""
        return self._levels.get(node_id)

    def persisted(self) -> list[tuple[Node, StorageLevel]]:
        """The persisted datasets."""
        with self._lock:
            return [(node, self._levels[node_id]) for node_id, node in sorted(self._persisted.items())]

    def set_name(self, node_id: int, name: str | None) -> None:
        """The user named the dataset."""
        _put(self._given_names, node_id, name)

    def set_variable(self, node_id: int, name: str) -> None:
        """The dataset was assigned to a variable."""
        _put(self._variables, node_id, name)

    def name_of(self, node_id: int) -> str | None:
        """The name that the user gave, else that of its variable, else None."""
        return self._given_names.get(node_id) or self._variables.get(node_id)

    def set_profile(self, node_id: int, profile: ResourceProfile) -> None:
        """The dataset's tasks take what the profile says."""
        with self._lock:
            self._profiles[node_id] = profile

    def profile_of(self, node_id: int) -> ResourceProfile | None:
        """What the dataset's tasks take, or None when nobody has said."""
        return self._profiles.get(node_id)

    def profiles_of(self, nodes: Iterable[Node]) -> list[ResourceProfile]:
        """The profiles of those of ``nodes`` that have one."""
        if not self._profiles:
            return []
        return [self._profiles[node.node_id] for node in nodes if node.node_id in self._profiles]

    def forget(self, node_id: int) -> None:
        """The dataset is gone."""
        self._given_names.pop(node_id, None)
        self._variables.pop(node_id, None)
        self._profiles.pop(node_id, None)


def _put(names: dict[int, str], node_id: int, name: str | None) -> None:
    if name:
        names[node_id] = name
    else:
        names.pop(node_id, None)
