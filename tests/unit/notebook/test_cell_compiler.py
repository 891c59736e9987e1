"""How a cell is compiled: names for datasets, the cell's own line numbers, and functions that travel left alone."""

from __future__ import annotations

import ast

import pytest

from spark_kernel.notebook.cell_compiler import (
    HOOK,
    NameDatasets,
    Statement,
    compile_statements,
    keep_line_numbers,
    parse_cell,
)


def compiled(source: str, line: int = 2) -> list[Statement]:
    tree = parse_cell(source, "cell.py", line, lambda text, file: ast.parse(text, file))
    return compile_statements(tree, "cell.py", lambda node, file, mode: compile(node, file, mode, TOP_LEVEL_AWAIT))


TOP_LEVEL_AWAIT = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT


def named_by(source: str) -> tuple[dict[str, object], list[tuple[str, object]]]:
    """The variables after running ``source``, and what the hook was told."""
    told: list[tuple[str, object]] = []

    def hook(name: str, value: object) -> object:
        told.append((name, value))
        return value

    variables: dict[str, object] = {HOOK: hook, "make": lambda *args: object()}
    for statement in compiled(source):
        if statement.is_value:
            eval(statement.code, variables)
        else:
            exec(statement.code, variables)
    return variables, told


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("a = make()", ["a"]),
        ("a = b = make()", ["a"]),
        ("a: object = make()", ["a"]),
        ("a, b = make(), make()", ["a", "b"]),
        ("(a, [b, *c]) = make(), [make(), make()]", ["a", "b", "c"]),
        ("(a := make())", ["a"]),
        ("print(a := make())", ["a"]),
        ("for i in range(2):\n    a = make(i)", ["a", "a"]),
        ("if True:\n    a = make()\nelse:\n    b = make()", ["a"]),
        ("with open('/dev/null') as f:\n    a = make(f)", ["a"]),
        ("try:\n    a = make()\nfinally:\n    b = make()", ["a", "b"]),
        ("[(a := make(i)) for i in range(2)]", ["a", "a"]),
        ("def f(rdd):\n    a = make()\n    return make(a, lambda: rdd.flatMap(a))\nb = f(make)", ["a", "b"]),
    ],
)
def test_every_assignment_of_a_name_is_told(source: str, names: list[str]) -> None:
    variables, told = named_by(source)
    assert [name for name, _ in told] == names
    last: dict[str, object] = dict(told)
    assert all(variables[name] == value for name, value in last.items() if name in variables)


def test_addition_of_datasets_in_place_is_told() -> None:
    _, told = named_by("a = [1]\na += [2]")
    assert told == [("a", [1, 2])]


@pytest.mark.parametrize(
    "source",
    [
        "a = 1",
        "a = 'x' * 3",
        "a = [make()]",
        "a = lambda: make()",
        "f = lambda x: (y := make(x))\nf(1)",
        "def f(x):\n    y = make(x)\n    return y\nf(1)",
        "class C:\n    y = make()",
        "d = {}\nd['a'] = make()",
        "for a in [make()]:\n    pass",
    ],
)
def test_what_is_no_variable_or_no_dataset_costs_nothing(source: str) -> None:
    assert named_by(source)[1] == []


def test_functions_that_may_travel_keep_their_code() -> None:
    source = "def clean(x):\n    y = x.strip()\n    return y"
    variables, _ = named_by(source)
    assert variables["clean"].__code__.co_names == ("strip",)  # type: ignore[attr-defined]


def test_line_numbers_are_those_of_the_cell() -> None:
    statements = compiled("a = 1\n\nb = (\n  f(2))\n", line=2)
    assert [statement.line for statement in statements] == [2, 4]
    assert [max(line for *_, line in statement.code.co_lines() if line) for statement in statements] == [2, 5]


def test_only_the_last_expression_is_a_value() -> None:
    assert [statement.is_value for statement in compiled("1\nx = 2\n3")] == [False, False, True]
    assert [statement.is_value for statement in compiled("1\nx = 2")] == [False, False]


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("a = b = 1", ["a", "b"]),
        ("a += 1", ["a"]),
        ("import os.path as p, sys", ["p", "sys"]),
        ("import os.path", ["os"]),
        ("def f():\n    x = 1", ["f"]),
        ("for i, j in x:\n    k = [n for n in x]", ["i", "j", "k"]),
        ("print(f(lambda y: (z := y)))", []),
        ("[w := v for v in x]", ["w"]),
        ("with f() as g:\n    h = 1", ["g", "h"]),
    ],
)
def test_the_variables_that_a_statement_binds(source: str, names: list[str]) -> None:
    (statement,) = compiled(source)
    assert sorted(statement.assigns) == names


def test_an_error_in_the_code_names_the_line_of_the_cell() -> None:
    with pytest.raises(SyntaxError) as caught:
        compiled("x = 1\ny = = 1", line=4)
    assert caught.value.lineno == 5


@pytest.mark.parametrize(
    "source",
    ["await f()", "x = await f()", "async with f(): pass", "async for x in f(): pass", "[x async for x in f()]"],
)
def test_waiting_at_the_top_level_is_refused(source: str) -> None:
    with pytest.raises(SyntaxError, match="plain cell") as caught:
        compiled(f"ok = 1\n{source}")
    assert caught.value.lineno == 3


def test_waiting_inside_a_function_is_allowed() -> None:
    assert len(compiled("async def f():\n    await g()")) == 1


def test_the_callers_tree_is_left_alone() -> None:
    tree = ast.parse("a = make()")
    before = ast.dump(tree)
    compile_statements(tree, "cell.py", compile)
    assert ast.dump(tree) == before


def test_blank_lines_stand_for_lines_that_ipython_joined() -> None:
    before = "a = 1\n!ls \\\n -l \\\n -a\nb = 2\n"
    after = "a = 1\nget_ipython().system('ls  -l  -a')\nb = 2\n"
    kept = keep_line_numbers(before, after)
    assert kept.splitlines().index("b = 2") == before.splitlines().index("b = 2")
    assert keep_line_numbers(after, after) == after


def test_naming_keeps_the_meaning_of_a_whole_program() -> None:
    source = "total = 0\nfor i in range(5):\n    square = i * i\n    total = total + square\nresult = str(total)"
    plain: dict[str, object] = {}
    exec(source, plain)
    variables, _ = named_by(source)
    assert (variables["total"], variables["result"]) == (plain["total"], plain["result"])
    assert HOOK in ast.unparse(NameDatasets().visit(ast.parse(source)))
