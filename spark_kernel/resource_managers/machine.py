"""What this machine has to offer."""

from __future__ import annotations

import dask.system


def cores_of_this_machine() -> int:
    """Cores that this process may use; fewer than the machine has, where a container or an affinity says so.

    >>> cores_of_this_machine() >= 1
    True
    """
    cores: int = dask.system.CPU_COUNT
    return cores
