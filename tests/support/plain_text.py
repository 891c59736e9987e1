"""Text files as Spark reads and writes them, for the model: files of a folder, splits of bytes, lines of a split."""

from __future__ import annotations

from pathlib import Path


def read_back(path: Path) -> list[bytes]:
    """The contents of a file, or of the files in a folder that Spark would read."""
    if path.is_file():
        return [path.read_bytes()]
    return [file.read_bytes() for file in sorted(path.iterdir()) if file.name[0] not in "._"]


def lines_of_splits(files: list[bytes], wanted: int) -> list[list[str]]:
    """The lines of each split: those that begin in it, after its first byte unless it is the file's first."""
    goal = max(sum(map(len, files)) // wanted, 1)
    partitions = []
    for content in files:
        # Where each line begins; the last line may lack its end.
        starts = [0, *(i + 1 for i, byte in enumerate(content) if byte == 10)]
        if starts[-1] == len(content):
            starts.pop()
        position = 0
        for size in split_sizes(len(content), goal):
            end = position + size
            mine = [at for at in starts if position < at <= end or at == position == 0]
            partitions.append([content[at:].split(b"\n", 1)[0].decode() for at in mine])
            position = end
    return partitions


def split_sizes(length: int, goal: int) -> list[int]:
    """Splits of ``goal`` bytes while more than 1.1 of them are left; none for an empty file."""
    sizes = []
    while length / goal > 1.1:
        sizes.append(goal)
        length -= goal
    return [*sizes, length] if length else sizes
