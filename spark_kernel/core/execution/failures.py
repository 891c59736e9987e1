"""From an exception in a task to what the user needs to know: which operation, which record, which of their lines.

Nothing is recorded while records flow; everything is found afterwards, in the traceback. `culprits.py` finds out whose
function raised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from spark_kernel.common.call_sites import CallSite, is_ours, is_users_file
from spark_kernel.common.errors import FailedTask
from spark_kernel.core.execution.culprits import Culprit, find_culprit, innermost_call
from spark_kernel.core.execution.program import StageProgram
from spark_kernel.core.execution.tracebacks import (
    FrameLine,
    TracebackPart,
    causes,
    format_parts,
    frame_line,
    frames_of,
    headline,
    message_of,
    shortened,
    type_name,
)


@dataclass(frozen=True)
class RemoteFailure:
    """An exception as it travels from the executor to the driver."""

    error_type: str
    message: str
    user_traceback: tuple[TracebackPart, ...]
    full_traceback: tuple[TracebackPart, ...]
    step: CallSite | None = None
    record: str | None = None

    def failed_task(self, stage_id: int, partition: int, attempt: int, executor_id: str) -> FailedTask:
        """The failure in words, on the driver."""
        return FailedTask(
            stage_id=stage_id,
            partition=partition,
            attempt=attempt,
            executor_id=executor_id,
            error_type=self.error_type,
            error_message=self.message,
            user_traceback=format_parts(self.user_traceback),
            full_traceback=format_parts(self.full_traceback),
            step=self.step,
            record=self.record,
        )


def describe_failure(error: BaseException, program: StageProgram | None) -> RemoteFailure:
    """What is known of ``error``, which a task of ``program`` raised; None when there was no program yet."""
    culprit = find_culprit(error, program)
    return RemoteFailure(
        error_type=type_name(error),
        message=message_of(error),
        user_traceback=tuple(_parts(error, partial(_users_frames, culprit))),
        full_traceback=tuple(_parts(error, _all_frames)),
        step=culprit.step,
        record=culprit.record,
    )


def _parts(error: BaseException, choose: Callable[[BaseException], Iterable[FrameLine]]) -> Iterator[TracebackPart]:
    for each, introduction in causes(error):
        yield TracebackPart(shortened(list(choose(each))), headline(each), introduction)


def _all_frames(error: BaseException) -> Iterator[FrameLine]:
    return (frame_line(frame, line) for frame, line in frames_of(error.__traceback__))


def _users_frames(culprit: Culprit, error: BaseException) -> Iterator[FrameLine]:
    """From the function that was given to the failing step inwards; without ours.

    The frames above it are ours, and those of functions of later steps that pulled from this one.
    """
    frames = list(frames_of(error.__traceback__))
    start = innermost_call([frame.f_code for frame, _ in frames], culprit.codes)
    if start is None:
        users = [i for i, (frame, _) in enumerate(frames) if is_users_file(frame.f_code.co_filename)]
        start = users[0] if users else len(frames)
    return (frame_line(frame, line) for frame, line in frames[start:] if not is_ours(frame.f_code.co_filename))
