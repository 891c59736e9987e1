"""Generated programs of several steps, each compared with the plain-Python model of `tests/support/plain_spark.py`.

Derandomised, so that every run tries the same programs. More of them, others each time:

    SPARK_KERNEL_PROGRAMS=2000 pytest tests/parity/test_generated_programs.py
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings

from spark_kernel.core.shuffle.portable_hash import portable_hash
from tests.support.generated_actions import programs
from tests.support.inline import inline_context
from tests.support.plain_spark import PlainContext, key_hash

MORE = int(os.environ.get("SPARK_KERNEL_PROGRAMS", "0"))


@pytest.fixture(scope="module")
def sc(tmp_path_factory):
    with inline_context() as context:
        context.setCheckpointDir(str(tmp_path_factory.mktemp("checkpoints")))
        yield context


def ours(value):
    """The model's portable hash is ours."""
    return portable_hash if value is key_hash else value


@pytest.mark.timeout(600)
@settings(
    max_examples=MORE or 300,
    derandomize=not MORE,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    print_blob=False,
)
@given(programs())
def test_a_program_answers_as_the_model_does(sc, program) -> None:
    with TemporaryDirectory() as left, TemporaryDirectory() as right:
        assert program.run(sc, Path(left), ours) == program.run(PlainContext(), Path(right))
