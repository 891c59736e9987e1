"""What a generated program is: lines that call a method of the context or of a dataset, and how they run and read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.parity import plain


@dataclass(frozen=True)
class Name:
    """A dataset, the context, or an accumulator, by the name that the program gave it."""

    text: str

    def __repr__(self) -> str:
        return self.text


@dataclass(frozen=True)
class InFolder:
    """A path in the folder that a run may write to."""

    name: str

    def __repr__(self) -> str:
        return f'f"{{folder}}/{self.name}"'


@dataclass(frozen=True)
class Line:
    """``target = receiver.method(*args, **kwargs)``; without a target its value is shown."""

    target: str | None
    receiver: str
    method: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    attribute: bool = False

    def __str__(self) -> str:
        shown = [*map(_shown, self.args), *(f"{key}={_shown(value)}" for key, value in self.kwargs.items())]
        call = f"{self.receiver}.{self.method}" + ("" if self.attribute else f"({', '.join(shown)})")
        return call if self.target is None else f"{self.target} = {call}"


@dataclass(frozen=True)
class Program:
    """Lines in order."""

    lines: tuple[Line, ...]

    def __repr__(self) -> str:
        return "\n" + "\n".join(map(str, self.lines)) + "\n"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        # Hypothesis shows a failing program with this.
        printer.text(repr(self))

    def run(self, sc: Any, folder: Path, rename: Callable[[Any], Any] = lambda value: value) -> list[str]:
        """What each line without a target shows, as text; an error as its class and message.

        ``rename`` makes arguments what this context wants: its own portable hash.
        """
        names: dict[str, Any] = {"sc": sc}

        def resolved(arg: Any) -> Any:
            if isinstance(arg, list):
                return [resolved(each) for each in arg]
            if isinstance(arg, InFolder):
                return str(folder / arg.name)
            return names[arg.text] if isinstance(arg, Name) else rename(arg)

        shown = []
        for line in self.lines:
            receiver = names[line.receiver]
            if line.attribute:
                shown.append(_text(getattr(receiver, line.method)))
                continue
            args = [resolved(arg) for arg in line.args]
            kwargs = {key: resolved(value) for key, value in line.kwargs.items()}
            if line.target is not None:
                value = getattr(receiver, line.method)(*args, **kwargs)
                targets = line.target.split(", ")
                names.update(zip(targets, value, strict=True) if len(targets) > 1 else [(line.target, value)])
                continue
            try:
                shown.append(_text(getattr(receiver, line.method)(*args, **kwargs)))
            except ValueError as error:
                shown.append(f"{type(error).__name__}: {error}")
            except TypeError:
                # Keys that can't be compared: in whose words depends on which two were compared first.
                shown.append("TypeError")
        return shown


def _shown(arg: Any) -> str:
    if isinstance(arg, list) and arg and isinstance(arg[0], Name):
        return f"[{', '.join(map(_shown, arg))}]"
    return getattr(arg, "__name__", None) or repr(arg)


def _text(value: Any) -> str:
    if type(value).__name__ in ("generator", "list_iterator", "map", "chain"):
        value = list(value)
    if type(value).__name__ == "Partitioner":
        value = getattr(value, "num_partitions", None) or value.numPartitions
    if isinstance(value, tuple) and len(value) == 2 and callable(value[1]):
        value = value[0]
    if type(value).__name__ == "StatCounter":
        value = (value.count(), float(value.mean()), float(value.max()), float(value.min()))
    if type(value).__name__ == "defaultdict":
        value = dict(value)
    return repr(plain(value))
