"""The recipe of ``pipe``: a partition's records go through an external command, line by line."""

from __future__ import annotations

import contextvars
import shlex
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from pyspark.errors import PySparkRuntimeError

from spark_kernel.core.lineage.recipes import Records, TaskScope


@dataclass(frozen=True)
class Pipe:
    """Each record as a line into ``command``, each line that it prints as a record."""

    command: str
    environment: dict[str, str]
    """All that the command sees."""
    check_code: bool
    """Whether an exit status other than 0 fails the task."""

    def compute(self, partition: int, inputs: Iterator[Records], scope: TaskScope) -> Records:
        """The lines without their line ends.

        Raises PySparkRuntimeError (PIPE_FUNCTION_EXITED), OSError when there is no such command, and what computing
        the records raises.
        """
        with subprocess.Popen(
            shlex.split(self.command), env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                feeder = _Feeder(next(inputs), process.stdin)
                for line in process.stdout:
                    yield line.rstrip(b"\n").decode("utf-8")
                feeder.finish()
                if process.wait() and self.check_code:
                    raise PySparkRuntimeError(
                        errorClass="PIPE_FUNCTION_EXITED",
                        messageParameters={"func_name": self.command, "error_code": str(process.returncode)},
                    )
            finally:
                # Nobody reads on, when the consumer stopped early or the task failed.
                process.kill()


class _Feeder:
    """Writes records to a command in a thread of its own, since the command may print before it has read all."""

    def __init__(self, records: Records, target: IO[bytes]) -> None:
        self._records = records
        self._target = target
        self._error: BaseException | None = None
        # The records are computed in that thread: it has to see the task's variables.
        context = contextvars.copy_context()
        self._thread = threading.Thread(target=context.run, args=(self._feed,), name="spark-kernel-pipe", daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Wait until all is written; raises what computing the records raised."""
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _feed(self) -> None:
        try:
            for record in self._records:
                self._target.write((str(record).rstrip("\n") + "\n").encode("utf-8"))
        except BrokenPipeError:
            # A command may stop reading when it has seen enough, as `head` does.
            return
        except BaseException as error:
            self._error = error
        finally:
            _close(self._target)


def _close(target: IO[bytes]) -> None:
    try:
        target.close()
    except BrokenPipeError:
        return
