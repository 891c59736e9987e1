"""Keeping the partitions of persisted datasets: in memory, on disk, evicted by least recent use."""
