"""Programs about what is refused, inside tasks too. Of a failed task the last line of its Python error is told."""

from __future__ import annotations

import pickle
import re
from operator import add

from pyspark import SparkConf, StorageLevel, TaskContext
from pyspark.statcounter import StatCounter

from tests.support.parity import jobs_since, known_class, program, refusal

PAIRS = [(i % 3, i) for i in range(20)]


def failure(call):
    """The class and the words of the Python error that failed a task."""
    try:
        return f"no error but {call()!r}"
    except Exception as error:
        lines = [line.strip() for line in _told(error).split("\n")]
        errors = [line for line in lines if re.match(r"^([\w.]+\.)?\w*(Error|Exception|Interrupt): ?", line)]
        said = re.sub(r"^[\w.]+\.(\w+:)", r"\1", errors[0].removeprefix("Exception: ")) if errors else lines[0]
        # The value of a StopIteration that C code swallowed is not known any more.
        return re.sub(r"(failing the task):.*", r"\1", said)


def _told(error):
    # Ours has the user's error as its cause; Spark's has it in its text.
    cause = error.__cause__
    if cause is not None and "Py4J" not in type(error).__name__:
        return f"{known_class(cause)}: {cause}"
    text = str(error)
    return text[text.find("Traceback") :] if "Traceback" in text else f"{known_class(error)}: {text}"


def is_a_pickling_error(call):
    """Whether that is what is raised, and which condition it speaks of."""
    try:
        call()
    except pickle.PicklingError as error:
        return re.findall(r"\[[A-Z_]+\]", str(error))


def stop(*_):
    raise StopIteration("enough")


@program
def stop_iteration_in_every_function(sc):
    rdd, pairs = sc.parallelize(range(4), 2), sc.parallelize(PAIRS, 2)
    return [
        failure(call)
        for call in (
            lambda: rdd.map(stop).collect(),
            lambda: rdd.filter(stop).collect(),
            lambda: rdd.flatMap(stop).collect(),
            lambda: rdd.foreach(stop),
            lambda: rdd.keyBy(stop).collect(),
            lambda: pairs.mapValues(stop).collect(),
            lambda: pairs.flatMapValues(stop).collect(),
            lambda: rdd.reduce(stop),
            lambda: rdd.fold(0, stop),
            lambda: rdd.aggregate(0, stop, add),
            lambda: rdd.aggregate(0, add, stop),
            lambda: pairs.reduceByKey(stop).collect(),
            lambda: pairs.reduceByKeyLocally(stop),
            lambda: pairs.foldByKey(0, stop).collect(),
            lambda: pairs.aggregateByKey(0, stop, add).collect(),
            lambda: pairs.combineByKey(stop, add, add).collect(),
            lambda: rdd.groupBy(stop).collect(),
        )
    ]


@program
def errors_of_the_users_functions(sc):
    rdd, pairs = sc.parallelize(range(4), 2), sc.parallelize(PAIRS, 2)
    return [
        failure(call)
        for call in (
            lambda: rdd.map(lambda x: 1 // x).collect(),
            lambda: rdd.map(lambda x: {}[x]).count(),
            lambda: rdd.filter(lambda x: x.nothing).collect(),
            lambda: rdd.mapPartitions(lambda it: 1 / 0).collect(),
            lambda: rdd.foreach(lambda x: int("x")),
            lambda: rdd.map(lambda x: x + "a").sum(),
            lambda: pairs.reduceByKey(lambda a, b: a / 0).collect(),
            lambda: pairs.partitionBy(2, lambda key: key.nothing).collect(),
            lambda: rdd.takeOrdered(2, key=lambda x: 1 / 0),
            lambda: sc.runJob(rdd, lambda it: [1 / 0]),
        )
    ]


@program
def records_that_do_not_fit(sc):
    rdd = sc.parallelize(range(4), 2)
    return [
        failure(call).split(":")[0]
        for call in (
            lambda: rdd.keys().collect(),
            lambda: rdd.values().collect(),
            lambda: rdd.mapValues(str).collect(),
            lambda: rdd.flatMap(lambda x: x).collect(),
            lambda: rdd.collectAsMap(),
            lambda: rdd.countByKey(),
            lambda: rdd.reduceByKey(add).collect(),
            lambda: rdd.groupByKey().collect(),
            lambda: rdd.map(lambda x: [x]).distinct().collect(),
            lambda: rdd.map(lambda x: [x]).countByValue(),
            lambda: rdd.map(lambda x: ([x], x)).groupByKey().collect(),
            lambda: rdd.map(lambda x: x or "a").sortBy(lambda x: x).collect(),
            lambda: rdd.map(lambda x: x or "a").max(),
            lambda: rdd.map(str).sum(),
            lambda: rdd.mapPartitions(lambda it: 7).collect(),
            lambda: rdd.mapPartitions(lambda it: None).collect(),
        )
    ]


@program
def zips_that_do_not_fit(sc):
    ten = sc.parallelize(range(10), 2)
    return [
        failure(call).split(":")[0]
        for call in (
            lambda: ten.zip(sc.parallelize(range(9), 2)).collect(),
            lambda: ten.zip(ten.filter(lambda x: x > 1)).collect(),
            lambda: ten.zip(sc.parallelize(range(10), 5)).collect(),
        )
    ]


@program
def errors_of_pyspark_in_tasks(sc):
    number, table = sc.accumulator(0), sc.broadcast([1])
    rdd = sc.parallelize([1, 2], 2)

    def unpersist(_):
        table.unpersist()

    def destroy(_):
        table.destroy()

    def set_value(_):
        number.value = 7

    return [
        failure(call)
        for call in (
            lambda: rdd.map(lambda _: number.value).collect(),
            lambda: rdd.foreach(set_value),
            lambda: rdd.foreach(unpersist),
            lambda: rdd.foreach(destroy),
            lambda: rdd.map(lambda _: pickle.dumps(table)).collect(),
        )
    ]


@program
def driver_objects_that_do_not_travel(sc):
    rdd = sc.parallelize([1, 2], 2)
    return [
        refusal(call).split("attempting")[0]
        for call in (
            lambda: pickle.dumps(rdd),
            lambda: pickle.dumps(sc),
        )
    ] + [
        is_a_pickling_error(call)
        for call in (
            lambda: rdd.map(lambda _: rdd.count()).collect(),
            lambda: rdd.map(lambda _: sc.version).collect(),
        )
    ]


@program
def pipes_that_fail(sc):
    rdd = sc.parallelize(["a", "b"], 2)
    return [
        failure(call)
        for call in (
            lambda: rdd.pipe("/bin/false", checkCode=True).collect(),
            lambda: rdd.pipe("grep c", checkCode=True).collect(),
            lambda: rdd.pipe("sh -c 'exit 3'", checkCode=True).count(),
        )
    ] + [rdd.pipe("grep c").collect(), rdd.pipe("grep b", checkCode=False).collect()]


@program
def a_broadcast_after_its_end(sc):
    gone = sc.broadcast([1, 2])
    gone.destroy()
    said = refusal(lambda: sc.parallelize([1], 1).map(lambda _: gone.value).collect())
    return "destroyed" in said


@program
def arguments_that_are_refused(sc):
    rdd, pairs = sc.parallelize(range(4), 2), sc.parallelize(PAIRS, 2)
    return [
        refusal(call)
        for call in (
            lambda: rdd.coalesce(0, shuffle=True),
            lambda: rdd.sample(True, -1.0),
            lambda: pairs.sampleByKey(False, {0: -0.5}),
            lambda: rdd.takeSample(True, 1 << 63),
            lambda: rdd.treeAggregate(0, add, add, -1),
            lambda: rdd.persist(None),
            lambda: rdd.__add__([1]),
            lambda: rdd.zip(sc.emptyRDD()),
            lambda: sc.emptyRDD().first(),
            lambda: sc.emptyRDD().mean(),
            lambda: sc.emptyRDD().takeOrdered(3),
            lambda: sc.emptyRDD().max(),
            lambda: sc.emptyRDD().histogram(2),
            lambda: sc.emptyRDD().histogram([0, 1]),
            lambda: sc.parallelize([], 2).histogram(2),
            lambda: sc.parallelize([], 2).mean(),
            lambda: sc.parallelize([None], 1).histogram(1),
            lambda: sc.parallelize([], 2).treeReduce(add),
            lambda: sc.parallelize([], 2).countByValue(),
            lambda: rdd.randomSplit([]),
            lambda: rdd.histogram([0, float("inf")]),
            lambda: rdd.histogram(1.5),
            lambda: rdd.histogram([]),
            lambda: rdd.histogram((1, "a")),
            lambda: StatCounter().mergeStats(1),
        )
    ]


@program
def arguments_of_the_wrong_kind(sc):
    rdd = sc.parallelize(range(4), 2)
    return [
        refusal(call).split(":")[0]
        for call in (
            lambda: rdd.take("two"),
            lambda: rdd.coalesce("two"),
            lambda: rdd.sample(False, "half"),
            lambda: sc.parallelize(5, 2),
            lambda: sc.parallelize([1], "x"),
            lambda: sc.range(1.5),
            lambda: sc.union(5),
            lambda: sc.broadcast(),
            lambda: rdd.top(),
            lambda: rdd.foldByKey(0),
        )
    ]


@program
def settings_of_the_context(sc):
    conf = sc.getConf()
    return (
        conf.get("spark.app.name"),
        conf.get("spark.nothing", "else"),
        conf.get("spark.nothing"),
        conf.contains("spark.master"),
        conf.get("spark.rdd.compress"),
        conf.get("spark.serializer.objectStreamReset"),
        conf.get("spark.executor.id"),
        sc.appName,
        sc.sparkHome,
        type(sc.startTime).__name__,
        sc.version.split(".")[0],
        sc is type(sc).getOrCreate(),
        sc.stop.__name__,
        list(sc.listFiles),
        list(sc.listArchives),
        sc.resources,
        sc.PACKAGE_EXTENSIONS,
        refusal(lambda: sc.show_profiles()),
        refusal(lambda: sc.dump_profiles("x")),
    )


@program
def settings_objects(sc):
    conf = SparkConf(loadDefaults=False)
    conf.setAppName("name").setMaster("local").set("b", 2).set("a", True).setAll([("c", "3")]).setIfMissing("c", "4")
    conf.setSparkHome("/home").setExecutorEnv("V", "1").setExecutorEnv(pairs=[("W", "2")])
    return (
        sorted(conf.getAll()),
        sorted(conf.toDebugString().split("\n")),
        conf.contains("d"),
        conf.get("b"),
        conf.get("d", "none"),
        conf.get("d"),
        refusal(lambda: conf.setExecutorEnv("X", "1", [("Y", "2")])),
        refusal(lambda: conf.setExecutorEnv()),
    )


@program
def a_context_in_a_task(sc):
    def make(_):
        from pyspark import SparkContext

        SparkContext("local", "inner")

    return failure(lambda: sc.parallelize([1], 1).foreach(make)).split("attempting")[0], TaskContext.get()


@program
def after_a_failure_the_context_goes_on(sc):
    rdd = sc.parallelize([1, 0], 2)
    said = failure(lambda: rdd.map(lambda x: 1 // x).collect())
    return (
        said,
        rdd.count(),
        rdd.map(str).collect(),
        len(jobs_since(sc)),
        str(rdd.persist(StorageLevel.DISK_ONLY).sum()),
    )


@program
def a_stopped_context(sc):
    rdd = sc.parallelize([1], 1)
    sc.stop()
    sc.stop()
    said = [refusal(call).split(":")[0] != "no error but" for call in (rdd.count, lambda: sc.parallelize([1], 1))]
    return said, type(sc)._active_spark_context
