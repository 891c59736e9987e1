"""Counting records by what their iterators know, and sampling with numpy, as if they were read one by one."""

from __future__ import annotations

from itertools import islice
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.rddsampler import RDDSampler

from spark_kernel.core.rdd.folds import count_records
from spark_kernel.core.rdd.samplers import BernoulliSample


@given(st.lists(st.integers(), max_size=9), st.integers(0, 9))
def test_what_was_read_before_is_not_counted(numbers: list[int], read: int) -> None:
    for records in (iter(numbers), iter(tuple(numbers)), iter(range(len(numbers))), map(abs, numbers)):
        taken = len(list(islice(records, read)))
        assert count_records(records) == len(numbers) - taken


@pytest.mark.parametrize("fraction", [0, 0.0, 0.01, 0.5, 1, 1.0, 2])
@pytest.mark.parametrize("seed", [0, 1, 2**40, 2**63 - 1])
def test_a_sample_is_pysparks(fraction: float, seed: int) -> None:
    for partition, size in ((0, 0), (1, 63), (2, 64), (3, 65), (7, 10_000)):
        ours = BernoulliSample(fraction, seed).compute(partition, iter([iter(range(size))]), None)  # type: ignore[arg-type]
        assert list(ours) == list(RDDSampler(False, fraction, seed).func(partition, iter(range(size))))


def test_a_sample_reads_no_further_than_it_is_asked_to() -> None:
    records = iter(range(100))
    chosen = BernoulliSample(1.0, Random(3).getrandbits(9)).compute(0, iter([records]), None)  # type: ignore[arg-type]
    assert next(chosen) == 0
    assert next(records) == 1
