"""Groups of values that are more than memory holds: kept in a file, and read from it whenever somebody iterates.

`merging.py` moves a group here when it is a large part of a full dictionary: cutting such a dictionary by its keys does
not make that group smaller. `writer.py` cuts large groups into pieces, so that no record is larger than a piece.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any

from spark_kernel.core.lineage.recipes import TaskScope
from spark_kernel.core.shuffle.combining import Pair
from spark_kernel.core.shuffle.frames import frame, split_frames
from spark_kernel.core.shuffle.pair_buckets import batch_length
from spark_kernel.core.shuffle.record_blocks import RecordBlocks
from spark_kernel.core.shuffle.sizes import object_bytes
from spark_kernel.core.shuffle.spill_files import SpillFile

_PIECE_BYTES = 1 << 18
"""In memory: of a group, in one record of a shuffle file."""
_MANY_VALUES = 1000
_MANY_GROUPS = 100
_LARGE_SHARE = 8
"""A group is large from this part of the limit on."""


class LargeGroup(Sequence[Any]):
    """The values of one key: some at hand, most in a file. They can be iterated any number of times.

    Where it has to travel it becomes a list.
    """

    def __init__(self, spilled: SpilledValues) -> None:
        self._spilled = spilled
        self._before: Sequence[Any] = ()
        self._places: list[tuple[int, int]] = []
        self._after: list[Any] = []
        self._length = 0

    def begin_with(self, values: Sequence[Any]) -> None:
        """``values`` came before all others."""
        self._before = values
        self._length += len(values)

    def add(self, values: Sequence[Any], in_memory: bool = False) -> None:
        """More values, which go to the file unless they are the last and may stay ``in_memory``."""
        self._length += len(values)
        if in_memory:
            self._after = list(values)
        else:
            self._places.append(self._spilled.write(values))

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Any]:
        in_file = chain.from_iterable(self._spilled.read(place) for place in self._places)
        # Of the file as of the rest: whoever iterates keeps it open.
        yield from chain(self._before, in_file, self._after)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return list(self)[index]
        wanted = index + self._length if index < 0 else index
        if not 0 <= wanted < self._length:
            raise IndexError("list index out of range")
        return next(islice(self, wanted, None))

    def __reduce__(self) -> tuple[type[list[Any]], tuple[list[Any]]]:
        return list, (list(self),)


class SpilledValues:
    """The file of a task's large groups; gone when nobody refers to it any more."""

    def __init__(self, scope: TaskScope, blocks: RecordBlocks) -> None:
        self._scope = scope
        self._blocks = blocks
        self._file = SpillFile(scope.scratch)

    def write(self, values: Sequence[Any]) -> tuple[int, int]:
        """Write values; returns their place."""
        start = self._file.size
        length = batch_length(object_bytes(values) // max(1, len(values)))
        for first in range(0, len(values), length):
            self._scope.check_cancelled()
            payload = self._blocks.encode_values(values[first : first + length])
            self._file.append(frame(self._blocks.kind, payload))
        self._scope.counts.spilled_bytes += self._file.size - start
        return start, self._file.size

    def read(self, place: tuple[int, int]) -> Iterator[Any]:
        """The values at a place."""
        for _, payload in split_frames(self._file.pieces(*place)):
            self._scope.check_cancelled()
            yield from self._blocks.decode_values(payload)


class LargeGroups:
    """The large groups of one merge."""

    def __init__(self, limit: int, scope: TaskScope, blocks: RecordBlocks) -> None:
        """``limit`` is what a dictionary of groups may occupy, in bytes."""
        self._limit = limit
        self._scope = scope
        self._blocks = blocks
        self._groups: dict[Any, LargeGroup] = {}
        self._spilled: SpilledValues | None = None

    def __bool__(self) -> bool:
        return bool(self._groups)

    def take(self, groups: dict[Any, list[Any]]) -> None:
        """Move what is large, and what belongs to a large group already, out of a full dictionary."""
        for key in [*(key for key in self._groups if key in groups), *self._large(groups)]:
            if key not in self._groups:
                self._spilled = self._spilled or SpilledValues(self._scope, self._blocks)
                self._groups[key] = LargeGroup(self._spilled)
            self._groups[key].add(groups.pop(key))

    def finish(self, groups: dict[Any, list[Any]]) -> None:
        """Move the rest of the large groups out of the last dictionary."""
        for key in [key for key in self._groups if key in groups]:
            self._groups[key].add(groups.pop(key), in_memory=True)

    def without_large(self, pairs: Iterable[Pair]) -> Iterator[Pair]:
        """The other groups of ``pairs``; the values of large groups in it are those that came before all others."""
        for pair in pairs:
            group = self._groups.get(pair[0])
            if group is None:
                yield pair
            else:
                group.begin_with(pair[1])

    def pairs(self) -> Iterator[Pair]:
        """The large groups, one at a time."""
        while self._groups:
            yield self._groups.popitem()

    def _large(self, groups: dict[Any, list[Any]]) -> list[Any]:
        least = self._limit // _LARGE_SHARE
        candidates = list(groups.items()) if len(groups) <= _MANY_GROUPS else self._longest(groups)
        return [key for key, values in candidates if key not in self._groups and object_bytes(values) > least]

    def _longest(self, groups: dict[Any, list[Any]]) -> list[tuple[Any, list[Any]]]:
        """Those of many groups that may be large: what is short and large all the same is cut like any other."""
        longest = max(map(len, groups.values()))
        return [item for item in groups.items() if 2 * len(item[1]) >= longest > _MANY_VALUES]


def in_pieces(groups: dict[Any, list[Any]]) -> Iterator[Pair]:
    """Pairs of a key and some of its values: all of them, except where they are many.

    >>> [(key, len(values)) for key, values in in_pieces({"a": [1.5] * 20_000, "b": [2]})]
    [('a', 8191), ('a', 8191), ('a', 3618), ('b', 1)]
    """
    if len(groups) > _MANY_GROUPS and max(map(len, groups.values())) <= _MANY_VALUES:
        return iter(groups.items())
    return _pieces(groups)


def _pieces(groups: dict[Any, list[Any]]) -> Iterator[Pair]:
    for key, values in groups.items():
        length = max(1, _PIECE_BYTES * len(values) // max(1, object_bytes(values)))
        if length >= len(values):
            yield key, values
        else:
            for first in range(0, len(values), length):
                yield key, values[first : first + length]
