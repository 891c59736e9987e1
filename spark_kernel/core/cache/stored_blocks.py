"""What is known of one block of a persisted dataset on one executor."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StoredBlock:
    """A partition of a persisted dataset, and what it occupies on its executor now; zeros once it is gone."""

    node_id: int
    partition: int
    memory_bytes: int
    disk_bytes: int
