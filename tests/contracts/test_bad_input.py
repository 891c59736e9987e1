"""What users do wrong, and what they are told: each mistake on a real cluster, which is usable afterwards.

Files that may not be read are in `test_storage_local_files.py`, which can become an ordinary user.
"""

from __future__ import annotations

import threading
import time

import pytest

from spark_kernel.common.errors import (
    ContextError,
    DecodeError,
    JobCancelledError,
    JobFailedError,
    PathExistsError,
    PathNotFoundError,
    SerializationError,
)
from spark_kernel.core.context import SparkContext

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def shared():
    with SparkContext("local[2]", "bad input") as context:
        yield context


@pytest.fixture
def sc(shared):
    """The context, which must be as good as new after each mistake."""
    yield shared
    assert shared.parallelize(range(10), 4).sum() == 45
    assert shared.active_jobs() == []


def test_empty_input_is_data_like_any_other(sc, tmp_path):
    (tmp_path / "empty.txt").touch()
    lines = sc.textFile(str(tmp_path / "empty.txt"))
    assert (lines.count(), lines.collect(), lines.map(len).sum(), lines.isEmpty()) == (0, [], 0, True)
    with pytest.raises(ValueError, match="empty RDD"):
        lines.reduce(max)


def test_a_missing_file_is_named(sc, tmp_path):
    with pytest.raises(PathNotFoundError, match=r"no-such-file\.txt"):
        sc.textFile(str(tmp_path / "no-such-file.txt")).count()


def test_a_glob_that_matches_nothing_is_named(sc, tmp_path):
    with pytest.raises(PathNotFoundError, match=r"\*\.csv"):
        sc.textFile(str(tmp_path / "*.csv")).count()


def test_invalid_utf8_is_refused_with_file_and_offset(sc, tmp_path):
    (tmp_path / "latin.txt").write_bytes(b"caf\xc3\xa9\n" * 3 + b"caf\xe9\n")
    with pytest.raises(JobFailedError, match=r"latin\.txt") as raised:
        sc.textFile(str(tmp_path / "latin.txt"), 1).collect()
    assert "21" in str(raised.value)  # The offset of the bad byte: three lines of six bytes, then "caf".
    assert isinstance(raised.value.__cause__, DecodeError)
    as_bytes = sc.textFile(str(tmp_path / "latin.txt"), 1, use_unicode=False)
    assert as_bytes.collect()[-1] == b"caf\xe9"


def test_a_lambda_that_raises_is_shown_with_its_line_and_its_record(sc):
    broken = sc.parallelize([4, 2, 0, 1], 2).map(lambda divisor: 8 / divisor)
    with pytest.raises(JobFailedError) as raised:
        broken.collect()
    message = str(raised.value)
    assert "ZeroDivisionError: division by zero" in message
    assert "map at test_bad_input.py:" in message
    assert "at the record 0" in message
    assert "lambda divisor: 8 / divisor" in message
    assert "spark_kernel" not in message
    assert isinstance(raised.value.__cause__, ZeroDivisionError)


def test_a_lambda_that_exits_fails_its_task_not_the_worker(sc):
    def leave(record):
        raise SystemExit(3)

    with pytest.raises(JobFailedError, match="SystemExit: 3"):
        sc.parallelize([1], 1).map(leave).collect()


@pytest.mark.parametrize("kind", ["loop", "sleep"])
def test_a_lambda_that_never_returns_can_be_cancelled(sc, kind):
    def loop(record):
        while True:
            pass

    function = loop if kind == "loop" else lambda record: time.sleep(10_000)
    failure: list[BaseException] = []

    def run():
        try:
            sc.parallelize([1, 2], 2).map(function).collect()
        except BaseException as error:
            failure.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    tracker = sc.statusTracker()
    wait_until(lambda: any(tracker.getStageInfo(s).numActiveTasks for s in tracker.getActiveStageIds()))
    sc.cancelAllJobs()
    thread.join(10)
    assert not thread.is_alive()
    assert isinstance(failure[0], JobCancelledError)


def test_a_result_that_cannot_be_sent_says_so(sc):
    with pytest.raises(JobFailedError, match="can't be sent to the driver"):
        sc.parallelize([1], 1).map(lambda record: threading.Lock()).collect()


def test_a_function_that_cannot_be_sent_names_the_line_and_the_culprit(sc):
    lock = threading.Lock()
    with pytest.raises(SerializationError, match=r"(?s)map at test_bad_input\.py:\d+.*lock"):
        sc.parallelize([1], 1).map(lambda record: lock).collect()


def test_a_record_of_200_megabytes_is_a_record(sc, tmp_path):
    path = tmp_path / "long.txt"
    with path.open("wb") as file:
        for _ in range(200):
            file.write(b"x" * 1_000_000)
        file.write(b"\nshort\n")
    assert sc.textFile(str(path), 4).map(len).collect() == [200_000_000, 5]


def test_a_generator_that_was_used_up_is_refused(sc):
    numbers = (i for i in range(5))
    assert sc.parallelize(numbers).sum() == 10
    with pytest.raises(ValueError, match="used up"):
        sc.parallelize(numbers)


def test_the_context_in_a_task_is_refused_with_advice(sc):
    with pytest.raises(Exception, match=r"(?i)driver") as raised:
        sc.parallelize([1]).map(lambda record: sc.parallelize([record]).count()).collect()
    assert "broadcast" in str(raised.value).lower() or "SparkContext" in str(raised.value)


def test_a_dataset_in_a_task_is_refused_with_advice(sc):
    other = sc.parallelize([1])
    with pytest.raises(Exception, match=r"(?i)driver|join|broadcast"):
        sc.parallelize([1]).map(lambda record: other.count()).collect()


def test_objects_of_the_drivers_own_classes_travel(sc):
    class Point:
        def __init__(self, x):
            self.x = x

    points = sc.parallelize([Point(1), Point(2)], 2)
    assert points.map(lambda point: point.x).sum() == 3
    back = points.map(lambda point: Point(point.x + 1)).collect()
    assert [(type(point).__name__, point.x) for point in back] == [("Point", 2), ("Point", 3)]


def test_an_existing_output_is_refused_and_left_alone(sc, tmp_path):
    numbers = sc.parallelize(range(4), 2)
    numbers.saveAsTextFile(str(tmp_path / "out"))
    with pytest.raises(PathExistsError, match="already exists"):
        numbers.saveAsTextFile(str(tmp_path / "out"))
    assert sorted(map(int, sc.textFile(str(tmp_path / "out")).collect())) == [0, 1, 2, 3]


def wait_until(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("it did not come true in time")
        time.sleep(0.02)


def test_a_context_that_was_stopped_says_how_to_start_again(shared):
    shared.stop()
    with pytest.raises(ContextError, match=r"(?i)start another"):
        shared.parallelize([1])
