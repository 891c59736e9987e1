"""Numbers as a person reads them: sizes, counts, durations. Used by every text of the run card."""

from __future__ import annotations

_COUNTS = ("", "k", "M", "G", "T")
_SIZES = ("kB", "MB", "GB", "TB", "PB")


def bytes_text(size: float) -> str:
    """A size in bytes with three digits at most, in powers of 1000.

    >>> bytes_text(0), bytes_text(999), bytes_text(2_480_000), bytes_text(31_500_000_000)
    ('0 B', '999 B', '2.5 MB', '32 GB')
    """
    if size < 1000:
        return f"{size:.0f} B"
    exponent = 0
    while size >= 999.5 and exponent < len(_SIZES):
        size /= 1000
        exponent += 1
    unit = _SIZES[exponent - 1]
    return f"{size:.1f} {unit}" if size < 9.95 else f"{size:.0f} {unit}"


def count_text(number: float, noun: str = "", plural: str | None = None) -> str:
    """A whole number with thousands separated, and its noun.

    >>> count_text(60000, "row"), count_text(1, "row"), count_text(2, "query", "queries")
    ('60,000 rows', '1 row', '2 queries')
    """
    digits = f"{number:,.0f}"
    if not noun:
        return digits
    return f"{digits} {noun if number == 1 else plural or noun + 's'}"


def rough_count(number: float) -> str:
    """A whole number in few characters.

    >>> [rough_count(n) for n in (7, 999, 7200, 60_000, 999_950, 24_000_000)]
    ['7', '999', '7.2k', '60k', '1.0M', '24M']
    """
    exponent = 0
    while number >= 999.5 and exponent < len(_COUNTS) - 1:
        number /= 1000
        exponent += 1
    return f"{number:.1f}{_COUNTS[exponent]}" if exponent and number < 9.95 else f"{number:.0f}{_COUNTS[exponent]}"


def seconds_text(seconds: float) -> str:
    """A duration in seconds, as precise as matters.

    >>> [seconds_text(s) for s in (0, 0.0123, 0.95, 3.21, 42.6, 125, 3720)]
    ['0 ms', '12 ms', '950 ms', '3.2 s', '43 s', '2 min 5 s', '1 h 2 min']
    """
    if seconds < 0.9995:
        return f"{max(seconds, 0) * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
