"""The hash that chooses partitions."""

from __future__ import annotations

import datetime
import enum
import fractions
import math
import uuid
from collections import Counter, namedtuple
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_kernel.core.shuffle import portable_hash as module
from spark_kernel.core.shuffle.portable_hash import portable_hash, portable_hashes

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(), st.complex_numbers(),
    st.decimals(allow_nan=False), st.fractions(), st.uuids(), st.datetimes(), st.dates(), st.times(), st.timedeltas(),
)  # fmt: skip
KEYS = st.recursive(SCALARS, lambda keys: st.tuples(keys, keys) | st.frozensets(keys, max_size=3), max_leaves=6)


class Colour(enum.Enum):
    RED = 1
    GREEN = 2


class Number(enum.IntEnum):
    ONE = 1


@dataclass(frozen=True)
class Point:
    x: int
    name: str
    note: str = field(default="", compare=False)


@dataclass(frozen=True)
class CaseInsensitive:
    name: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CaseInsensitive) and self.name.lower() == other.name.lower()

    def __hash__(self) -> int:
        return hash(self.name.lower())


class Plain:
    pass


@given(st.lists(st.one_of(st.integers(), st.text(), st.floats(), KEYS)))
def test_many_keys_at_once_hash_as_one_by_one(keys: list[Any]) -> None:
    assert portable_hashes(keys) == [portable_hash(key) for key in keys]


@given(st.one_of(st.lists(st.integers()), st.lists(st.text()), st.lists(st.floats())))
def test_alike_keys_at_once_hash_as_one_by_one(keys: list[Any]) -> None:
    assert portable_hashes(keys) == [portable_hash(key) for key in keys]


@pytest.mark.parametrize("equal", [
    (1, 1.0, True, 1 + 0j, Decimal(1), fractions.Fraction(1), Number.ONE, np.int64(1), np.float32(1), np.True_),
    (2**70, float(2**70), Decimal(2**70)),
    ("a", np.str_("a")),
    (b"a", np.bytes_(b"a")),
    ((1, "a"), namedtuple("Pair", "x y")(1.0, "a")),
    (frozenset([1, "a", None]), frozenset([None, "a", 1.0])),
    (range(3), range(0, 3, 1)),
    (range(0), range(5, 5)),
    (Point(1, "a", "this"), Point(1, "a", "that")),
    (datetime.datetime(2024, 1, 1, 12, tzinfo=datetime.timezone.utc),
     datetime.datetime(2024, 1, 1, 14, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))),
    (datetime.time(12, tzinfo=datetime.timezone.utc),
     datetime.time(14, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))),
    (datetime.datetime(2024, 1, 1, fold=1), datetime.datetime(2024, 1, 1)),
    (math.inf, Decimal("inf")),
], ids=repr)  # fmt: skip
def test_equal_keys_hash_alike(equal: tuple[Any, ...]) -> None:
    assert all(key == equal[0] for key in equal)
    assert len({portable_hash(key) for key in equal}) == 1


@pytest.mark.parametrize(("key", "hashed"), [
    # As in PySpark.
    (None, 0), (7, 7), (-1, -2), (True, 1), (2.5, hash(2.5)), ((), 3430008), ((None, 1), 3430028580079870073),
    (((1, 2), 3, 4.5), 4178761891147329295),
    # Ours.
    ("", 0), ("a", 3904355907), ("ä€🙂", 3905456154), ("\ud800", 499426600), (b"a", 3904355907),
    (datetime.date(2024, 2, 29), 738945), (datetime.timedelta(1, 2, 3), portable_hash((1, 2, 3))),
    (uuid.UUID(int=5), 5), (Colour.RED, portable_hash("Colour.RED")), (Point(1, "a"), portable_hash((1, "a"))),
    (int, portable_hash("builtins.int")),
], ids=repr)  # fmt: skip
def test_the_values_are_fixed_for_ever(key: Any, hashed: int) -> None:
    assert portable_hash(key) == hashed


@pytest.mark.parametrize("nan", [math.nan, float("nan"), complex(0, math.nan), Decimal("nan"), np.float64("nan")])
def test_every_nan_goes_to_the_same_place(nan: Any) -> None:
    assert portable_hash(nan) == portable_hashes([nan, 1.0])[0] == 0


@pytest.mark.parametrize(("key", "advice"), [
    ([1], "tuple instead of a list"), ({1: 2}, r"tuple\(sorted\(d.items\(\)\)\)"), ({1}, "frozenset"),
    (Plain(), "frozen dataclass"), (lambda: None, "tuple or a string"), ((1, [2]), "tuple instead of a list"),
], ids=repr)  # fmt: skip
def test_a_key_that_cannot_choose_a_partition_is_refused_with_advice(key: Any, advice: str) -> None:
    with pytest.raises(TypeError, match=advice):
        portable_hash(key)
    with pytest.raises(TypeError, match=advice):
        portable_hashes([1, key])


@pytest.mark.parametrize("key", [CaseInsensitive("A"), PurePosixPath("a")])
def test_a_hash_of_the_users_own_is_trusted_only_where_python_does_not_salt_hashes(
    key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Flags:
        hash_randomization = 1

    monkeypatch.setattr(module.sys, "flags", Flags)
    with pytest.raises(TypeError, match="PYTHONHASHSEED=0"):
        portable_hash(key)
    Flags.hash_randomization = 0
    assert portable_hash(key) == hash(key)


@pytest.mark.parametrize("keys", [
    [f"user-{i}" for i in range(8000)], [str(i) for i in range(8000)], [str(uuid.UUID(int=i * 7)) for i in range(8000)],
    [f"2024-{m:02}-{d:02} {h}" for m in range(12) for d in range(28) for h in range(24)],
    [f"{a}{b}{c}" for a in "abcdefghijklmnopqrst" for b in "abcdefghijklmnopqrst" for c in "abcdefghijklmnopqrst"],
    [(i, f"x{i % 10}") for i in range(8000)],
], ids=lambda keys: repr(keys[1]))  # fmt: skip
@pytest.mark.parametrize("partitions", [2, 3, 4, 8, 10, 16, 200])
def test_usual_keys_spread_over_the_partitions(keys: list[Any], partitions: int) -> None:
    sizes = Counter(hashed % partitions for hashed in portable_hashes(keys))
    mean = len(keys) / partitions
    assert max(sizes.values()) < mean + 6 * math.sqrt(mean)
    assert len(sizes) == partitions
