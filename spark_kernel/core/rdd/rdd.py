"""The RDD class: all themes of the API in one handle."""

from __future__ import annotations

from spark_kernel.core.rdd.not_here import NotHere


class RDD(NotHere):
    """A dataset: what was asked for, not yet computed, in partitions that are computed where they are needed.

    The methods are PySpark's. Transformations return another RDD and run nothing; actions run a job.
    """
