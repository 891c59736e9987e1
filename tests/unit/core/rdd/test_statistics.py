"""What the actions on numbers return."""

from __future__ import annotations

import pytest

from tests.support.inline import inline_context


@pytest.fixture(scope="module")
def numbers():
    with inline_context() as sc:
        yield sc.parallelize([1, 2, 3], 2)


@pytest.mark.parametrize(
    ("action", "shown"), [("stdev", "0.81649658"), ("sampleStdev", "1.0"), ("mean", "2.0"), ("variance", "0.66666666")]
)
def test_statistics_are_plain_floats_with_numpy_too(numbers, action, shown) -> None:
    assert repr(getattr(numbers, action)()).startswith(shown)
