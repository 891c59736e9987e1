"""Where the blocks of a persisted dataset may live. The user's object is PySpark's own ``StorageLevel``."""

from __future__ import annotations

from pyspark.storagelevel import StorageLevel

__all__ = ["StorageLevel", "is_persisted"]


def is_persisted(level: StorageLevel) -> bool:
    """Whether the level keeps blocks anywhere.

    >>> is_persisted(StorageLevel.MEMORY_ONLY), is_persisted(StorageLevel.NONE)
    (True, False)
    """
    return bool(level.useMemory or level.useDisk or level.useOffHeap)
