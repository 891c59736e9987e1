"""The seam between a reader of shuffle blocks and the way to the machine that holds them."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Protocol

from spark_kernel.core.shuffle.map_outputs import NodePlace

BytesLike = bytes | bytearray | memoryview

FileRange = tuple[str, int, int]
"""An absolute path on the machine that holds the file, and the first and one past the last byte wanted."""


class BlockMissingError(Exception):
    """The machine answered, but the file is missing, too short, or may not be read."""


class PeerUnreachableError(Exception):
    """The machine doesn't answer at any of its addresses."""


class BlockTransport(Protocol):
    """Gets ranges of shuffle files from the machine that holds them. Safe to use from several threads."""

    def is_local(self, place: NodePlace) -> bool:
        """Whether files of ``place`` can be opened right here."""

    def fetch(self, place: NodePlace, ranges: Sequence[FileRange]) -> Future[list[BytesLike]]:
        """Begin to fetch ``ranges``; the future gives the bytes of each, whole, in the same order.

        The future fails with BlockMissingError or PeerUnreachableError. Cancelling it abandons the request.
        """
