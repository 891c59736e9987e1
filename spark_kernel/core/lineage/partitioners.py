"""How a key chooses its partition. Equality decides whether two datasets are already partitioned alike."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, eq=False)
class Partitioner:
    """``function(key) % num_partitions`` is the key's partition.

    Equal to another when the number of partitions and the function are the same; the function by identity or
    equality, as in PySpark, so that two sorts, which make a range function each, are never partitioned alike.

    >>> Partitioner(4, hash) == Partitioner(4, hash), Partitioner(4, hash) == Partitioner(2, hash)
    (True, False)
    >>> Partitioner(4, hash)(10)
    2
    """

    num_partitions: int
    function: Callable[[Any], int]

    @property
    def numPartitions(self) -> int:
        """The number of partitions, by PySpark's name."""
        return self.num_partitions

    @property
    def partitionFunc(self) -> Callable[[Any], int]:
        """The function, by PySpark's name."""
        return self.function

    def __call__(self, key: Hashable) -> int:
        """The partition of ``key``."""
        return self.function(key) % self.num_partitions

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Partitioner)
            and self.num_partitions == other.num_partitions
            and self.function == other.function
        )

    def __hash__(self) -> int:
        return hash((self.num_partitions, self.function))
