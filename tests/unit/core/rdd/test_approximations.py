"""Approximate actions: exact where Spark's are, close where they estimate."""

from __future__ import annotations

import pytest

from spark_kernel.core.rdd.hyperloglog import Sketch, estimate, merged


@pytest.mark.parametrize("distinct", [0, 1, 10, 1000, 20000])
def test_the_estimate_is_within_a_few_standard_errors(distinct) -> None:
    found = estimate(Sketch(12)(f"record {i}" for i in range(distinct)), 12)
    assert abs(found - distinct) <= max(1, 4 * 0.0163 * distinct)


def test_duplicates_and_the_way_of_partitioning_do_not_matter() -> None:
    parts = [[(i % 700, "x") for i in range(start, 5000, 3)] for start in range(3)]
    together = estimate(merged(map(Sketch(12), parts)), 12)
    assert together == estimate(Sketch(12)([record for part in parts for record in part]), 12)
    assert 630 < together < 770


def test_actions(sc) -> None:
    rdd = sc.parallelize(range(1000), 10)
    assert rdd.countApprox(1000) == 1000
    total = rdd.sumApprox(1000)
    assert (total, total.low, total.high, total.confidence) == (499500.0, 499500.0, 499500.0, 1.0)
    assert rdd.meanApprox(1000) == 499.5
    assert 900 < rdd.countApproxDistinct() < 1100
    assert 15 < rdd.map(lambda x: x % 20).countApproxDistinct() < 25
    with pytest.raises(ValueError, match="relativeSD should be greater than"):
        rdd.countApproxDistinct(0.00000001)
