"""The steps of a union's many sides, each side pickled by itself: a task unpickles only the side that it reads.

Without this, each of the 5,000 tasks of a union of 5,000 datasets would unpickle the steps of all of them. Sides that
have a step in common are one piece; the steps above the union travel in the program itself.
"""

from __future__ import annotations

import pickle
from array import array
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import Any, overload

from spark_kernel.core.execution.program import Step
from spark_kernel.core.execution.step_inputs import Stacked

Part = bytes | memoryview | pickle.PickleBuffer


class UnreadableError(Exception):
    """A program or a payload can't be unpickled here; the cause says why."""


def unpickled(data: bytes | memoryview, sides: Sequence[bytes] = ()) -> Any:
    """What ``data`` holds; ``sides`` are what was set apart when a program was pickled.

    Raises UnreadableError.
    """
    try:
        return pickle.loads(data, buffers=sides)
    except Exception as error:
        raise UnreadableError from error


class PackedSteps(Sequence[Step]):
    """The steps of a program, unpickled when they are asked for."""

    def __init__(self, used: dict[int, Step], piece_of: Part, bounds: Part, pieces: Part) -> None:
        """``piece_of`` and ``bounds`` hold 8-byte integers: the piece of each step, and where the pieces begin."""
        self._used = used
        self.shared = (pickle.PickleBuffer(piece_of), pickle.PickleBuffer(bounds), pickle.PickleBuffer(pieces))
        """What all tasks may share. The steps in use are each task's own."""
        numbers, starts, self._pieces = (part.raw() for part in self.shared)
        self._piece_of, self._bounds = numbers.cast("q"), starts.cast("q")

    def __reduce__(self) -> tuple[Any, ...]:
        return PackedSteps, (self._used, *self.shared)

    def __len__(self) -> int:
        return len(self._piece_of)

    @overload
    def __getitem__(self, index: int) -> Step: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Step]: ...
    def __getitem__(self, index: int | slice) -> Step | Sequence[Step]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        if index not in self._used:
            piece = self._piece_of[index]
            self._used.update(unpickled(self._pieces[self._bounds[piece] : self._bounds[piece + 1]]))
        return self._used[index]

    def in_use(self) -> Sequence[Step]:
        """Those that were asked for so far, in this process."""
        return list(self._used.values())


def packed(steps: Sequence[Step], dumps: Callable[[Mapping[int, Step]], bytes]) -> Sequence[Step]:
    """``steps`` as they should travel: as they are, unless there is a union among them."""
    if not any(isinstance(step.inputs, Stacked) for step in steps):
        return tuple(steps)
    groups = _groups(steps)
    root = groups[-1]
    numbers: dict[int, int] = {}
    members: list[dict[int, Step]] = []
    piece_of = array("q")
    for index, step in enumerate(steps):
        group = groups[index]
        if group != root and group not in numbers:
            numbers[group] = len(members)
            members.append({})
        piece_of.append(-1 if group == root else numbers[group])
        if group != root:
            members[numbers[group]][index] = step
    pieces = [dumps(each) for each in members]
    bounds = array("q", accumulate(map(len, pieces), initial=0))
    used = {index: step for index, step in enumerate(steps) if groups[index] == root}
    return PackedSteps(used, piece_of.tobytes(), bounds.tobytes(), b"".join(pieces))


def _groups(steps: Sequence[Step]) -> list[int]:
    """For each step the lowest step that it is connected with, other than through a union."""
    above = list(range(len(steps)))

    def lowest(index: int) -> int:
        while above[index] != index:
            above[index] = above[above[index]]
            index = above[index]
        return index

    for index, step in enumerate(steps):
        if not isinstance(step.inputs, Stacked):
            for below in step.inputs.steps():
                one, other = sorted((lowest(index), lowest(below)))
                above[other] = one
    return [lowest(index) for index in range(len(steps))]
