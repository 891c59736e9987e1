"""Every Python process chooses the same partition for the same key, however its own hashes are salted."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from spark_kernel.core.shuffle.portable_hash import portable_hashes

KEYS = """
import datetime, decimal, enum, fractions, uuid
from dataclasses import dataclass
from spark_kernel.core.shuffle.portable_hash import portable_hash, portable_hashes

class Colour(enum.Enum):
    RED = "r"

@dataclass(frozen=True)
class Point:
    x: int
    name: str

keys = [
    None, True, 0, -1, 2**80, 2.5, float("nan"), 1j, "", "word", "ä€🙂", b"bytes", (1, "a", (None, b"x")), ("a",) * 5,
    frozenset(["a", "b", 1]), range(3), datetime.date(2024, 1, 2), datetime.datetime(2024, 1, 2, 3), datetime.time(4),
    datetime.datetime(2024, 1, 2, tzinfo=datetime.timezone.utc), datetime.timedelta(5), decimal.Decimal("1.5"),
    fractions.Fraction(1, 3), uuid.UUID(int=7), Colour.RED, Point(1, "a"), int, Point,
]
print([portable_hash(key) for key in keys])
print(portable_hashes(["a", "b"]), portable_hashes([("a", 1), ("b", 2)]), portable_hashes(keys))
print(hash("word"))
"""


def answers(seed: str) -> list[str]:
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    command = [sys.executable, "-c", KEYS]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.splitlines()


def test_processes_agree() -> None:
    first, second, unsalted = answers("1"), answers("2"), answers("0")
    assert first[2] != second[2], "Python's own hashes differ, or this would show nothing"
    assert first[:2] == second[:2] == unsalted[:2]


@pytest.mark.parametrize("seed", ["1", "0"])
def test_this_process_agrees_too(seed: str) -> None:
    assert answers(seed)[1].startswith(str(portable_hashes(["a", "b"])))
