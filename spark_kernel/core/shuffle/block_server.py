"""What a machine gives to others: ranges of the application's files, and nothing else on its disks.

`worker_plugin.py` connects it to Dask.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from spark_kernel.core.shuffle.local_transport import read_range
from spark_kernel.core.shuffle.transport import BlockMissingError, FileRange


class BlockServer:
    """Reads ranges of files inside ``folder``, the application's folder on this machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, ranges: Sequence[FileRange]) -> list[bytes]:
        """The bytes of each range.

        Raises BlockMissingError for a file that is missing, too short, or not inside the folder.
        """
        # Resolved at each call: links and ".." lead out of a folder by name only.
        folder = self._folder.resolve()
        return [read_range((self._inside(folder, path), start, stop)) for path, start, stop in ranges]

    def _inside(self, folder: Path, path: str) -> str:
        found = Path(path.replace("\0", "")).resolve()
        if not found.is_relative_to(folder) or not found.is_file():
            raise BlockMissingError(f"{path} is no file of this application")
        return str(found)
