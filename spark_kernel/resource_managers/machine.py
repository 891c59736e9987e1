"""What this machine has to offer."""

from __future__ import annotations


def cores_of_this_machine() -> int:
    """Cores that this process may use; fewer than the machine has, where a container or an affinity says so.

    >>> cores_of_this_machine() >= 1
    True
    """
    # Imported where it is used: Dask takes longer to import than a context to be made.
    import dask.system

    cores: int = dask.system.CPU_COUNT
    return cores
