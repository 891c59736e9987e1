"""Programs over the RDD API, generated from a small grammar: sources, narrow and wide steps, actions.

A program is drawn line by line. Each dataset has a *kind*, so that the functions of the next line fit its records, and
is carried out by the model at once, so that the next line can be chosen by its size.

Kinds: ``int``, ``number``, ``text``, ``thing`` (anything that can be hashed), ``list`` (what can't), and
``("pair", key kind, value kind)``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from pyspark.storagelevel import StorageLevel

from tests.support import program_functions as f
from tests.support.plain_spark import Plain, PlainContext, key_hash
from tests.support.program_text import InFolder, Line, Name

MOST_RECORDS = 400
MOST_PARTITIONS = 14

ints = st.integers(-40, 40)
numbers = st.one_of(
    ints, st.sampled_from([0.5, -0.0, 0.0, 1.0, 2.75, -3.25, 1e300, float("inf"), float("-inf"), 2**70])
)
texts = st.text("abcXY é\t'", max_size=4)
scalars = st.one_of(numbers, texts, st.none(), st.booleans())
things = st.one_of(scalars, st.tuples(scalars, scalars), st.tuples(), st.tuples(ints))
OF_KIND = {"int": ints, "number": numbers, "text": texts, "thing": things}
# What can't be a key: NaN, which is equal to nothing, and lists.
VALUES = {**OF_KIND, "list": st.one_of(things, st.just(float("nan")), st.lists(ints, max_size=2))}
slices = st.integers(1, 5)
widths = st.one_of(st.none(), st.integers(1, 6))
partition_functions = st.sampled_from([f.partition_by_text, f.partition_by_nothing])


def is_pair(kind: Any) -> bool:
    return isinstance(kind, tuple)


def is_hashable(kind: Any) -> bool:
    return all(map(is_hashable, kind[1:])) if is_pair(kind) else kind != "list"


def is_sortable(kind: Any) -> bool:
    return kind in ("int", "number", "text")


@dataclass
class Known:
    """A dataset that the program has made."""

    name: str
    kind: Any
    model: Plain

    @property
    def size(self) -> int:
        return sum(map(len, self.model.parts))

    @property
    def width(self) -> int:
        return len(self.model.parts)


class Writer:
    """A program being drawn. ``draw`` is hypothesis's."""

    def __init__(self, draw: Callable[[Any], Any], folder: Path) -> None:
        self.draw = draw
        self.folder = folder
        self.lines: list[Line] = []
        self.known: list[Known] = []
        self.models: dict[str, Any] = {"sc": PlainContext()}
        self.counter = 0
        self.said: dict[int, str] = {}

    def add(self, kind: Any, receiver: str, method: str, *args: Any, **kwargs: Any) -> None:
        """A line that makes a dataset."""
        name = f"r{self.counter}"
        self.counter += 1
        line = Line(name, receiver, method, args, kwargs)
        model = getattr(self.models[receiver], method)(*map(self._model_of, args), **kwargs)
        self.models[name] = model
        self.lines.append(line)
        self.known.append(Known(name, kind, model))

    def _model_of(self, arg: Any) -> Any:
        if isinstance(arg, list) and arg and isinstance(arg[0], Name):
            return [self.models[each.text] for each in arg]
        if isinstance(arg, InFolder):
            return str(self.folder / arg.name)
        return self.models[arg.text] if isinstance(arg, Name) else arg

    def say(self, receiver: str, method: str, *args: Any, attribute: bool = False, **kwargs: Any) -> None:
        """A line whose value is shown."""
        self.lines.append(Line(None, receiver, method, args, kwargs, attribute))


def write_source(w: Writer) -> None:
    """A dataset out of nothing."""
    draw = w.draw
    choice = draw(st.sampled_from(["list", "pairs", "pairs", "range", "sc.range", "empty", "tuple", "text", "ten"]))
    if choice == "list":
        kind = draw(st.sampled_from(sorted(VALUES)))
        w.add(kind, "sc", "parallelize", draw(st.lists(VALUES[kind], max_size=14)), draw(slices))
    elif choice == "pairs":
        key, value = draw(st.sampled_from(sorted(OF_KIND))), draw(st.sampled_from(sorted(VALUES)))
        few = draw(st.lists(OF_KIND[key], min_size=1, max_size=5))
        pairs = st.lists(st.tuples(st.sampled_from(few), VALUES[value]), max_size=14)
        w.add(("pair", key, value), "sc", "parallelize", draw(pairs), draw(slices))
    elif choice == "range":
        numbers = range(draw(st.integers(-9, 9)), draw(st.integers(-9, 30)), draw(st.sampled_from([1, 2, 7, -1, -4])))
        w.add("int", "sc", "parallelize", numbers, draw(st.integers(1, 7)))
    elif choice == "sc.range":
        w.add("int", "sc", "range", draw(st.integers(-3, 30)), numSlices=draw(slices))
    elif choice == "empty":
        w.add("int", "sc", "emptyRDD")
    elif choice == "tuple":
        w.add("thing", "sc", "parallelize", tuple(draw(st.lists(things, max_size=9))), draw(slices))
    elif choice == "text":
        w.add("text", "sc", "parallelize", draw(st.text("abcd", max_size=12)), draw(slices))
    else:
        # A batch of exactly ten records a slice: what ``repartition`` then deals out as it is.
        n = draw(st.integers(1, 3))
        w.add("int", "sc", "parallelize", list(range(10 * n + draw(st.integers(0, n - 1)))), n)


# Steps on one dataset. Each takes the writer and the dataset, and adds a line.


def any_map(w: Writer, d: Known) -> None:
    method, function, kind = w.draw(
        st.sampled_from(
            [
                ("map", f.text_of, "text"),
                ("map", f.size_of, "int"),
                ("filter", f.is_long, d.kind),
                ("flatMap", f.twice, d.kind),
                ("flatMap", f.now_and_then, d.kind),
                ("keyBy", f.size_of, ("pair", "int", d.kind)),
                ("keyBy", f.text_of, ("pair", "text", d.kind)),
                ("mapPartitions", f.backwards, d.kind),
                ("mapPartitions", f.how_many, "int"),
                ("mapPartitionsWithIndex", f.with_partition, ("pair", "int", d.kind)),
            ]
        )
    )
    w.add(kind, d.name, method, function)


def numbered(w: Writer, d: Known) -> None:
    w.add(("pair", d.kind, "int"), d.name, w.draw(st.sampled_from(["zipWithIndex", "zipWithUniqueId"])))


def other_partitions(w: Writer, d: Known) -> None:
    choice = w.draw(st.sampled_from(["coalesce", "coalesce shuffled", "repartition", "glom"]))
    if choice == "glom":
        w.add("list", d.name, "glom")
    elif choice == "coalesce shuffled":
        w.add(d.kind, d.name, "coalesce", w.draw(st.integers(1, 6)), shuffle=True)
    elif d.width or choice == "repartition":
        w.add(d.kind, d.name, choice, w.draw(st.integers(1, 6)))


def kept(w: Writer, d: Known) -> None:
    """Said of a dataset: to be kept, checkpointed or named. None of it changes its records."""
    choices = {
        "nothing": ["cache", "persist", "localCheckpoint", "checkpoint", "setName"],
        "kept": ["unpersist", "checkpoint", "setName"],
        "checkpointed": ["setName"],
    }
    # By the model, since several names may mean one dataset.
    choice = w.draw(st.sampled_from(choices[w.said.get(id(d.model), "nothing")]))
    args = {"persist": (StorageLevel.DISK_ONLY,), "setName": ("a name",)}.get(choice, ())
    w.lines.append(Line("_", d.name, choice, args))
    after = {"cache": "kept", "persist": "kept", "unpersist": "nothing"}
    if choice != "setName":
        w.said[id(d.model)] = after.get(choice, "checkpointed")


def chosen(w: Writer, d: Known) -> None:
    choice = w.draw(st.sampled_from(["sample", "randomSplit"]))
    seed = w.draw(st.integers(0, 99))
    if choice == "sample":
        w.add(d.kind, d.name, "sample", w.draw(st.booleans()), w.draw(st.sampled_from([0.0, 0.3, 0.8, 1.0])), seed)
        return
    names = f"r{w.counter}, r{w.counter + 1}"
    weights = [1, w.draw(st.sampled_from([1, 3]))]
    w.lines.append(Line(names, d.name, "randomSplit", (weights, seed)))
    for name, model in zip(names.split(", "), d.model.randomSplit(weights, seed), strict=True):
        w.models[name] = model
        w.known.append(Known(name, d.kind, model))
    w.counter += 2


def of_numbers(w: Writer, d: Known) -> None:
    w.add(d.kind, d.name, "map", w.draw(st.sampled_from([f.more, f.negative, f.itself])))


def of_text(w: Writer, d: Known) -> None:
    method, function = w.draw(st.sampled_from([("map", f.shout), ("flatMap", f.letters)]))
    w.add("text", d.name, method, function)


def through_text(w: Writer, d: Known) -> None:
    """Saved as text and read back; in one split or more a file."""
    path = InFolder(f"out{w.counter}")
    d.model.saveAsTextFile(str(w.folder / path.name))
    w.lines.append(Line("_", d.name, "saveAsTextFile", (path,)))
    w.add("text", "sc", "textFile", path, w.draw(st.integers(1, 4)))


def through_pickles(w: Writer, d: Known) -> None:
    """Saved in batches and read back; one split a file."""
    path = InFolder(f"out{w.counter}")
    d.model.saveAsPickleFile(str(w.folder / path.name))
    w.lines.append(Line("_", d.name, "saveAsPickleFile", (path, w.draw(st.sampled_from([0, 1, 10])))))
    w.add(d.kind, "sc", "pickleFile", path, 1)


def piped(w: Writer, d: Known) -> None:
    w.add("text", d.name, "pipe", "cat")


def distinct(w: Writer, d: Known) -> None:
    w.add(d.kind, d.name, "distinct", w.draw(widths))


def grouped_by(w: Writer, d: Known) -> None:
    w.add(("pair", "int", "list"), d.name, "groupBy", f.size_of, w.draw(widths))


def sorted_by(w: Writer, d: Known) -> None:
    w.add(
        d.kind, d.name, "sortBy", w.draw(st.sampled_from([f.text_of, f.size_of])), w.draw(st.booleans()), w.draw(widths)
    )


# Steps on pairs


def of_pairs(w: Writer, d: Known) -> None:
    _, key, value = d.kind
    steps = [
        ("keys", (), key),
        ("mapValues", (f.text_of,), ("pair", key, "text")),
        ("mapValues", (f.size_of,), ("pair", key, "int")),
        ("flatMapValues", (f.now_and_then,), ("pair", key, value)),
        ("values", (), value),
        ("map", (f.itself, True), d.kind),
        ("map", (f.itself,), d.kind),
    ]
    if is_hashable(value):
        steps.append(("map", (f.swapped,), ("pair", value, key)))
    method, args, kind = w.draw(st.sampled_from(steps))
    w.add(kind, d.name, method, *args)


def with_partition_function(w: Writer, width: int | None) -> tuple[Any, ...]:
    """The last arguments of a step by key."""
    choice = w.draw(st.sampled_from(["none", "none", "given", "portable"]))
    if choice == "none":
        return (width,)
    return (width, w.draw(partition_functions) if choice == "given" else key_hash)


def by_key(w: Writer, d: Known) -> None:
    _, key, value = d.kind
    last = with_partition_function(w, w.draw(widths))
    steps = [
        ("partitionBy", (), d.kind),
        ("partitionBy", (), d.kind),
        ("groupByKey", (), ("pair", key, "list")),
        ("reduceByKey", (f.joined_text,), ("pair", key, "thing" if is_hashable(value) else "list")),
        ("foldByKey", ("0", f.joined_text), ("pair", key, "text")),
        ("aggregateByKey", ([], f.put_in, f.put_all), ("pair", key, "list")),
        ("combineByKey", (f.in_a_list, f.put_in, f.put_all), ("pair", key, "list")),
    ]
    if value in ("int", "number"):
        steps += [("reduceByKey", (function,), d.kind) for function in (f.plus, f.larger, f.minus)]
    method, args, kind = w.draw(st.sampled_from(steps))
    w.add(kind, d.name, method, *args, *last)


def sorted_by_key(w: Writer, d: Known) -> None:
    _, key, __ = d.kind
    up, width = w.draw(st.booleans()), w.draw(widths)
    choice = w.draw(st.sampled_from(["sortByKey", "within", "sampleByKey"]))
    if choice == "sortByKey" and is_sortable(key):
        w.add(d.kind, d.name, "sortByKey", up, width)
    elif choice == "sampleByKey":
        fractions = {k: w.draw(st.sampled_from([0.0, 0.5, 1.0])) for k, _ in d.model.collect()}
        w.add(d.kind, d.name, "sampleByKey", up, fractions, w.draw(st.integers(0, 99)))
    elif choice == "within":
        last = (*with_partition_function(w, width), key_hash)[:2]
        w.add(d.kind, d.name, "repartitionAndSortWithinPartitions", *last, up, f.text_of)


# Steps on two datasets


def beside(w: Writer, d: Known) -> None:
    other = w.draw(st.sampled_from(w.known))
    kind = d.kind if d.kind == other.kind else "thing" if is_hashable(d.kind) and is_hashable(other.kind) else "list"
    if is_pair(d.kind) and is_pair(other.kind):
        key = d.kind[1] if d.kind[1] == other.kind[1] else "thing"
        value = d.kind[2] if d.kind[2] == other.kind[2] else "list"
        kind = ("pair", key, value)
    both = Name(other.name)
    choice = w.draw(st.sampled_from(["union", "union", "sc.union", "+", "cartesian", "zip"]))
    if choice == "cartesian" and d.size * other.size <= 100 and d.width * other.width <= MOST_PARTITIONS:
        kind = ("pair", d.kind if is_hashable(d.kind) else "list", other.kind)
        w.add(kind, d.name, "cartesian", both)
        # The order of the pairs within a partition is no part of the model.
        w.add(kind, w.known.pop().name, "mapPartitions", f.in_order)
    elif choice == "zip":
        w.add("text", d.name, "map", f.text_of)
        w.add(("pair", d.kind, "text"), d.name, "zip", Name(w.known[-1].name))
    elif choice in ("union", "sc.union", "+") and d.width + other.width <= MOST_PARTITIONS:
        if choice == "sc.union":
            w.add(kind, "sc", "union", [Name(d.name), both, *([Name(d.name)] if w.draw(st.booleans()) else [])])
        else:
            w.add(kind, d.name, "union" if choice == "union" else "__add__", both)


def joined(w: Writer, d: Known) -> None:
    others = [each for each in w.known if is_pair(each.kind) and is_hashable(each.kind[1])]
    other = w.draw(st.sampled_from(others))
    if d.size * other.size > MOST_RECORDS or d.width + other.width > MOST_PARTITIONS:
        return
    key = d.kind[1] if d.kind[1] == other.kind[1] else "thing"
    sides = "thing" if is_hashable(d.kind[2]) and is_hashable(other.kind[2]) else "list"
    method, value = w.draw(
        st.sampled_from(
            [
                ("join", sides),
                ("leftOuterJoin", sides),
                ("rightOuterJoin", sides),
                ("fullOuterJoin", sides),
                ("cogroup", "list"),
                ("subtractByKey", d.kind[2]),
                ("groupWith", "list"),
            ]
        )
    )
    if method == "groupWith":
        w.add(("pair", key, "list"), d.name, method, Name(other.name), Name(d.name))
    else:
        w.add(
            ("pair", d.kind[1] if method == "subtractByKey" else key, value),
            d.name,
            method,
            Name(other.name),
            w.draw(widths),
        )


def without(w: Writer, d: Known) -> None:
    other = w.draw(st.sampled_from([each for each in w.known if is_hashable(each.kind)]))
    if d.width + other.width <= MOST_PARTITIONS:
        choice = w.draw(st.sampled_from(["subtract", "intersection"]))
        w.add(d.kind, d.name, choice, Name(other.name), *([w.draw(widths)] if choice == "subtract" else []))


def steps_for(d: Known) -> list[Callable[[Writer, Known], None]]:
    """The steps that fit the dataset's records."""
    steps: list[Callable[[Writer, Known], None]] = [
        any_map,
        any_map,
        other_partitions,
        kept,
        chosen,
        beside,
        numbered,
        through_pickles,
    ]
    if is_hashable(d.kind):
        steps += [distinct, grouped_by, without]
    if d.kind != "list":
        steps.append(sorted_by)
    if d.kind in ("int", "number"):
        steps.append(of_numbers)
    if d.kind == "text":
        steps += [of_text, piped]
    if d.kind in OF_KIND:
        steps.append(through_text)
    if is_pair(d.kind):
        steps.append(of_pairs)
        if is_hashable(d.kind[1]):
            steps += [by_key, by_key, joined, joined, sorted_by_key]
    return steps
