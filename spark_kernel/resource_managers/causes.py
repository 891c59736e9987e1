"""What went wrong in the first place, when an error has been wrapped on its way."""

from __future__ import annotations


def first_cause(error: Exception) -> str:
    """Type and message of the innermost error: Dask wraps what went wrong in a server several times.

    >>> try:
    ...     try:
    ...         int("x")
    ...     except ValueError as inner:
    ...         raise RuntimeError("Nanny failed to start") from inner
    ... except RuntimeError as outer:
    ...     print(first_cause(outer))
    ValueError: invalid literal for int() with base 10: 'x'
    """
    while isinstance(inner := error.__cause__ or error.__context__, Exception):
        error = inner
    return f"{type(error).__name__}: {error}"
