"""The SparkContext: a session on a cluster, from which datasets come and to which actions go.

spark_context      the class; its themes are in creation, sequence_file_reading, hadoop_reading, added_files,
                   job_control, profiles and notebook_face
context_session    the working parts: scheduler, backend, facts, events
cluster_start, pending_backend, parallelism
                   a cluster that starts in the background
thread_scope       what each thread said about its jobs
dataset_facts, cleaner
                   names and levels of datasets, and the end of those that nobody refers to
settings           the settings that mean something
checkpoints        datasets whose lineage is cut
status_tracker, event_log
                   listeners
threads            threads that inherit what their parent said about its jobs
pyspark_names      the names that we put where ``from pyspark import ...`` finds them
"""

from spark_kernel.core.context import pyspark_names
from spark_kernel.core.context.spark_context import SparkContext

__all__ = ["SparkContext", "pyspark_names"]
