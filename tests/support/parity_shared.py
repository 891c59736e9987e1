"""Programs with accumulators, broadcast variables, local properties, job groups and tags, threads, task contexts."""

from __future__ import annotations

import io
import os
import tempfile
import threading
import time
from pathlib import Path

from pyspark import InheritableThread, TaskContext, inheritable_thread_target
from pyspark.accumulators import AccumulatorParam

from tests.support.parity import jobs_since, program, refusal


class VectorParam(AccumulatorParam):
    def zero(self, value):
        return [0.0] * len(value)

    def addInPlace(self, value1, value2):
        return [a + b for a, b in zip(value1, value2, strict=True)]


class SetParam(AccumulatorParam):
    def zero(self, value):
        return set()

    def addInPlace(self, value1, value2):
        value1 |= value2
        return value1


def in_a_thread(function, kind=threading.Thread):
    found = []
    thread = kind(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


@program
def accumulators_of_every_type(sc):
    rdd = sc.parallelize(range(1, 8), 3)
    accumulators = [
        sc.accumulator(10),
        sc.accumulator(0.5),
        sc.accumulator(1j),
        sc.accumulator([1.0, 0.0], VectorParam()),
        sc.accumulator({0}, SetParam()),
        sc.accumulator(True),
    ]
    whole, part, number, vector, some, flag = accumulators

    def add_all(x):
        whole.add(x)
        part.add(x / 2)
        number.add(x)
        vector.add([1.0, x])
        some.add({x % 3})
        flag.add(x)

    rdd.foreach(add_all)
    return [(each.value, str(each), repr(each).partition(", ")[2]) for each in accumulators]


@program
def accumulators_in_transformations_count_each_time(sc):
    seen = sc.accumulator(0)

    def count(x):
        seen.add(1)
        return x

    rdd = sc.parallelize(range(6), 2).map(count)
    values = [seen.value]
    rdd.count()
    values.append(seen.value)
    rdd.take(2)
    values.append(seen.value)
    rdd.cache().count()
    rdd.count()
    values.append(seen.value)
    return values


@program
def accumulators_on_the_driver(sc):
    number = sc.accumulator(1)
    number += 4
    number.add(5)
    before = number.value
    number.value = 3
    ids = [sc.accumulator(0).aid - sc.accumulator(0).aid for _ in range(2)]
    return before, number.value, ids, str(number)


@program
def accumulators_that_are_refused(sc):
    return [refusal(lambda value=value: sc.accumulator(value)) for value in ("text", [1], None, {"a": 1}, (1, 2))]


@program
def broadcasts(sc):
    table = sc.broadcast({"a": 1, "b": 2})
    rdd = sc.parallelize(["a", "b", "a"], 2)
    first = rdd.map(lambda key: table.value[key]).collect()
    table.unpersist()
    second = rdd.map(lambda key: table.value[key]).sum()
    table.unpersist(blocking=True)
    nested = sc.broadcast([table.value, 3])
    return first, second, nested.value, rdd.map(lambda _: nested.value[1]).collect(), table.value


@program
def broadcasts_in_files(sc):
    some = sc.broadcast([1, 2, 3])
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "value")
        with open(path, "wb") as file:
            some.dump(some.value, file)
            closed = file.closed
        with open(path, "rb") as file:
            loaded = some.load(file)
        content = Path(path).read_bytes()
        return closed, loaded, sc.broadcast(0).load_from_path(path), content


@program
def broadcasts_of_what_cannot_be_pickled(sc):
    some = sc.broadcast(1)
    return refusal(lambda: some.dump(threading.Lock(), io.BytesIO()))


@program
def local_properties_are_a_threads_own(sc):
    sc.setLocalProperty("colour", "red")
    with_target = inheritable_thread_target(lambda: sc.getLocalProperty("colour"))
    seen = [
        sc.getLocalProperty("colour"),
        sc.getLocalProperty("nothing"),
        in_a_thread(lambda: sc.getLocalProperty("colour")),
        in_a_thread(lambda: sc.getLocalProperty("colour"), InheritableThread),
    ]
    sc.setLocalProperty("colour", "blue")
    seen.append(in_a_thread(with_target))
    in_a_thread(lambda: sc.setLocalProperty("colour", "green"), InheritableThread)
    seen.append(sc.getLocalProperty("colour"))
    sc.setLocalProperty("colour", None)
    return seen, sc.getLocalProperty("colour")


@program
def groups_and_descriptions_are_local_properties(sc):
    sc.setJobGroup("mine", "what it does", True)
    keys = ["spark.jobGroup.id", "spark.job.description", "spark.job.interruptOnCancel"]
    seen = [[sc.getLocalProperty(key) for key in keys]]
    sc.setJobGroup("other", "else")
    sc.setInterruptOnCancel(True)
    sc.setJobDescription("new words")
    seen.append([sc.getLocalProperty(key) for key in keys])
    sc.setJobDescription(None)
    seen.append([sc.getLocalProperty(key) for key in keys])
    return seen, in_a_thread(lambda: [sc.getLocalProperty(key) for key in keys])


@program
def job_tags(sc):
    seen = [sorted(sc.getJobTags())]
    sc.addJobTag("one")
    sc.addJobTag("two")
    sc.addJobTag("one")
    seen.append(sorted(sc.getJobTags()))
    seen.append(in_a_thread(lambda: sorted(sc.getJobTags())))
    seen.append(in_a_thread(lambda: sorted(sc.getJobTags()), InheritableThread))
    sc.removeJobTag("one")
    sc.removeJobTag("never there")
    seen.append(sorted(sc.getJobTags()))
    sc.clearJobTags()
    seen.append(sorted(sc.getJobTags()))
    said = [refusal(lambda tag=tag: sc.addJobTag(tag)) for tag in ("", "a,b")]
    return seen, "tag cannot be an empty string." in said[0], "tag cannot contain ','." in said[1]


@program
def jobs_of_groups_and_threads(sc):
    def in_group(name):
        sc.setJobGroup(name, name)
        sc.parallelize(range(4), 2).count()
        sc.parallelize(range(4), 2).take(1)

    in_a_thread(lambda: in_group("first"), InheritableThread)
    in_a_thread(lambda: in_group("second"), InheritableThread)
    sc.parallelize(range(4), 2).count()
    jobs_since(sc)
    tracker = sc.statusTracker()
    return [sorted(tracker.getJobIdsForGroup(name)) for name in ("first", "second", None)]


@program
def collect_with_a_job_group(sc):
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values = sc.parallelize(range(3), 2).collectWithJobGroup("a group", "words")
    jobs_since(sc)
    tracker = sc.statusTracker()
    return values, list(tracker.getJobIdsForGroup("a group")), sc.getLocalProperty("spark.jobGroup.id")


@program
def what_a_task_knows(sc):
    sc.setLocalProperty("colour", "red")

    def facts(index, records):
        task = TaskContext.get()
        yield (
            index,
            list(records),
            task.partitionId(),
            task.attemptNumber(),
            task.stageId(),
            task.getLocalProperty("colour"),
            task.getLocalProperty("nothing"),
            task.cpus(),
            task.resources(),
            type(task.taskAttemptId()).__name__,
        )

    rdd = sc.parallelize(range(5), 3).mapPartitionsWithIndex(facts)
    return (
        rdd.collect(),
        rdd.take(1),
        TaskContext.get(),
        sc.parallelize([(1, 2)], 2).reduceByKey(max).mapPartitionsWithIndex(facts).collect(),
    )


@program
def task_attempt_ids_are_unique(sc):
    ids = sc.parallelize(range(12), 6).map(lambda _: TaskContext.get().taskAttemptId())
    seen = ids.collect() + ids.collect()
    return len(set(seen)), min(seen), max(seen)


@program
def what_the_tracker_says_of_jobs(sc):
    sc.parallelize([(1, 2), (2, 3)], 3).groupByKey(2).count()
    refusal(lambda: sc.parallelize([1, 0], 2).map(lambda x: 1 // x).collect())
    jobs_since(sc)
    tracker = sc.statusTracker()
    jobs = [tracker.getJobInfo(job_id) for job_id in sorted(tracker.getJobIdsForGroup())]
    stages = [tracker.getStageInfo(stage_id) for job in jobs for stage_id in sorted(job.stageIds)]
    return (
        [(type(job).__name__, job._fields, job.jobId, sorted(job.stageIds), job.status) for job in jobs],
        [
            (type(s).__name__, s._fields, s.stageId, s.currentAttemptId, s.name.split(" at ")[0], s.numTasks)
            for s in stages
        ],
        [(s.numActiveTasks, s.numCompletedTasks, s.numFailedTasks) for s in stages[:2]],
        [type(each).__name__ for each in tracker.getExecutorInfos()][:1],
        tracker.getExecutorInfos()[0]._fields,
    )


@program
def what_the_tracker_says_of_a_running_job(sc):
    release = tempfile.mktemp()

    def wait(x):
        deadline = time.monotonic() + 60
        while not os.path.exists(release) and time.monotonic() < deadline:
            time.sleep(0.01)
        return x

    job = threading.Thread(target=lambda: sc.parallelize([1], 1).map(wait).count())
    job.start()
    tracker = sc.statusTracker()
    deadline = time.monotonic() + 60
    try:
        while time.monotonic() < deadline:
            stages = [tracker.getStageInfo(stage_id) for stage_id in tracker.getActiveStageIds()]
            if stages and stages[0] is not None and stages[0].numActiveTasks:
                break
        active = list(tracker.getActiveJobsIds())
        return active, tracker.getJobInfo(active[0]).status, tuple(stages[0])[3:]
    finally:
        Path(release).touch()
        job.join()
        os.unlink(release)
