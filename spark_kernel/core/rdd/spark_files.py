"""Where the files are that ``SparkContext.addFile`` added: the same name on the driver and in tasks."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from spark_kernel.common.errors import ContextError
from spark_kernel.core.execution.added_files import FOLDER
from spark_kernel.core.execution.task_scope import current_task
from spark_kernel.resource_managers.scratch import FOLDER_VARIABLE


class SparkFiles:
    """Resolves names of added files. Has class methods only."""

    _folder_of_driver: ClassVar[Callable[[], Path] | None] = None
    """Set by the context of this process."""

    def __init__(self) -> None:
        raise NotImplementedError("Do not construct SparkFiles objects: call SparkFiles.get(name)")

    @classmethod
    def get(cls, filename: str) -> str:
        """The absolute path of an added file, whether it is there or not.

        Raises ContextError when there is no application.
        """
        return os.path.abspath(os.path.join(cls.getRootDirectory(), filename))

    @classmethod
    def getRootDirectory(cls) -> str:
        """The folder of all added files.

        Raises ContextError when there is no application.
        """
        task = current_task()
        if task is not None:
            return str(task.application_folder / FOLDER)
        if cls._folder_of_driver is not None:
            return str(cls._folder_of_driver())
        # A thread that a task started.
        folder = os.environ.get(FOLDER_VARIABLE)
        if folder is None:
            raise ContextError("there are no added files here: this is neither a driver with a context nor a task")
        return str(Path(folder) / FOLDER)
