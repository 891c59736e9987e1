"""What users do wrong, and what they are told. Where it happens on workers: tests/contracts/test_rdd_clusters.py."""

from __future__ import annotations

import threading
from operator import add

import pytest

from spark_kernel.common import events
from spark_kernel.common.errors import (
    ContextError,
    DecodeError,
    JobCancelledError,
    JobFailedError,
    PathExistsError,
    PathNotFoundError,
    SerializationError,
)


def line_of(function) -> int:
    return function.__code__.co_firstlineno


def test_a_failing_lambda_is_named_with_its_line_partition_and_record(sc) -> None:
    divide = lambda x: 10 // x  # noqa: E731
    with pytest.raises(JobFailedError) as failure:
        sc.parallelize([2, 1, 0, 5], 2).map(divide).collect()
    task = failure.value.task
    assert (task.error_type, task.partition, task.record) == ("ZeroDivisionError", 1, "0")
    assert task.step.function == "map"
    assert f"test_bad_input.py:{line_of(divide) + 2}" in str(failure.value)
    assert "spark_kernel" not in task.user_traceback
    assert isinstance(failure.value.__cause__, ZeroDivisionError)


@pytest.mark.parametrize("function", [int, lambda text: int(text)], ids=["built-in", "lambda"])
def test_the_record_is_shown_whatever_kind_of_function_failed(sc, function) -> None:
    with pytest.raises(JobFailedError) as failure:
        sc.parallelize(["1", "two", "3"]).map(function).collect()
    assert failure.value.task.record == "'two'"
    assert failure.value.task.step.function == "map"


def test_a_failing_function_of_an_action_is_named(sc) -> None:
    def complain(x):
        raise LookupError(f"no {x}")

    with pytest.raises(JobFailedError, match="LookupError: no 7") as failure:
        sc.parallelize([7]).foreach(complain)
    assert failure.value.task.step.function == "foreach"


def test_a_lambda_that_exits_fails_its_job_only(sc) -> None:
    def leave(x):
        raise SystemExit(3)

    with pytest.raises(JobFailedError, match="SystemExit"):
        sc.parallelize([1]).map(leave).collect()
    assert sc.parallelize([1]).collect() == [1]


def test_a_lambda_that_never_returns_can_be_cancelled(sc) -> None:
    started = threading.Event()
    remove = sc.events.listen(lambda event: started.set() if isinstance(event, events.TaskStarted) else None)
    outcome = []

    def run() -> None:
        try:
            sc.parallelize([1]).map(endless).collect()
        except JobCancelledError as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    assert started.wait(10)
    sc.cancelAllJobs()
    thread.join(10)
    remove()
    assert len(outcome) == 1
    assert sc.active_jobs() == []


def endless(x):
    while True:
        x += 1


def test_a_result_that_cannot_be_pickled_says_what_to_return(sc) -> None:
    with pytest.raises(JobFailedError, match=r"can't be sent to the driver.*[Rr]eturn plain"):
        sc.parallelize([1]).map(lambda x: threading.Lock()).collect()


def test_a_function_that_cannot_be_pickled_names_its_variable(sc) -> None:
    lock = threading.Lock()
    with pytest.raises(SerializationError, match="lock"):
        sc.parallelize([1]).map(lambda x: (lock, x)).collect()


def test_elements_that_cannot_be_pickled_are_refused_where_they_are_given(sc) -> None:
    with pytest.raises(SerializationError, match="Could not serialize object: TypeError"):
        sc.parallelize([threading.Lock()])


def test_a_generator_that_was_used_up_is_refused(sc) -> None:
    squares = (x * x for x in range(3))
    assert sc.parallelize(squares).collect() == [0, 1, 4]
    with pytest.raises(ValueError, match=r"used up before.*Make a list"):
        sc.parallelize(squares)


def test_a_generator_that_has_nothing_to_give_is_fine(sc) -> None:
    assert sc.parallelize(x for x in []).collect() == []


@pytest.mark.parametrize(
    ("mistake", "advice"),
    [
        (lambda sc, rdd: rdd.map(lambda x: sc.parallelize([x])), "CONTEXT_ONLY_VALID_ON_DRIVER.*broadcast"),
        (lambda sc, rdd: rdd.map(lambda x: rdd.count()), "RDD_TRANSFORM_ONLY_VALID_ON_DRIVER.*[Cc]ollect"),
        (lambda sc, rdd: rdd.filter(lambda x, other=rdd: x in other.collect()), "RDD_TRANSFORM_ONLY"),
    ],
    ids=["context", "dataset", "default value"],
)
def test_context_and_datasets_refuse_to_travel(sc, mistake, advice) -> None:
    with pytest.raises(ContextError, match=advice):
        mistake(sc, sc.parallelize([1])).collect()


def test_records_that_are_no_pairs_are_named(sc) -> None:
    with pytest.raises(JobFailedError, match=r"pairs \(key, value\)"):
        sc.parallelize([1, 2]).reduceByKey(add).collect()


def test_a_key_that_cannot_be_hashed_is_named(sc) -> None:
    with pytest.raises(JobFailedError, match=r"[Uu]se a tuple instead of a list"):
        sc.parallelize([([1], 2)]).groupByKey().collect()


def test_partitions_of_different_lengths_cannot_be_zipped(sc) -> None:
    for left, right in [(range(4), range(5)), (range(5), range(4))]:
        with pytest.raises(JobFailedError, match="same number of elements in each partition"):
            sc.parallelize(left, 2).zip(sc.parallelize(right, 2)).collect()


def test_a_missing_file_a_glob_without_match_and_bad_text(sc, tmp_path) -> None:
    with pytest.raises(PathNotFoundError, match="nowhere"):
        sc.textFile(str(tmp_path / "nowhere.txt"))
    with pytest.raises(PathNotFoundError, match=r"matches no file"):
        sc.textFile(str(tmp_path / "*.csv"))
    (tmp_path / "latin.txt").write_bytes(b"good\nna\xefve\n")
    with pytest.raises(JobFailedError, match=r"latin\.txt") as failure:
        sc.textFile(str(tmp_path / "latin.txt")).collect()
    assert failure.value.task.error_type.endswith(DecodeError.__name__)
    assert sc.textFile(str(tmp_path / "latin.txt"), use_unicode=False).collect() == [b"good", b"na\xefve"]


def test_an_empty_file_and_a_folder_without_data(sc, tmp_path) -> None:
    (tmp_path / "empty.txt").touch()
    assert sc.textFile(str(tmp_path)).collect() == []
    assert sc.textFile(str(tmp_path)).getNumPartitions() == 0


def test_an_existing_output_is_refused_and_kept(sc, tmp_path) -> None:
    target = str(tmp_path / "out")
    sc.parallelize([1, 2], 2).saveAsTextFile(target)
    with pytest.raises(PathExistsError, match="already"):
        sc.parallelize([3]).saveAsTextFile(target)
    assert sc.textFile(target).collect() == ["1", "2"]


def test_a_failed_save_leaves_nothing(sc, tmp_path) -> None:
    target = tmp_path / "out"
    with pytest.raises(JobFailedError):
        sc.parallelize([1, 0], 2).map(lambda x: 1 // x).saveAsTextFile(str(target))
    assert not target.exists()
