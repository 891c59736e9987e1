"""Tasks of a gang meet when all of them have come, and are told when that can't be."""

from __future__ import annotations

import pytest

from spark_kernel.core.execution.backend import TaskBatch, TaskSpec
from spark_kernel.core.execution.gang_meetings import Meetings, Reply
from spark_kernel.core.execution.worker_messages import Meets


@pytest.fixture
def meetings():
    made = Meetings()
    made.open(gang(0, 10, 11))
    return made


def gang(stage_id, *task_ids):
    """A batch whose tasks have the partitions 0, 1, ... in the order given."""
    return TaskBatch(0, stage_id, 0, "map", b"", tuple(TaskSpec(each, p, 0) for p, each in enumerate(task_ids)))


def come(meetings, *task_ids, number=0, kind="start"):
    """What is said to whom when these tasks come, in this order: to all of them, or to none before the last."""
    said = [meetings.meets(Meets(each, number, kind, f"from {each}"), f"w{each}") for each in task_ids]
    assert not any(said[:-1])
    return {executor: list(replies) for executor, replies in said[-1].items()}


def begin(meetings, *task_ids):
    assert len(come(meetings, *task_ids)) == len(task_ids)


def errors(replies):
    return {reply.task_id: reply.error for said in replies.values() for reply in said}


def test_all_are_told_when_the_last_one_comes_what_each_has_said_by_partition(meetings):
    values = ("from 10", "from 11")
    assert come(meetings, 11, 10) == {"w11": [Reply(11, 0, values)], "w10": [Reply(10, 0, values)]}


def test_tasks_begin_with_their_first_meeting_and_with_no_other(meetings):
    first = come(meetings, 10, 11)
    assert sorted(meetings.begun_by(first)) == [(10, "w10"), (11, "w11")]
    assert meetings.begun_by(come(meetings, 10, 11, number=1, kind="barrier")) == []


def test_meetings_follow_each_other(meetings):
    begin(meetings, 10, 11)
    assert set(errors(come(meetings, 10, 11, number=1, kind="barrier")).values()) == {""}
    assert set(errors(come(meetings, 11, 10, number=2, kind="allGather")).values()) == {""}


def test_gangs_do_not_meet_each_other(meetings):
    meetings.open(gang(1, 20, 21))
    assert come(meetings, 10, 20) == {}
    assert set(come(meetings, 11)) == {"w10", "w11"}


def test_different_calls_are_an_error_for_all_who_wait_in_the_words_of_spark(meetings):
    begin(meetings, 10, 11)
    come(meetings, 10, number=1, kind="barrier")
    told = errors(come(meetings, 11, number=1, kind="allGather"))
    assert (
        told[10]
        == told[11]
        == (
            "Different barrier sync types found for the sync Stage 0 (Attempt 0): barrier, allGather. "
            "Please use the same barrier sync type within a single sync."
        )
    )


def test_who_waits_for_a_task_that_has_ended_is_told(meetings):
    begin(meetings, 10, 11)
    come(meetings, 10, number=1, kind="barrier")
    told = errors(meetings.ended(11, succeeded=True))
    assert "the task of partition 1 has ended without one" in told[10]


def test_who_comes_after_another_task_has_ended_is_told_at_once(meetings):
    begin(meetings, 10, 11)
    assert meetings.ended(10, succeeded=True) == {}
    assert "the task of partition 0 has ended" in errors(come(meetings, 11, number=1, kind="barrier"))[11]


def test_a_failed_task_says_nothing_to_the_others_whom_the_scheduler_cancels(meetings):
    begin(meetings, 10, 11)
    come(meetings, 10, number=1, kind="barrier")
    assert meetings.ended(11, succeeded=False) == {}


def test_a_meeting_whose_time_is_up_fails_in_the_words_of_spark(meetings):
    begin(meetings, 10, 11)
    come(meetings, 10, number=1, kind="barrier")
    meeting = meetings.first_of_round(10)
    assert errors(meetings.expired(meeting, 5.0)) == {
        10: "The coordinator didn't get all barrier sync requests for barrier epoch 0 from Stage 0 (Attempt 0) "
        "within 5 second(s)."
    }


def test_the_time_of_a_meeting_that_took_place_means_nothing(meetings):
    begin(meetings, 10, 11)
    come(meetings, 10, number=1, kind="barrier")
    meeting = meetings.first_of_round(10)
    come(meetings, 11, number=1, kind="barrier")
    come(meetings, 10, number=2, kind="barrier")
    assert meetings.expired(meeting, 5.0) == {}


def test_only_the_first_to_come_starts_the_clock_and_lining_up_has_none(meetings):
    come(meetings, 10)
    assert meetings.first_of_round(10) is None
    come(meetings, 11)
    come(meetings, 11, number=1, kind="barrier")
    assert meetings.first_of_round(11) == ((0, 0), 1)
    assert meetings.first_of_round(10) is None


def test_messages_of_tasks_that_were_answered_are_ignored(meetings):
    meetings.forget([10, 11])
    assert come(meetings, 10, 11) == {}
