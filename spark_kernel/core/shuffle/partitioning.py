"""Which partition each of many keys belongs to, at C speed where the partition function allows it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from operator import mod
from typing import Any

from spark_kernel.core.lineage.partitioners import Partitioner
from spark_kernel.core.shuffle.portable_hash import portable_hash, portable_hashes


def partitions_of(partitioner: Partitioner, keys: Sequence[Any]) -> list[int]:
    """The partition of each key.

    A partition function that knows a faster way for many keys at once offers it as a method ``of_many(keys)``, which
    gives what calling the function on each key would give.

    >>> partitions_of(Partitioner(4, portable_hash), [1, 5, 6])
    [1, 1, 2]
    """
    if partitioner.num_partitions == 1:
        return [0] * len(keys)
    function = partitioner.function
    if function is portable_hash:
        numbers: Sequence[int] = portable_hashes(keys)
    else:
        of_many = getattr(function, "of_many", None)
        numbers = [function(key) for key in keys] if of_many is None else of_many(keys)
    return list(map(mod, numbers, repeat(partitioner.num_partitions)))
