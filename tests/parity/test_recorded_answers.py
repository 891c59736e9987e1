"""Our answers to the programs whose answers by real Spark are recorded (`record.py`)."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

from spark_kernel.core.context import SparkContext
from tests.support.parity import PROGRAMS, plain

RECORDED = {
    file.stem: json.loads(file.read_text()) for file in sorted((Path(__file__).parent / "recorded").glob("*.json"))
}
for topic in RECORDED:
    importlib.import_module(f"tests.support.parity_{topic}")

CASES = [(topic, name) for topic, answers in RECORDED.items() for name in answers]


@pytest.mark.parametrize(("topic", "name"), CASES, ids=[f"{topic}-{name}" for topic, name in CASES])
def test_the_answer_is_that_of_spark(topic: str, name: str) -> None:
    with SparkContext("inline", "parity") as sc:
        answer = plain(PROGRAMS[name](sc))
    recorded = eval(RECORDED[topic][name], {"nan": float("nan"), "inf": float("inf")})
    if topic in ("refusals", "errors"):
        # Ours may say more: what to do about it.
        answer = cut_to(recorded, answer)
    assert repr(answer) == repr(recorded)


def cut_to(recorded: object, answer: object) -> object:
    """The answer with its texts no longer than the recorded ones."""
    if isinstance(recorded, list) and isinstance(answer, list) and len(recorded) == len(answer):
        return [cut_to(*both) for both in zip(recorded, answer, strict=True)]
    return answer[: len(recorded)] if isinstance(recorded, str) and isinstance(answer, str) else answer


def test_every_program_has_a_recorded_answer() -> None:
    recorded = {name for answers in RECORDED.values() for name in answers}
    assert set(PROGRAMS) == recorded
