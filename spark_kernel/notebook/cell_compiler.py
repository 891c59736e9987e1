"""A cell's Python, compiled so that every dataset learns the name of its variable.

Text goes in that IPython has already turned into Python; statements come out, each compiled under the cell's file name
with the cell's own line numbers. Each assignment of a name also tells `HOOK` the name and the value. Nothing here
runs code or knows the engine: `cell_execution.py` runs the statements, `extension.py` provides the hook.
"""

from __future__ import annotations

import ast
import copy
import difflib
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import CodeType

HOOK = "__spark_named__"
"""Name of the function ``(name, value) -> value`` that compiled assignments call."""

# Methods that only a dataset has. A function whose body calls one runs in the driver, so that its assignments may
# call the hook; any other function may be sent to the executors and stays as the user wrote it.
DATASET_METHODS = frozenset(
    [
        *("aggregateByKey", "cogroup", "combineByKey", "countByKey", "flatMap"),
        *("flatMapValues", "foldByKey", "fullOuterJoin", "groupByKey", "keyBy"),
        *("leftOuterJoin", "mapPartitions", "mapPartitionsWithIndex", "mapValues", "parallelize"),
        *("partitionBy", "reduceByKey", "repartition", "rightOuterJoin", "saveAsTextFile"),
        *("sortByKey", "textFile", "wholeTextFiles", "zipWithIndex"),
    ]
)

# Expressions that never are a dataset; naming them would only cost time in a loop.
_NEVER_A_DATASET = (
    *(ast.Constant, ast.JoinedStr, ast.Lambda, ast.Compare, ast.UnaryOp),
    *(ast.Dict, ast.List, ast.Set, ast.Tuple, ast.DictComp, ast.ListComp, ast.SetComp, ast.GeneratorExp),
)

Compile = Callable[[ast.AST, str, str], CodeType]


@dataclass(frozen=True)
class Statement:
    """One top-level statement of a cell, ready to run."""

    line: int
    """Its first line in the cell."""
    code: CodeType
    """What to run; for a value, the expression to evaluate."""
    is_value: bool
    """Whether it is the cell's last expression, whose value is shown."""
    assigns: tuple[str, ...]
    """Variables of the notebook that it binds."""


def parse_cell(source: str, file: str, line: int, parse: Callable[[str, str], ast.Module]) -> ast.Module:
    """The syntax tree of ``source``, whose first line is line ``line`` of the cell.

    Raises SyntaxError with the cell's own line number.
    """
    try:
        tree = parse(source, file)
    except SyntaxError as error:
        raise _moved(error, line - 1) from None
    return ast.increment_lineno(tree, line - 1)


def compile_statements(tree: ast.Module, file: str, compiler: Compile) -> list[Statement]:
    """The statements of a cell in order, each with its naming hooks.

    ``compiler`` is called as the built-in ``compile``: (tree, file name, mode). The whole cell is compiled before
    anything can run. Raises SyntaxError, also for a top-level ``await``: a cell magic has no event loop to itself.
    """
    nodes = tree.body
    return [
        _statement(node, file, compiler, is_value=node is nodes[-1] and isinstance(node, ast.Expr)) for node in nodes
    ]


def keep_line_numbers(before: str, after: str) -> str:
    """``after``, with blank lines where IPython turned several lines of ``before`` into fewer.

    >>> keep_line_numbers("!ls \\\\\\n  -l\\nx = 1\\n", "get_ipython().system('ls -l')\\nx = 1\\n")
    "get_ipython().system('ls -l')\\n\\nx = 1\\n"
    """
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    if len(old) == len(new):
        return after
    kept: list[str] = []
    for tag, low, high, start, stop in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        kept += new[start:stop]
        missing = (high - low) - (stop - start)
        if tag in ("replace", "delete") and missing > 0:
            kept += ["\n"] * missing
    return "".join(kept)


class NameDatasets(ast.NodeTransformer):
    """Makes each assignment of a name call the hook with that name and the value.

    >>> print(ast.unparse(NameDatasets().visit(ast.parse("words = lines.flatMap(split)"))))
    words = __spark_named__('words', lines.flatMap(split))
    >>> print(ast.unparse(NameDatasets().visit(ast.parse("[small, large] = rdd.randomSplit([1, 2])"))))
    [small, large] = rdd.randomSplit([1, 2])
    __spark_named__('small', small)
    __spark_named__('large', large)
    """

    def visit_Assign(self, node: ast.Assign) -> list[ast.stmt]:
        """``a = b = value`` names the value ``a``; ``a, b = value`` names each part."""
        self.generic_visit(node)
        plain = [target.id for target in node.targets if isinstance(target, ast.Name)]
        if plain:
            node.value = _named(plain[0], node.value)
        parts = [name for target in node.targets if not isinstance(target, ast.Name) for name in _bound_names(target)]
        return [node, *(_naming(name, node) for name in parts)]

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AnnAssign:
        """``a: RDD = value``."""
        self.generic_visit(node)
        if isinstance(node.target, ast.Name) and node.value is not None:
            node.value = _named(node.target.id, node.value)
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> list[ast.stmt]:
        """``a += other`` makes a dataset when both are datasets; no other operator does."""
        self.generic_visit(node)
        if isinstance(node.target, ast.Name) and isinstance(node.op, ast.Add):
            return [node, _naming(node.target.id, node)]
        return [node]

    def visit_NamedExpr(self, node: ast.NamedExpr) -> ast.NamedExpr:
        """``(a := value)``."""
        self.generic_visit(node)
        node.value = _named(node.target.id, node.value)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Inside a function only when it works with datasets, and so can't be sent to the executors."""
        return self.generic_visit(node) if _works_with_datasets(node) else node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        """As for any other function."""
        return self.generic_visit(node) if _works_with_datasets(node) else node

    def visit_Lambda(self, node: ast.Lambda) -> ast.Lambda:
        """Lambdas are what is sent to the executors."""
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        """The names in a class are attributes, not variables."""
        return node


def _statement(node: ast.stmt, file: str, compiler: Compile, is_value: bool) -> Statement:
    assigns = tuple(dict.fromkeys(_assigned(node)))
    # The transformer works in place, and a tree that the caller passed is the caller's.
    named = NameDatasets().visit(copy.deepcopy(node))
    body = named if isinstance(named, list) else [named]
    tree: ast.AST = ast.Expression(body[0].value) if is_value else ast.Module(body, [])
    code = compiler(ast.fix_missing_locations(tree), file, "eval" if is_value else "exec")
    if code.co_flags & inspect.CO_COROUTINE:
        message = "await at the top level needs a plain cell: a %%spark cell can't wait for the notebook's event loop"
        raise SyntaxError(message, (file, node.lineno, node.col_offset + 1, None))
    return Statement(node.lineno, code, is_value, assigns)


def _named(name: str, value: ast.expr) -> ast.expr:
    if isinstance(value, _NEVER_A_DATASET) or (isinstance(value, ast.BinOp) and not isinstance(value.op, ast.Add)):
        return value
    call = ast.Call(ast.Name(HOOK, ast.Load()), [ast.Constant(name), value], [])
    return ast.fix_missing_locations(ast.copy_location(call, value))


def _naming(name: str, after: ast.stmt) -> ast.stmt:
    call = ast.Expr(_named(name, ast.Name(name, ast.Load())))
    located = ast.copy_location(call, after)
    return ast.fix_missing_locations(located)


def _bound_names(target: ast.expr) -> Iterator[str]:
    """The variables of an assignment target, also of nested and starred ones."""
    if isinstance(target, ast.Name):
        yield target.id
    elif isinstance(target, ast.Starred):
        yield from _bound_names(target.value)
    elif isinstance(target, ast.Tuple | ast.List):
        for part in target.elts:
            yield from _bound_names(part)


def _assigned(node: ast.stmt) -> Iterator[str]:
    """The notebook's variables that a statement binds, those in its blocks too, those of its functions not."""
    waiting: list[ast.AST] = [node]
    while waiting:
        inner = waiting.pop(0)
        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield inner.name
            continue
        if isinstance(inner, ast.Lambda):
            continue
        if isinstance(inner, ast.comprehension):
            # Its target is its own; only `:=` reaches the notebook.
            waiting += [inner.iter, *inner.ifs]
            continue
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store):
            yield inner.id
        elif isinstance(inner, ast.alias):
            yield (inner.asname or inner.name).split(".")[0]
        waiting += ast.iter_child_nodes(inner)


def _works_with_datasets(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(isinstance(inner, ast.Attribute) and inner.attr in DATASET_METHODS for inner in ast.walk(node))


def _moved(error: SyntaxError, lines: int) -> SyntaxError:
    """The same error, ``lines`` lines further down."""
    if error.lineno is not None:
        error.lineno += lines
    end = getattr(error, "end_lineno", None)
    if end is not None:
        error.end_lineno = end + lines
    return error
