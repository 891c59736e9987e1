"""What the programs of `rdd.py` have in common, whichever engine runs them: the data and how much of it."""

from __future__ import annotations

import os
import random
from pathlib import Path

WORDS = os.environ.get("SPARK_KERNEL_BENCHMARK_TEXT", "")
SCALE = float(os.environ.get("SPARK_KERNEL_BENCHMARK_SCALE", "1"))
MODULUS = 2_147_483_647
KEYS = 100_003
LIKE = "ab"
TEXTS = 4
"""How often the text is read where lines are only counted: once is over too soon."""


def scaled(n: int) -> int:
    return max(4, int(n * SCALE))


def write_text(path: Path, megabytes: float) -> None:
    """Words of a skewed vocabulary, about 5.8 bytes each with their blank, 12 a line."""
    rng = random.Random(1)
    vocabulary = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 8))) for _ in range(20_000)]
    weights = [1 / (rank + 10) for rank in range(len(vocabulary))]
    lines = "".join(" ".join(rng.choices(vocabulary, weights, k=12)) + "\n" for _ in range(20_000))
    with path.open("w") as file:
        for _ in range(max(1, round(megabytes * 1e6 / len(lines)))):
            file.write(lines)
