"""Some of the generated programs on worker processes: pickled functions, shuffle files, blocks on executors."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings

from spark_kernel.core.context import SparkContext
from spark_kernel.core.shuffle.portable_hash import portable_hash
from tests.support.generated_actions import programs
from tests.support.plain_spark import PlainContext, key_hash

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def sc(tmp_path_factory):
    with SparkContext("local[2]", "generated") as context:
        context.setCheckpointDir(str(tmp_path_factory.mktemp("checkpoints")))
        yield context


@settings(max_examples=30, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(programs(9))
def test_a_program_answers_on_a_cluster_as_the_model_does(sc, program) -> None:
    with TemporaryDirectory() as left, TemporaryDirectory() as right:
        answers = program.run(sc, Path(left), lambda value: portable_hash if value is key_hash else value)
        assert answers == program.run(PlainContext(), Path(right))
