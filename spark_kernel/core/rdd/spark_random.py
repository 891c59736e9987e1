"""The random numbers of Spark's JVM that users can see the effects of, reproduced bit for bit.

``org.apache.spark.util.random.XORShiftRandom`` chooses the partition at which ``repartition`` begins to deal out.
"""

from __future__ import annotations

_MASK_32 = 0xFFFFFFFF
_MASK_64 = (1 << 64) - 1
_ARRAY_SEED = 0x3C074A61
"""``scala.util.hashing.MurmurHash3.arraySeed``."""


def first_below(bound: int, seed: int) -> int:
    """The first ``nextInt(bound)`` of ``new XORShiftRandom(seed)``.

    >>> [first_below(4, seed) for seed in range(5)]
    [0, 0, 3, 2, 2]
    """
    state = _hashed(seed)
    while True:
        state ^= (state << 21) & _MASK_64
        state ^= state >> 35
        state ^= (state << 4) & _MASK_64
        bits = state & 0x7FFFFFFF
        if bound & -bound == bound:
            return (bound * bits) >> 31
        value = bits % bound
        # As in java.util.Random: numbers of the last, incomplete round are refused.
        if bits - value + (bound - 1) < 1 << 31:
            return value


def _hashed(seed: int) -> int:
    """``XORShiftRandom.hashSeed``: seeds that are close to each other must not give numbers that are."""
    data = seed.to_bytes(8, "big", signed=True)
    low = murmur3(data, _ARRAY_SEED)
    return (murmur3(data, low) << 32) | low


def murmur3(data: bytes, seed: int) -> int:
    """MurmurHash3 (x86, 32 bits) of ``data``, whose length is a multiple of 4.

    >>> murmur3(b"test", 0)
    3127628307
    """
    value = seed
    for start in range(0, len(data), 4):
        word = (int.from_bytes(data[start : start + 4], "little") * 0xCC9E2D51) & _MASK_32
        value ^= (_rotated(word, 15) * 0x1B873593) & _MASK_32
        value = (_rotated(value, 13) * 5 + 0xE6546B64) & _MASK_32
    value ^= len(data)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        value = ((value ^ (value >> shift)) * factor) & _MASK_32
    return value ^ (value >> 16)


def _rotated(word: int, bits: int) -> int:
    return ((word << bits) | (word >> (32 - bits))) & _MASK_32
