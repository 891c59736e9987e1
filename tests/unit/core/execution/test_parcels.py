"""Bytes that Dask does not look into."""

from __future__ import annotations

import pickle

import pytest
from dask.sizeof import sizeof
from dask.tokenize import tokenize

from spark_kernel.core.execution.parcels import Parcel


def test_naming_a_graph_does_not_read_the_bytes() -> None:
    class Unreadable(bytes):
        def __repr__(self) -> str:
            raise AssertionError("looked into")

    assert tokenize(Parcel(Unreadable(b"secret")))


def test_two_parcels_are_not_taken_for_each_other() -> None:
    one, two = Parcel(b"same"), Parcel(b"same")
    assert tokenize(one) != tokenize(two)


def test_the_size_is_that_of_the_bytes() -> None:
    assert sizeof(Parcel(bytes(10_000_000))) >= 10_000_000


@pytest.mark.parametrize("protocol", [4, 5])
def test_the_bytes_survive(protocol: int) -> None:
    assert bytes(pickle.loads(pickle.dumps(Parcel(b"abc"), protocol)).data) == b"abc"


def test_the_bytes_are_not_copied_where_buffers_are_taken() -> None:
    buffers: list[pickle.PickleBuffer] = []
    data = pickle.dumps(Parcel(bytes(1_000_000)), 5, buffer_callback=buffers.append)
    assert len(data) < 1000
    assert len(pickle.loads(data, buffers=buffers).data) == 1_000_000
