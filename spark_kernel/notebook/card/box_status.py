"""How far the stages of one box are, taken together. Used by `drawing` and `widget`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from spark_kernel.notebook.card.picture import Box, Picture
from spark_kernel.notebook.card.run_json import RunJson, StageJson, StageState

# The first state that some stage of the box is in is the state of the box.
_MOST_URGENT: Sequence[StageState] = (
    "running",
    "waiting",
    "failed",
    "cancelled",
    "succeeded",
    "planned",
    "skipped",
)


@dataclass(frozen=True)
class BoxStatus:
    """State and task counts of a box."""

    state: StageState
    total: int
    succeeded: int
    running: int
    shuffle_bytes_written: float
    is_reused: bool
    """Some of its stages were skipped because others of them had run."""

    @property
    def done(self) -> float:
        """Finished part of the work, from 0 to 1."""
        return self.succeeded / self.total if self.total else float(self.state == "succeeded")


def box_status(box: Box, stages: Mapping[int, StageJson]) -> BoxStatus:
    """The box's stages together; skipped ones count only when there is nothing else."""
    members = [stages[stage_id] for stage_id in box.stage_ids if stage_id in stages]
    at_work = [stage for stage in members if stage["state"] != "skipped"] or members
    states = {stage["state"] for stage in at_work}
    return BoxStatus(
        state=next((state for state in _MOST_URGENT if state in states), "waiting"),
        total=sum(stage["tasks"]["total"] for stage in at_work),
        succeeded=sum(stage["tasks"]["succeeded"] for stage in at_work),
        running=sum(stage["tasks"]["running"] for stage in at_work),
        shuffle_bytes_written=sum(stage["metrics"].get("shuffle_bytes_written", 0) for stage in members),
        is_reused=0 < len(at_work) < len(members),
    )


def box_statuses(picture: Picture, run: RunJson) -> list[BoxStatus]:
    """One status for each box of the picture."""
    stages = {stage["stage_id"]: stage for stage in run["stages"]}
    return [box_status(box, stages) for box in picture.boxes]
