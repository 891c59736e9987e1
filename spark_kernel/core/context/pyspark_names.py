"""The names that we put into the modules of ``pyspark-client``, so that unchanged programs find them.

    from pyspark import SparkContext, SparkConf, RDD, Broadcast, Accumulator, TaskContext, InheritableThread, ...
    from pyspark.context import SparkContext          and pyspark.rdd, .broadcast, .status

The client leaves them out because it has no JVM. It decides by the module ``pyspark.core`` whether there is one, so no
module of that name may ever exist. `core/rdd/task_context.py` lets ``TaskContext.get()`` answer inside our tasks.

Importing this module puts the names there; ``spark_kernel.core.context`` does, and a kernel when it starts.
"""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Mapping

import pyspark
import pyspark.accumulators

from spark_kernel.core.context.spark_context import SparkContext
from spark_kernel.core.context.status_tracker import SparkExecutorInfo, SparkJobInfo, SparkStageInfo, StatusTracker
from spark_kernel.core.context.threads import InheritableThread, inheritable_thread_target
from spark_kernel.core.rdd import RDD
from spark_kernel.core.rdd.approximations import BoundedFloat
from spark_kernel.core.rdd.barrier import RDDBarrier
from spark_kernel.core.rdd.spark_files import SparkFiles
from spark_kernel.core.shared_variables.accumulator import Accumulator
from spark_kernel.core.shared_variables.broadcast import Broadcast
from spark_kernel.core.shuffle.portable_hash import portable_hash

NAMES: Mapping[str, Mapping[str, object]] = {
    "pyspark": {
        "Accumulator": Accumulator,
        "Broadcast": Broadcast,
        "InheritableThread": InheritableThread,
        "RDD": RDD,
        "RDDBarrier": RDDBarrier,
        "SparkContext": SparkContext,
        "SparkFiles": SparkFiles,
        "SparkExecutorInfo": SparkExecutorInfo,
        "SparkJobInfo": SparkJobInfo,
        "SparkStageInfo": SparkStageInfo,
        "StatusTracker": StatusTracker,
        "inheritable_thread_target": inheritable_thread_target,
    },
    "pyspark.context": {"SparkContext": SparkContext},
    "pyspark.rdd": {
        "BoundedFloat": BoundedFloat,
        "RDD": RDD,
        "RDDBarrier": RDDBarrier,
        "portable_hash": portable_hash,
    },
    "pyspark.broadcast": {"Broadcast": Broadcast},
    "pyspark.files": {"SparkFiles": SparkFiles},
    "pyspark.accumulators": {"Accumulator": Accumulator},
    "pyspark.status": {
        "SparkExecutorInfo": SparkExecutorInfo,
        "SparkJobInfo": SparkJobInfo,
        "SparkStageInfo": SparkStageInfo,
        "StatusTracker": StatusTracker,
    },
    "pyspark.util": {
        "InheritableThread": InheritableThread,
        "inheritable_thread_target": inheritable_thread_target,
    },
}
"""Module -> name -> what it stands for."""


def install() -> None:
    """Put the names there; modules that the client lacks are made."""
    for module_name, names in NAMES.items():
        module = _module(module_name)
        for name, value in names.items():
            setattr(module, name, value)


def _module(name: str) -> types.ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        module = types.ModuleType(name, "Names of spark-kernel; the client has no such module.")
        sys.modules[name] = module
        setattr(pyspark, name.rpartition(".")[2], module)
        return module


install()
