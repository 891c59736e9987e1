"""The error of datasets and contexts that were carried into a task."""

from __future__ import annotations

from pickle import PicklingError

from pyspark.errors import PySparkRuntimeError

from spark_kernel.common.errors import ContextError

_ADVICE = {
    "CONTEXT_ONLY_VALID_ON_DRIVER": (
        "It appears that you are attempting to reference SparkContext from a broadcast variable, action, or "
        "transformation. SparkContext can only be used on the driver, not in code that runs on workers. For more "
        "information, see SPARK-5063. Read what the function needs from the context first, into a plain variable; for "
        "a large value use sc.broadcast(value), and refer to that in the function."
    ),
    "RDD_TRANSFORM_ONLY_VALID_ON_DRIVER": (
        "It appears that you are attempting to broadcast an RDD or reference an RDD from an action or transformation. "
        "RDD transformations and actions can only be invoked by the driver, not inside of other transformations; for "
        "example, rdd1.map(lambda x: rdd2.values.count() * x) is invalid because the values transformation and count "
        "action cannot be performed inside of the rdd1.map transformation. For more information, see SPARK-5063. "
        "Collect what the function needs first, join the two RDDs, or broadcast a plain value."
    ),
}


class DriverOnlyError(ContextError, PySparkRuntimeError, PicklingError):
    """Something that lives on the driver was about to travel to a task. For a job, PySpark raises a PicklingError.

    >>> str(DriverOnlyError("CONTEXT_ONLY_VALID_ON_DRIVER"))[:70]
    '[CONTEXT_ONLY_VALID_ON_DRIVER] It appears that you are attempting to r'
    """

    def __init__(self, condition: str) -> None:
        PySparkRuntimeError.__init__(self, message=_ADVICE[condition], errorClass=condition, messageParameters={})
