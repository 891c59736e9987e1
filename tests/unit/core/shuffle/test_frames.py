"""Frames: what is cut anywhere is put together again, and what is cut off is noticed."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_kernel.core.shuffle.frames import DamagedFrameError, frame, split_frames

PAYLOADS = st.lists(st.tuples(st.integers(1, 5), st.binary(max_size=50)), max_size=8)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges)]


def joined(payloads: list[tuple[int, bytes]]) -> bytes:
    return b"".join(part for kind, payload in payloads for part in frame(kind, payload))


@given(payloads=PAYLOADS, places=st.lists(st.integers(0, 1000)))
def test_frames_survive_being_cut_anywhere(payloads: list[tuple[int, bytes]], places: list[int]) -> None:
    found = [(kind, bytes(payload)) for kind, payload in split_frames(cut(joined(payloads), places))]
    assert found == payloads


@given(payloads=PAYLOADS.filter(bool), places=st.lists(st.integers(0, 1000)), missing=st.integers(1, 1000))
def test_bytes_that_are_missing_at_the_end_are_noticed(payloads: Any, places: list[int], missing: int) -> None:
    data = joined(payloads)
    left = data[: -min(missing, len(data))]
    edges = {len(joined(payloads[:i])) for i in range(len(payloads))}
    if len(left) in edges:  # Whole frames are missing: the offsets of the map output say so, not the frames.
        return
    with pytest.raises(DamagedFrameError, match="cut off"):
        list(split_frames(cut(left, places)))


@pytest.mark.parametrize("size", [1, 100, 70_000, 1_000_003])
@pytest.mark.parametrize("position", [0, 1, -1])
def test_a_changed_byte_is_noticed_in_small_and_large_frames(size: int, position: int) -> None:
    header, payload = frame(1, bytes(size))
    changed = bytearray(payload)
    changed[min(position, size - 1)] = 7
    with pytest.raises(DamagedFrameError, match="checksum"):
        list(split_frames([header, changed]))
