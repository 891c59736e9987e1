"""``new XORShiftRandom(seed).nextInt(bound)`` of Spark, for the model: the partition at which dealing out begins."""

from __future__ import annotations

import struct


def first_below(bound: int, seed: int) -> int:
    """The first number below ``bound``."""
    low = _murmur(struct.pack(">q", seed), 0x3C074A61)
    state = _murmur(struct.pack(">q", seed), low) << 32 | low
    while True:
        state ^= state << 21 & 0xFFFFFFFFFFFFFFFF
        state ^= state >> 35
        state ^= state << 4 & 0xFFFFFFFFFFFFFFFF
        bits = state % (1 << 31)
        if bound in (1 << power for power in range(31)):
            return bound * bits >> 31
        # java.util.Random: the numbers of an incomplete last round are thrown away.
        if bits - bits % bound + bound <= 1 << 31:
            return bits % bound


def _murmur(data: bytes, seed: int) -> int:
    """MurmurHash3 for 32 bits."""
    mixed = seed
    for (word,) in struct.iter_unpack("<I", data):
        word = _turn(word * 0xCC9E2D51, 15) * 0x1B873593
        mixed = (_turn(mixed ^ word % (1 << 32), 13) * 5 + 0xE6546B64) % (1 << 32)
    mixed ^= len(data)
    mixed = (mixed ^ mixed >> 16) * 0x85EBCA6B % (1 << 32)
    mixed = (mixed ^ mixed >> 13) * 0xC2B2AE35 % (1 << 32)
    return mixed ^ mixed >> 16


def _turn(word: int, bits: int) -> int:
    word %= 1 << 32
    return (word << bits | word >> 32 - bits) % (1 << 32)
