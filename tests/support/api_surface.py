"""The public names of a class and what each takes, as text: read off Spark's source files, and off our classes.

    attribute    "attribute"
    property     "property"
    method       "(f, preservesPartitioning=False)", with "class " or "static " before where it is that kind

Underscored names are left out, but for those that Python or a notebook calls. Annotations are left out; a default is
given as the source has it.
"""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from types import FunctionType
from typing import Any

from pyspark import CPickleSerializer, StorageLevel

from spark_kernel.core.rdd.sorting import itself

Surface = dict[str, str]
"""Name -> what it takes."""

CLASSES: dict[str, tuple[str, ...]] = {
    "core/rdd.py": ("RDD", "RDDBarrier", "BoundedFloat"),
    "core/context.py": ("SparkContext",),
    "core/broadcast.py": ("Broadcast",),
    "core/files.py": ("SparkFiles",),
    "core/status.py": ("StatusTracker", "SparkJobInfo", "SparkStageInfo", "SparkExecutorInfo"),
    "conf.py": ("SparkConf",),
    "accumulators.py": ("Accumulator", "AccumulatorParam"),
    "storagelevel.py": ("StorageLevel",),
    "taskcontext.py": ("TaskContext", "BarrierTaskContext", "BarrierTaskInfo"),
    "resource/profile.py": ("ResourceProfile", "ResourceProfileBuilder"),
    "resource/requests.py": (
        "ExecutorResourceRequest",
        "ExecutorResourceRequests",
        "TaskResourceRequest",
        "TaskResourceRequests",
    ),
    "resource/information.py": ("ResourceInformation",),
    "util.py": ("InheritableThread", "inheritable_thread_target"),
    "resultiterable.py": ("ResultIterable",),
    "statcounter.py": ("StatCounter",),
    "profiler.py": ("Profiler", "BasicProfiler", "MemoryProfiler"),
}
"""Spark's source files, below ``pyspark``, and what in them a program may use."""

_SPECIAL = {"__init__", "__add__", "__iadd__", "__enter__", "__exit__", "__iter__", "__len__", "_repr_html_"}


def surfaces_of_sources(folder: Path) -> dict[str, Surface]:
    """What Spark's sources offer: name of a class or function -> its surface; a function's has one entry, ``""``."""
    found = {}
    for file, names in CLASSES.items():
        tree = ast.parse((folder / file).read_text(encoding="utf-8"))
        known = {node.name: node for node in tree.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))}
        for name in names:
            node = known[name]
            found[name] = _of_class(node, known) if isinstance(node, ast.ClassDef) else {"": _arguments(node.args)}
    return found


def surface_of_object(value: Any, names: Surface) -> Surface:
    """What a class or function of ours has under ``names``; "missing" where it has nothing."""
    if not isinstance(value, type):
        return {"": _shown(value)}
    return {name: _of_member(value, name) for name in names}


def _of_class(node: ast.ClassDef, known: dict[str, Any]) -> Surface:
    surface: Surface = {}
    for base in node.bases:
        base = base.value if isinstance(base, ast.Subscript) else base
        if isinstance(base, ast.Name) and isinstance(known.get(base.id), ast.ClassDef):
            surface |= _of_class(known[base.id], known)
    for part in node.body:
        if isinstance(part, ast.FunctionDef) and not _is_overload(part):
            surface |= {part.name: _of_function(part)} if _is_public(part.name) else {}
        elif isinstance(part, (ast.AnnAssign, ast.Assign)):
            targets = part.targets if isinstance(part, ast.Assign) else [part.target]
            # A bare annotation declares what instances have; it gives the class no attribute.
            named = [each.id for each in targets if isinstance(each, ast.Name)] if part.value is not None else []
            surface |= {name: "attribute" for name in named if _is_public(name)}
    return surface


def _is_public(name: str) -> bool:
    return not name.startswith("_") or name in _SPECIAL


def _is_overload(node: ast.FunctionDef) -> bool:
    return any(ast.unparse(each) == "overload" for each in node.decorator_list)


def _of_function(node: ast.FunctionDef) -> str:
    decorators = {ast.unparse(each).split("(")[0] for each in node.decorator_list}
    if any(each == "property" or each.endswith(".setter") for each in decorators):
        return "property"
    if "staticmethod" in decorators:
        return f"static {_arguments(node.args)}"
    bound = ast.arguments(**{**dict(ast.iter_fields(node.args)), "args": node.args.args[1:]})
    return f"class {_arguments(bound)}" if "classmethod" in decorators else _arguments(bound)


def _arguments(arguments: ast.arguments) -> str:
    for each in [*arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]:
        if each is not None:
            each.annotation = None
    text = ast.unparse(arguments)
    return f"({text})"


def _of_member(cls: type, name: str) -> str:
    try:
        member = inspect.getattr_static(cls, name)
    except AttributeError:
        return "missing"
    if isinstance(member, property):
        return "property"
    if isinstance(member, staticmethod):
        return f"static {_shown(member.__func__)}"
    if isinstance(member, classmethod):
        return f"class {_shown(member.__func__, bound=True)}"
    return _shown(member, bound=True) if callable(member) else "attribute"


def _shown(function: Any, bound: bool = False) -> str:
    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())[1 if bound else 0 :]
    plain = [each.replace(annotation=inspect.Parameter.empty, default=_default(each.default)) for each in parameters]
    return str(signature.replace(parameters=plain, return_annotation=inspect.Signature.empty))


class _Source:
    """Prints as source text."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def _default(value: Any) -> Any:
    if value is itself:
        return _Source("lambda x: x")
    if isinstance(value, StorageLevel):
        names = [name for name, level in vars(StorageLevel).items() if isinstance(level, StorageLevel)]
        return _Source(f"StorageLevel.{next(name for name in names if getattr(StorageLevel, name) == value)}")
    if isinstance(value, (FunctionType, type)) and value is not inspect.Parameter.empty:
        return _Source(value.__name__)
    if isinstance(value, CPickleSerializer):
        return _Source("CPickleSerializer()")
    return value
