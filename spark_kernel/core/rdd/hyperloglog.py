"""Counting distinct records in little memory: HyperLogLog with a 64-bit hash.

Sketch: Heule, Nunkesser, Hall, "HyperLogLog in Practice" (2013), without its sparse encoding. Estimate: Ertl, "New
cardinality estimation algorithms for HyperLogLog sketches" (2017), algorithm 6, which needs no tables of biases.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from spark_kernel.core.shuffle.portable_hash import portable_hash

_MASK = (1 << 64) - 1

Registers = dict[int, int]
"""Register -> the longest run of zeros seen there, plus one; registers that are 0 are left out."""


@dataclass(frozen=True)
class Sketch:
    """Sketches a partition. ``precision`` p stands for 2**p registers and a relative error of about 1.04/sqrt(2**p)."""

    precision: int

    def __call__(self, records: Iterable[Any]) -> Registers:
        registers: Registers = {}
        shift = 64 - self.precision
        for record in records:
            mixed = _mixed(portable_hash(record))
            register = mixed >> shift
            rank = shift - (mixed & ((1 << shift) - 1)).bit_length() + 1
            if registers.get(register, 0) < rank:
                registers[register] = rank
        return registers


def precision_for(relative_error: float) -> int:
    """The precision at which Spark estimates with this relative error.

    >>> precision_for(0.05)
    9
    """
    return min(32, max(4, math.ceil(2.0 * math.log(1.054 / relative_error) / math.log(2))))


def merged(sketches: Iterable[Registers]) -> Registers:
    """The sketch of all that was sketched."""
    total: Registers = {}
    for sketch in sketches:
        for register, rank in sketch.items():
            if total.get(register, 0) < rank:
                total[register] = rank
    return total


def estimate(registers: Registers, precision: int) -> int:
    """About how many different records were sketched.

    >>> 950 < estimate(Sketch(12)(range(1000)), 12) < 1050
    True
    >>> estimate({}, 12)
    0
    """
    size, longest = 1 << precision, 64 - precision
    if not registers:
        return 0
    counts = Counter(registers.values())
    total = size * _tau(1.0 - counts[longest + 1] / size)
    for rank in range(longest, 0, -1):
        total = 0.5 * (total + counts[rank])
    total += size * _sigma((size - len(registers)) / size)
    return round(size * size / (2.0 * math.log(2.0) * total))


def _sigma(x: float) -> float:
    if x == 1.0:
        return math.inf
    weight, total, before = 1.0, x, -1.0
    while total != before:
        x *= x
        before = total
        total += x * weight
        weight += weight
    return total


def _tau(x: float) -> float:
    if x in (0.0, 1.0):
        return 0.0
    weight, total, before = 1.0, 1.0 - x, -1.0
    while total != before:
        x = math.sqrt(x)
        before = total
        weight *= 0.5
        total -= (1.0 - x) ** 2 * weight
    return total / 3.0


def _mixed(value: int) -> int:
    """The finaliser of splitmix64: hashes of neighbours must not be neighbours."""
    value = (value + 0x9E3779B97F4A7C15) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)
