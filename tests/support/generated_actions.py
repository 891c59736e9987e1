"""How a generated program ends: actions that fit the records, and the layout of what they were taken from."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import strategies as st

from tests.support import program_functions as f
from tests.support.generated_programs import Known, Writer, is_hashable, is_pair, steps_for, write_source
from tests.support.program_text import Line, Name, Program

any_action = [
    ("count",),
    ("collect",),
    ("isEmpty",),
    ("first",),
    ("getNumPartitions",),
    ("toLocalIterator",),
    ("toLocalIterator", True),
    ("reduce", f.joined_text),
    ("fold", "", f.joined_text),
    ("aggregate", [], f.put_in, f.put_all),
    ("treeReduce", f.joined_text),
    ("treeReduce", f.joined_text, 3),
    ("treeAggregate", [], f.put_in, f.put_all, 2),
]
on_hashable = [("countByValue",)]
on_numbers = [
    ("sum",),
    ("max",),
    ("min",),
    ("min", f.remainder),
    ("max", f.text_of),
    ("reduce", f.minus),
    ("stats",),
    ("mean",),
    ("histogram", 3),
    ("histogram", [-10, 0, 5, 20]),
    ("histogram", [0, 10, 20]),
]
on_pairs = [("collectAsMap",), ("reduceByKeyLocally", f.joined_text), ("countByKey",)]


def write_action(w: Writer, d: Known) -> None:
    """One action."""
    actions: list[tuple[Any, ...]] = [*any_action]
    number = w.draw(st.integers(-1, 12))
    actions += [("take", number), ("takeSample", w.draw(st.booleans()), max(number, 0), 7)]
    actions += [("top", abs(number), f.text_of), ("takeOrdered", number, f.text_of)]
    if d.kind in ("int", "text"):
        actions += [("top", abs(number)), ("takeOrdered", number)]
    if is_hashable(d.kind):
        actions += on_hashable
    if d.kind == "int":
        actions += on_numbers
    if is_pair(d.kind) and is_hashable(d.kind[1]):
        keys = [key for key, _ in d.model.collect()] or [0]
        actions += [*on_pairs, ("lookup", w.draw(st.sampled_from([*keys, None])))]
    choice = w.draw(st.sampled_from([*actions, "runJob"] if d.width else actions))
    if choice == "runJob":
        chosen = w.draw(st.lists(st.integers(0, d.width - 1), max_size=3))
        w.say("sc", "runJob", Name(d.name), f.how_many, chosen)
    else:
        w.say(d.name, *choice)


@st.composite
def programs(draw: Any, most_steps: int = 7) -> Program:
    """A program: one or two sources, some steps, one action or more, and all that can be seen of the last dataset."""
    with TemporaryDirectory() as folder:
        return write_program(Writer(draw, Path(folder)), most_steps)


def write_program(w: Writer, most_steps: int) -> Program:
    """The program, line by line."""
    draw = w.draw
    for _ in range(draw(st.integers(1, 2))):
        write_source(w)
    for _ in range(draw(st.integers(most_steps // 2, most_steps))):
        d = draw(st.sampled_from(w.known[-3:]))
        if d.size <= 150:
            draw(st.sampled_from(steps_for(d)))(w, d)
    last = w.known[-1]
    for _ in range(draw(st.integers(1, 3))):
        write_action(w, draw(st.sampled_from([last, last, *w.known])))
    w.say(last.name, "partitioner", attribute=True)
    w.lines.append(Line("parts", last.name, "glom"))
    w.say("parts", "collect")
    return Program(tuple(w.lines))
