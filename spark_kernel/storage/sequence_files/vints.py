"""Integers of variable length, and short texts after them, as Hadoop writes them. Pure.

Format of org.apache.hadoop.io.WritableUtils (writeVLong, readVLong) and Text (writeString): one byte for -112 to 127;
else a first byte that says how many bytes follow and whether the number is negative, and the number, big-endian.
"""

from __future__ import annotations

from spark_kernel.common.errors import StorageError

_SMALLEST_IN_ONE_BYTE, _LARGEST_IN_ONE_BYTE = -112, 127
_NEGATIVE_FROM = -120
_TEXT_BYTES_AT_MOST = 1 << 31


def write_vint(number: int) -> bytes:
    """``number``, of at most 64 bits.

    >>> write_vint(-112), write_vint(128), write_vint(-257)
    (b'\\x90', b'\\x8f\\x80', b'\\x86\\x01\\x00')
    """
    if _SMALLEST_IN_ONE_BYTE <= number <= _LARGEST_IN_ONE_BYTE:
        return number.to_bytes(1, "big", signed=True)
    base, size = (-112, number) if number >= 0 else (_NEGATIVE_FROM, ~number)
    length = (size.bit_length() + 7) // 8
    return (base - length).to_bytes(1, "big", signed=True) + size.to_bytes(length, "big")


def vint_size(first: int) -> int:
    """How many bytes a number has whose first byte is ``first``, 0 to 255.

    >>> vint_size(0x7F), vint_size(0x8F), vint_size(0x86)
    (1, 2, 3)
    """
    signed = first - 256 if first > 127 else first
    if signed >= _SMALLEST_IN_ONE_BYTE:
        return 1
    return (_NEGATIVE_FROM - signed if signed < _NEGATIVE_FROM else _SMALLEST_IN_ONE_BYTE - signed) + 1


def read_vint(data: bytes, at: int) -> tuple[int, int]:
    """The number that begins at ``at``, and where it ends. Raises IndexError when ``data`` ends before.

    >>> read_vint(write_vint(-257), 0)
    (-257, 3)
    """
    first = data[at]
    signed = first - 256 if first > 127 else first
    if signed >= _SMALLEST_IN_ONE_BYTE:
        return signed, at + 1
    end = at + vint_size(first)
    if end > len(data):
        raise IndexError("the data ends within a number")
    size = int.from_bytes(data[at + 1 : end], "big")
    return (~size if signed < _NEGATIVE_FROM else size), end


def write_text(text: str) -> bytes:
    """A text with its length before it.

    >>> write_text("é")
    b'\\x02\\xc3\\xa9'
    """
    # Java's own encoder writes a question mark for half of a pair of surrogates.
    encoded = text.encode("utf-8", "replace")
    return write_vint(len(encoded)) + encoded


def read_text(data: bytes, at: int) -> tuple[str, int]:
    """The text that begins at ``at``, and where it ends; what is not UTF-8 becomes U+FFFD, as in Hadoop.

    Raises IndexError when ``data`` ends before, StorageError for a length that can't be.
    """
    length, start = read_vint(data, at)
    if not 0 <= length < _TEXT_BYTES_AT_MOST:
        raise StorageError(f"a text of {length} bytes")
    end = start + length
    if end > len(data):
        raise IndexError("the data ends within a text")
    return str(data[start:end], "utf-8", "replace"), end
