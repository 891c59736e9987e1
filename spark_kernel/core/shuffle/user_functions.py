"""What may go wrong in the user's functions and records inside a shuffle, said so that the user understands it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from types import TracebackType
from typing import Any

from pyspark.errors import PySparkRuntimeError

from spark_kernel.common.call_sites import is_ours


class UsersFunctions:
    """Makes errors of the loops that run the user's functions speak of what the user did.

    A StopIteration that a function raises becomes an error, as in Spark: it must not end the data early. Records that
    are no pairs and keys that can't be hashed are named.

    >>> with UsersFunctions():
    ...     raise StopIteration("enough")
    Traceback (most recent call last):
    pyspark.errors.exceptions.base.PySparkRuntimeError: [STOP_ITERATION_OCCURRED] Caught StopIteration ...: enough
    """

    # A generator with @contextmanager can't do it: contextlib takes a RuntimeError caused by a StopIteration for the
    # StopIteration itself.
    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, StopIteration):
            raise PySparkRuntimeError(
                errorClass="STOP_ITERATION_OCCURRED", messageParameters={"exc": str(error)}
            ) from error
        if isinstance(error, (TypeError, ValueError)):
            explained = _explained(error)
            if explained is not None:
                raise explained from error


def _explained(error: TypeError | ValueError) -> TypeError | None:
    """What an error means that one of our own loops raised; None when the user's code did."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None or not is_ours(trace.tb_frame.f_code.co_filename):
        return None
    if "unpack" in str(error):
        return TypeError(f"{_NO_PAIRS} But: {error}.")
    key = trace.tb_frame.f_locals.get("key")
    if isinstance(key, Hashable) and _can_hash(key):
        return None
    return TypeError(
        f"a key can't be a {type(key).__name__}, which can't be hashed: use a tuple instead of a list, a frozenset "
        "instead of a set"
    )


def _can_hash(key: Hashable) -> bool:
    try:
        hash(key)
    except TypeError:
        return False
    return True


_NO_PAIRS = (
    "Operations by key need records that are pairs (key, value). Make them first, for example with keyBy(...) or "
    "map(lambda x: (x, 1))."
)


def checked_pairs(records: Sequence[Any]) -> list[tuple[Any, Any]]:
    """``records`` as pairs, whatever iterables of two they are.

    >>> checked_pairs([("a", 1), ["b", 2]])
    [('a', 1), ('b', 2)]

    Raises TypeError naming the first record that is no pair.
    """
    try:
        return [(key, value) for key, value in records]
    except (TypeError, ValueError) as error:
        culprit = next((record for record in records if not _is_pair(record)), None)
        raise TypeError(f"{_NO_PAIRS} But a record is a {type(culprit).__name__}.") from error


def _is_pair(record: Any) -> bool:
    try:
        _, _ = record
    except (TypeError, ValueError):
        return False
    return True
