"""A task scope without a task, for unit tests of what runs inside tasks."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class CountsForTests:
    records_read: int = 0
    bytes_read: int = 0
    records_written: int = 0
    bytes_written: int = 0
    spilled_bytes: int = 0
    shuffle_records_read: int = 0
    shuffle_local_bytes_read: int = 0
    shuffle_remote_bytes_read: int = 0
    shuffle_records_written: int = 0
    shuffle_bytes_written: int = 0


class CancelledForTestsError(Exception):
    """What a cancelled task raises."""


@dataclass
class ScopeForTests:
    scratch: Path
    memory_share: int = 1 << 30
    partition: int = 0
    stage_id: int = 0
    task_id: int = 0
    attempt: int = 0
    counts: CountsForTests = field(default_factory=CountsForTests)
    cancelled: bool = False

    def check_cancelled(self) -> None:
        if self.cancelled:
            raise CancelledForTestsError
