"""What a user is told of an exception: the operation, the record, their own lines, and nothing of ours."""

from __future__ import annotations

import linecache
import operator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from spark_kernel.common.call_sites import CELLS, CallSite
from spark_kernel.common.errors import FailedTask
from spark_kernel.core.execution.backend import TaskFailed
from spark_kernel.core.execution.program import Deliver
from spark_kernel.core.lineage.partitioners import Partitioner
from spark_kernel.core.lineage.shuffle_specs import Aggregator, ShuffleSpec
from spark_kernel.core.rdd.elementwise import Filter, FlatMap, Map, MapValues
from tests.support.programs import (
    batch_of,
    executor_state,
    map_partitions,
    map_side,
    mapped,
    narrow,
    run_batch,
    shuffled,
    source,
)


@pytest.fixture
def fail(tmp_path: Path):
    """The failure of a one-task batch."""
    state = executor_state(tmp_path)

    def run(final, output=list, **fields: Any) -> FailedTask:
        (report,) = run_batch(batch_of(final, output, **fields), state)
        assert isinstance(report, TaskFailed)
        return report.failure

    return run


def step_of(failure: FailedTask) -> str:
    return str(failure.step)


def reciprocal(x):
    return 1 / x


def test_the_innermost_step_whose_function_raised_is_to_blame(fail) -> None:
    data = mapped(source([1, 0]), reciprocal, line=1)
    data = map_partitions(data, lambda records: (x + 1 for x in records), line=2)
    data = mapped(data, lambda x: x, line=3)
    failure = fail(data)
    assert step_of(failure) == "map at lesson.py:1"
    assert failure.record == "0"


def test_the_traceback_begins_in_the_function_of_that_step(fail) -> None:
    def helper(x):
        return reciprocal(x)

    def pulls(records):
        return list(records)

    failure = fail(map_partitions(mapped(source([0]), lambda x: helper(x)), pulls))
    assert [line.split(", in ")[1] for line in failure.user_traceback.splitlines() if ", in " in line] == [
        "<lambda>",
        "helper",
        "reciprocal",
    ]
    assert "spark_kernel" not in failure.user_traceback
    assert "task.py" in failure.full_traceback


def test_frames_of_libraries_that_the_user_called_are_kept(fail) -> None:
    import json

    failure = fail(mapped(source(["{"]), lambda text: json.loads(text)))
    assert failure.error_type == "json.decoder.JSONDecodeError"
    assert "decoder.py" in failure.user_traceback
    assert failure.record == "'{'"


def test_a_function_without_a_frame_is_found_by_its_recipe(fail) -> None:
    data = narrow(source(["1", "x"]), Map(int), "map", line=5)
    failure = fail(narrow(data, Map(str), "map", line=6))
    assert step_of(failure) == "map at lesson.py:5"
    assert failure.record == "'x'"
    assert "spark_kernel" not in failure.user_traceback
    assert failure.user_traceback == "ValueError: invalid literal for int() with base 10: 'x'"


def test_the_record_is_the_pair_where_the_function_gets_the_value_only(fail) -> None:
    failure = fail(narrow(source([("a", 0)]), MapValues(lambda value: 1 / value), "mapValues"))
    assert failure.record == "('a', 0)"


def test_a_generator_that_raises_later_is_still_the_steps_own(fail) -> None:
    failure = fail(narrow(source([[1, 0]]), FlatMap(lambda numbers: (1 / n for n in numbers)), "flatMap", line=8))
    assert step_of(failure) == "flatMap at lesson.py:8"


def test_a_function_of_a_whole_partition_has_no_record(fail) -> None:
    def work(records):
        for x in records:
            yield 1 / x

    failure = fail(map_partitions(source([0]), work))
    assert step_of(failure) == "mapPartitions at lesson.py:2"
    assert failure.record is None


@dataclass
class Scaler:
    factor: int

    def __call__(self, x):
        return x / self.factor

    def scale(self, x):
        return x / self.factor


@pytest.mark.parametrize(
    "function", [Scaler(0), Scaler(0).scale, partial(operator.truediv, 7), partial(Scaler.scale, Scaler(0))]
)
def test_methods_callable_objects_and_partials_are_recognised(fail, function) -> None:
    failure = fail(narrow(source([0]), Map(function), "map", line=4))
    assert step_of(failure) == "map at lesson.py:4"
    assert failure.record == "0"


def test_the_arguments_of_a_combiner_are_shown_together(fail) -> None:
    spec = ShuffleSpec(Partitioner(1, hash), Aggregator(lambda v: v, lambda a, b: a + b[0], lambda a, b: a + b))
    parent, output = map_side(shuffled(source([("k", "ab"), ("k", "")]), spec))
    failure = fail(parent, output)
    assert step_of(failure) == "partitionBy at lesson.py:3"
    assert failure.record == "a = 'ab', b = ''"


def test_an_operator_that_fails_in_a_shuffle_is_blamed_on_it(fail) -> None:
    spec = ShuffleSpec(Partitioner(1, hash), Aggregator(lambda v: v, operator.add, operator.add))
    parent, output = map_side(shuffled(source([("k", 1), ("k", "x")]), spec))
    failure = fail(parent, output)
    assert step_of(failure) == "partitionBy at lesson.py:3"
    assert failure.error_type == "TypeError"


def test_a_function_of_the_action_is_blamed_on_the_action(fail) -> None:
    output = Deliver(lambda records: [reciprocal(x) for x in records], CallSite("foreach", "lesson.py", 12))
    assert step_of(fail(source([0]), output)) == "foreach at lesson.py:12"


def test_causes_are_told_in_order(fail) -> None:
    def wrap(x):
        try:
            return 1 / x
        except ZeroDivisionError as error:
            raise ValueError("no reciprocal") from error

    lines = fail(mapped(source([0]), wrap)).user_traceback.splitlines()
    assert lines.index("ZeroDivisionError: division by zero") < lines.index(
        "The above exception was the direct cause of the following exception:"
    )
    assert lines[-1] == "ValueError: no reciprocal"


def test_an_error_while_handling_another_mentions_both(fail) -> None:
    def clumsy(x):
        try:
            return 1 / x
        except ZeroDivisionError:
            return {}["missing"]

    text = fail(mapped(source([0]), clumsy)).user_traceback
    assert "During handling of the above exception" in text
    assert text.endswith("KeyError: 'missing'")


def test_notes_are_kept(fail) -> None:
    def noted(x):
        error = ValueError("bad")
        error.__notes__ = ["look at the third column"]
        raise error

    assert fail(mapped(source([0]), noted)).user_traceback.endswith("ValueError: bad\nlook at the third column")


class Wordless(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


def test_an_error_whose_message_cannot_be_had_is_told_all_the_same(fail) -> None:
    def silent(x):
        raise Wordless

    failure = fail(mapped(source([0]), silent))
    assert failure.error_type.endswith("Wordless")
    assert "RuntimeError" in failure.error_message


def test_a_runaway_recursion_is_told_shortly(fail) -> None:
    def forever(x):
        return forever(x + 1)

    failure = fail(mapped(source([0]), forever))
    assert failure.error_type == "RecursionError"
    assert len(failure.user_traceback.splitlines()) < 200
    assert "more frames" in failure.user_traceback
    assert failure.record == "0"


def test_cells_are_named_by_their_number_with_their_source(fail) -> None:
    name = "/tmp/ipykernel_7/1234.py"
    text = "def clean(x):\n    return 1 / x\n"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    CELLS.register(name, 3)
    namespace: dict[str, Any] = {}
    exec(compile(text, name, "exec"), namespace)
    failure = fail(mapped(source([0]), namespace["clean"]))
    assert failure.user_traceback.splitlines() == [
        "Traceback (most recent call last):",
        "  Cell [3], line 2, in clean",
        "    return 1 / x",
        "ZeroDivisionError: division by zero",
    ]


def test_a_record_of_any_size_is_shown_in_one_short_line(fail) -> None:
    failure = fail(narrow(source(["x" * 10_000_000]), Filter(lambda text: text.missing), "filter"))
    assert len(failure.record) <= 200
    assert failure.record.startswith("'xxx")
