"""What is drawn of a run: boxes (stages), steps (datasets) and links (dependencies), before anybody knows where.

The words only: `compose` makes a picture of a run, `collapse` a coarser one of a picture, `graph` and `layout` find
places for its parts, `drawing` makes shapes of them. A picture depends on the plans of the run's jobs and not on how
far they are, so that it is laid out once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Detail = Literal["steps", "stages", "chains", "jobs"]
"""From every dataset to one box per job."""


@dataclass(frozen=True)
class Step:
    """One dataset in one box; or several that one line of the user's code made one from the other."""

    key: str
    """Its element in the picture: ``node<ID>``; ``node<ID>-stage<ID>`` where the same dataset is drawn again."""
    node_ids: tuple[int, ...]
    """What it stands for; the last dataset gave it its name."""
    title: str
    """The operation."""
    detail: str
    """Variable and partitions."""
    place: str
    persisted_partitions: int | None
    """How many partitions the cache may hold; None when the dataset is not persisted."""

    @property
    def node_id(self) -> int:
        """The last of its datasets, which is what later steps read."""
        return self.node_ids[-1]

    @property
    def is_again(self) -> bool:
        """Whether an earlier box shows the same dataset."""
        return self.key != f"node{self.node_id}"

    def cached_text(self, cached: int) -> str:
        """What is added to the detail while that many partitions are in the cache."""
        return f" · cached {cached:,}/{self.persisted_partitions:,}"


@dataclass(frozen=True)
class Box:
    """One or more stages."""

    stage_id: int
    """The stage after which its element is called: ``stage<ID>``."""
    stage_ids: tuple[int, ...]
    title: str
    summary: str
    """What a closed box says instead of its steps."""
    steps: tuple[Step, ...]
    columns: tuple[tuple[int, ...], ...]
    """Its steps, by index, in chains: each step of a chain reads the one before, and nothing else reads that."""
    tasks: int
    """Partitions of its stages together."""
    is_shuffled: bool
    """Its stages write shuffle files, which later stages may find done."""

    @property
    def key(self) -> str:
        return f"stage{self.stage_id}"


@dataclass(frozen=True)
class Link:
    """One dependency: from where, to where."""

    key: str
    """Its element in the picture: ``edge<P>-<C>`` with the datasets' ids."""
    source: str
    """Key of a step, or of a closed box."""
    target: str
    kind: Literal["narrow", "shuffle"]
    source_box: int | None
    """Index of the box that it leaves, None for a loose step."""
    target_box: int | None


@dataclass(frozen=True)
class Picture:
    """Everything that is drawn, in drawing order."""

    boxes: tuple[Box, ...]
    loose: tuple[Step, ...]
    """Datasets that no known stage computes."""
    links: tuple[Link, ...]
    detail: Detail
    left_out: str = ""
    """A sentence for a person about what is not drawn."""

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps, box by box, then the loose ones."""
        return (*(step for box in self.boxes for step in box.steps), *self.loose)

    def columns(self) -> list[list[tuple[int, ...]]]:
        """For each box its columns, with steps by their index in `steps`; a last entry holds the loose ones."""
        found: list[list[tuple[int, ...]]] = []
        start = 0
        for box in self.boxes:
            found.append([tuple(start + index for index in column) for column in box.columns])
            start += len(box.steps)
        found.append([(start + index,) for index in range(len(self.loose))])
        return found


def stages_title(stage_ids: Sequence[int]) -> str:
    """``Stage 4``, ``Stages 1, 3``, ``Stages 5 to 9``.

    >>> stages_title([4]), stages_title([1, 3]), stages_title([5, 6, 7, 8, 9]), stages_title([1, 3, 5, 9])
    ('Stage 4', 'Stages 1, 3', 'Stages 5 to 9', 'Stages 1, 3, … 9')
    """
    ids = sorted(stage_ids)
    if len(ids) == 1:
        return f"Stage {ids[0]}"
    if len(ids) > 2 and ids[-1] - ids[0] == len(ids) - 1:
        return f"Stages {ids[0]} to {ids[-1]}"
    if len(ids) > 3:
        return f"Stages {ids[0]}, {ids[1]}, … {ids[-1]}"
    return f"Stages {', '.join(map(str, ids))}"
