"""The RDD API: thin handles over lineage nodes, one theme a file.

rdd.py             the class; below it, one layer a theme:
not_here, resource_requests, hadoop_outputs, sequence_files, saving, approximations, trees, statistics, sampling,
sorting, actions, joins, keyed, repartitioning, side_by_side, narrow, checkpointing, persistence, introspection, handle

elementwise, partitionwise, batches, combining, cogrouping, samplers, redistribution, pipes, sources,
binary_sources
                   recipes: what a task does with its records
folds, histograms, hyperloglog
                   what an action makes of a partition
operations         the user's line that everything carries
spark_rdds, debug_string
                   ids and lineage text as Spark would show them
session            what is asked of the context
task_context, barrier, spark_files
                   what a user's function can ask of its task
"""

from spark_kernel.core.rdd.rdd import RDD
from spark_kernel.core.rdd.task_context import TaskContext

__all__ = ["RDD", "TaskContext"]
