"""Where the files are that ``SparkContext.addFile`` added: the same name on the driver and in tasks."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from spark_kernel.common.errors import ContextError, PathNotFoundError
from spark_kernel.resource_managers.scratch import FOLDER_VARIABLE

FOLDER = "files"
"""In the application's folder."""


class SparkFiles:
    """Resolves names of added files. Has class methods only."""

    _folder_of_driver: ClassVar[Callable[[], Path] | None] = None
    """Set by the context of this process."""

    def __init__(self) -> None:
        raise NotImplementedError("Do not construct SparkFiles objects: call SparkFiles.get(name)")

    @classmethod
    def get(cls, filename: str) -> str:
        """The absolute path of an added file.

        Raises PathNotFoundError in a task on a machine that the file was not brought to.
        """
        path = Path(cls.getRootDirectory()) / filename
        if cls._folder_of_driver is None and not path.exists():
            raise PathNotFoundError(
                f"{filename} is not at {path}: what addFile added is seen by executors on the driver's machine only. "
                "Put it on a storage that all machines see, and read it by its URL, or broadcast its content."
            )
        return str(path)

    @classmethod
    def getRootDirectory(cls) -> str:
        """The folder of all added files.

        Raises ContextError when there is no application.
        """
        if cls._folder_of_driver is not None:
            return str(cls._folder_of_driver())
        folder = os.environ.get(FOLDER_VARIABLE)
        if folder is None:
            raise ContextError("there are no added files here: this is neither a driver with a context nor an executor")
        return str(Path(folder) / FOLDER)
