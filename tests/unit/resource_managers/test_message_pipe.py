"""Messages over a pipe: whole, in order, until the other end is closed."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from spark_kernel.resource_managers.message_pipe import read_messages, write_message


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)


def test_messages_arrive_in_order_until_the_end_is_closed(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    sent = [{"id": number, "text": "line\nbreak é"} for number in range(3)]
    for message in sent:
        write_message(writing, message)
    os.close(writing)
    assert list(read_messages(reading)) == sent


def test_a_message_may_arrive_in_pieces(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    messages = read_messages(reading)
    os.write(writing, b'{"a": 1}\n{"b"')
    assert next(messages) == {"a": 1}
    os.write(writing, b": 2}\n")
    assert next(messages) == {"b": 2}
    os.close(writing)
    assert list(messages) == []


def test_what_was_cut_off_in_the_middle_is_no_message(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    os.write(writing, b'{"a": 1}\n{"b": ')
    os.close(writing)
    assert list(read_messages(reading)) == [{"a": 1}]


def test_reading_ends_when_there_is_no_reason_to_go_on(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    answers = iter([True, True, False])
    assert list(read_messages(reading, lambda: next(answers), seconds=0.0)) == []
    os.close(writing)


def test_writing_to_nobody_is_an_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with pytest.raises(BrokenPipeError):
        write_message(writing, {})
    os.close(writing)
