"""Methods of the context that can't be carried out: they say so, and what to use instead."""

from __future__ import annotations

from typing import Any, NoReturn

from spark_kernel.core.rdd.not_here import needs_java, not_yet

_READ_INSTEAD = (
    "Read lines with textFile, pairs with sequenceFile, whole files with binaryFiles, or records of one length with "
    "binaryRecords"
)
_PROFILE_INSTEAD = "Profile inside a task, with cProfile in mapPartitions; task times are in the run card"


class NotHere:
    """Raise errors that name the alternative."""

    def hadoopFile(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Needs Java."""
        raise needs_java("hadoopFile", _READ_INSTEAD)

    def hadoopRDD(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Needs Java."""
        raise needs_java("hadoopRDD", _READ_INSTEAD)

    def newAPIHadoopFile(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Needs Java."""
        raise needs_java("newAPIHadoopFile", _READ_INSTEAD)

    def newAPIHadoopRDD(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Needs Java."""
        raise needs_java("newAPIHadoopRDD", _READ_INSTEAD)

    def show_profiles(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Not in this release."""
        raise not_yet("profiles of tasks", _PROFILE_INSTEAD)

    def dump_profiles(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Not in this release."""
        raise not_yet("profiles of tasks", _PROFILE_INSTEAD)
