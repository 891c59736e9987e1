"""Pairs as bytes: batches of records, pickled. The counterpart for Arrow tables has the same shape."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from typing import Any

Pair = tuple[Any, Any]


class RecordBlocks:
    """Encodes lists of pairs, and decodes them.

    ``fallback`` pickles what ``pickle`` can't (objects of classes that the user made in the notebook); it must give
    bytes that ``pickle.loads`` understands, as cloudpickle does.

    >>> blocks = RecordBlocks()
    >>> blocks.decode(blocks.encode([("a", 1), ("b", 2)]))
    [('a', 1), ('b', 2)]
    """

    kind = 1

    def __init__(self, fallback: Callable[[Any], bytes] | None = None) -> None:
        self._fallback = fallback

    def encode(self, records: Sequence[Pair]) -> bytes:
        """The payload of one frame.

        Raises what ``pickle`` raises when a record can't be pickled.
        """
        try:
            return pickle.dumps(records, 5)
        except (pickle.PicklingError, AttributeError, TypeError):
            if self._fallback is None:
                raise
            return self._fallback(records)

    def decode(self, payload: bytes | memoryview) -> list[Pair]:
        """The records of one frame."""
        records: list[Pair] = pickle.loads(payload)
        return records
