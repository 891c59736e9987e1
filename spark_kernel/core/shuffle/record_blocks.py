"""Pairs as bytes: batches of records, pickled. The counterpart for Arrow tables has the same shape.

A batch is pickled as the list of its keys and the list of its values: a pickled tuple costs more than what is in it.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from itertools import repeat
from typing import Any

Pair = tuple[Any, Any]


class RecordBlocks:
    """Encodes lists of pairs, and decodes them.

    ``fallback`` pickles what ``pickle`` can't (objects of classes that the user made in the notebook); it must give
    bytes that ``pickle.loads`` understands, as cloudpickle does. With a ``tag``, each value is decoded as a pair of it
    and what was encoded: a tag in front of all values costs nothing.

    >>> blocks = RecordBlocks()
    >>> blocks.decode(blocks.encode([("a", 1), ("b", 2)]))
    [('a', 1), ('b', 2)]
    >>> blocks.decode(RecordBlocks(tag=7).encode([("a", 1)]))
    [('a', (7, 1))]
    """

    kind = 1

    def __init__(self, fallback: Callable[[Any], bytes] | None = None, tag: int | None = None) -> None:
        self._fallback = fallback
        self._tag = tag

    def tagged(self, tag: int) -> RecordBlocks:
        """The same, with a tag."""
        return RecordBlocks(self._fallback, tag)

    def encode(self, records: Sequence[Pair]) -> bytes:
        """The payload of one frame.

        Raises what ``pickle`` raises when a record can't be pickled.
        """
        return self.encode_values(([key for key, _ in records], [value for _, value in records], self._tag))

    def decode(self, payload: bytes | memoryview) -> list[Pair]:
        """The records of one frame."""
        keys, values, tag = pickle.loads(payload)
        if tag is not None:
            values = zip(repeat(tag), values, strict=False)
        return list(zip(keys, values, strict=False))

    def encode_values(self, values: Sequence[Any]) -> bytes:
        """The payload of a frame that has values, not pairs. Raises what ``pickle`` raises."""
        try:
            return pickle.dumps(values, 5)
        except (pickle.PicklingError, AttributeError, TypeError):
            if self._fallback is None:
                raise
            return self._fallback(values)

    def decode_values(self, payload: bytes | memoryview) -> Sequence[Any]:
        """The values of such a frame."""
        values: Sequence[Any] = pickle.loads(payload)
        return values
