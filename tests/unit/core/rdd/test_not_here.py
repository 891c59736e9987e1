"""What this release can't do says so, and names another way."""

from __future__ import annotations

import pytest
from pyspark.errors import PySparkNotImplementedError


def test_data_frames(sc) -> None:
    with pytest.raises(PySparkNotImplementedError, match=r"This release has no[^.]*\. [A-Z].*\.$"):
        sc.parallelize([1]).toDF()
