"""Combining the values of each key in a dictionary: the innermost loop of ``reduceByKey`` and its relatives.

Where the user's functions are known ones, loops that do the same without calling them. A known operation that fails is
repeated by calling the user's function, so that the traceback shows their line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Any

from spark_kernel.core.lineage.recipes import TaskScope
from spark_kernel.core.lineage.shuffle_specs import Aggregator
from spark_kernel.core.shuffle.counting import Paired, count_keys, keep_keys
from spark_kernel.core.shuffle.known_functions import Known, recognise
from spark_kernel.core.shuffle.sizes import Gauge, object_bytes
from spark_kernel.core.shuffle.user_functions import UsersFunctions

Pair = tuple[Any, Any]
CombineLoop = Callable[[dict[Any, Any], Iterable[Pair]], None]
"""Combines pairs into a dictionary of key -> combiner."""

_MISSING: Any = object()


def combine(
    records: Iterator[Pair], loop: CombineLoop, memory_limit: int, scope: TaskScope
) -> Iterator[tuple[dict[Any, Any], bool]]:
    """Combines ``records`` into dictionaries of about ``memory_limit`` bytes, and says of each whether it is the last.

    A dictionary is complete when it is given, and may be changed; a key may be in several of them.

    Raises whatever the user's functions raise, and TypeError for records and keys that can't be combined.
    """
    gauge = Gauge(memory_limit)
    combined: dict[Any, Any] = {}
    record = next(records, _MISSING)
    while record is not _MISSING:
        with UsersFunctions():
            loop(combined, (record,))
            loop(combined, islice(records, gauge.stride))
        scope.check_cancelled()
        is_full = gauge.is_full(combined, object_bytes(record))
        record = next(records, _MISSING)
        if is_full and record is not _MISSING:
            yield combined, False
            combined = {}
            gauge.reset()
    yield combined, True


def fastest(records: Iterator[Pair], aggregator: Aggregator) -> tuple[Iterator[Any], CombineLoop]:
    """What to combine of pairs of a key and a value, and the loop for it: the keys alone, where that is enough.

    >>> keys, loop = fastest(Paired(iter("aba"), 1), Aggregator(lambda v: v, lambda a, b: a + b, max))
    >>> list(keys), loop is count_keys
    (['a', 'b', 'a'], True)
    """
    if isinstance(records, Paired) and recognise(aggregator.create) is Known.SAME:
        known = recognise(aggregator.merge_value)
        if known is Known.ADD and type(records.value) is int and records.value == 1:
            return records.keys, count_keys
        if known is Known.FIRST:
            return records.keys, partial(keep_keys, value=records.value)
    return records, value_loop(aggregator)


def makes_groups(aggregator: Aggregator) -> bool:
    """Whether combiners are lists of values that grow by values and by each other, and by nothing else."""
    return (
        recognise(aggregator.create) is Known.LIST
        and recognise(aggregator.merge_value) is Known.APPEND
        and recognise(aggregator.merge_combiners) is Known.EXTEND
    )


def value_loop(aggregator: Aggregator) -> CombineLoop:
    """The loop for pairs of a key and a value.

    >>> combined = {"a": 1}
    >>> value_loop(Aggregator(lambda v: v, lambda a, b: a + b, max))(combined, [("a", 2), ("b", 5)])
    >>> combined
    {'a': 3, 'b': 5}
    """
    create, merge = aggregator.create, aggregator.merge_value
    first = recognise(create)
    if first is Known.SAME:
        return _loop_of_same_kind(merge)
    if first is Known.LIST and recognise(merge) is Known.APPEND:
        return _group
    return _general(create, merge)


def combiner_loop(aggregator: Aggregator) -> CombineLoop:
    """The loop for pairs of a key and a combiner.

    >>> combined = {"a": [1]}
    >>> combiner_loop(Aggregator(list, list.append, lambda a, b: a + b))(combined, [("a", [2]), ("b", [5])])
    >>> combined
    {'a': [1, 2], 'b': [5]}
    """
    return _loop_of_same_kind(aggregator.merge_combiners)


def _loop_of_same_kind(merge: Callable[[Any, Any], Any]) -> CombineLoop:
    """Where a key's first value is its first combiner."""
    known = recognise(merge)
    if known is Known.FIRST:
        return _keep_first
    if known is Known.EXTEND:
        return _extend
    maker = {Known.ADD: _adding, Known.MIN: _least, Known.MAX: _greatest}.get(known) if known else None
    return maker(merge) if maker is not None else _merging(merge)


def _general(create: Callable[[Any], Any], merge: Callable[[Any, Any], Any]) -> CombineLoop:
    def loop(combined: dict[Any, Any], pairs: Iterable[Pair]) -> None:
        get, missing = combined.get, _MISSING
        for key, value in pairs:
            before = get(key, missing)
            combined[key] = create(value) if before is missing else merge(before, value)

    return loop


def _merging(merge: Callable[[Any, Any], Any]) -> CombineLoop:
    def loop(combined: dict[Any, Any], pairs: Iterable[Pair]) -> None:
        get, missing = combined.get, _MISSING
        for key, value in pairs:
            before = get(key, missing)
            combined[key] = value if before is missing else merge(before, value)

    return loop


def _adding(merge: Callable[[Any, Any], Any]) -> CombineLoop:
    def loop(combined: dict[Any, Any], pairs: Iterable[Pair]) -> None:
        get, missing = combined.get, _MISSING
        for key, value in pairs:
            before = get(key, missing)
            if before is missing:
                combined[key] = value
                continue
            try:
                after = before + value
            except Exception:
                after = missing
            combined[key] = merge(before, value) if after is missing else after

    return loop


def _least(merge: Callable[[Any, Any], Any]) -> CombineLoop:
    def loop(combined: dict[Any, Any], pairs: Iterable[Pair]) -> None:
        get, missing = combined.get, _MISSING
        for key, value in pairs:
            before = get(key, missing)
            if before is missing or value < before:
                combined[key] = value

    return loop


def _greatest(merge: Callable[[Any, Any], Any]) -> CombineLoop:
    def loop(combined: dict[Any, Any], pairs: Iterable[Pair]) -> None:
        get, missing = combined.get, _MISSING
        for key, value in pairs:
            before = get(key, missing)
            if before is missing or value > before:
                combined[key] = value

    return loop


def _keep_first(combined: dict[Any, Any], pairs: Iterable[Pair]) -> None:
    for key, value in pairs:
        if key not in combined:
            combined[key] = value


def _group(combined: dict[Any, Any], pairs: Iterable[Pair]) -> None:
    get = combined.get
    for key, value in pairs:
        values = get(key)
        if values is None:
            combined[key] = [value]
        else:
            values.append(value)


def _extend(combined: dict[Any, Any], pairs: Iterable[Pair]) -> None:
    get, missing = combined.get, _MISSING
    for key, more in pairs:
        values = get(key, missing)
        if values is missing:
            combined[key] = more
        else:
            values.extend(more)
