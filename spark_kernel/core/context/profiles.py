"""Profiles of tasks: ``spark.python.profile``, `show_profiles` and `dump_profiles`, with PySpark's own profilers.

Spark profiles each Python RDD that its JVM runs. Here a profile is that of a stage: it belongs to the Python RDD that
ends the stage, and holds all that its tasks do, the steps below cached datasets too where those are computed.
"""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.errors import PySparkRuntimeError
from pyspark.profiler import Profiler, ProfilerCollector

from spark_kernel.core.context import settings as settings_table
from spark_kernel.core.context.context_session import ContextSession
from spark_kernel.core.rdd.spark_rdds import SparkRdd


class Profiling:
    """show_profiles, dump_profiles."""

    session: ContextSession
    profiler_collector: ProfilerCollector | None
    """None when no setting asks for profiles."""

    def show_profiles(self) -> None:
        """Print where the time of each stage's Python code went.

        Raises PySparkRuntimeError when nobody asked for profiles.
        """
        self._profiles().show_profiles()

    def dump_profiles(self, path: str) -> None:
        """Write each profile to ``rdd_<id>.pstats`` in the folder ``path``, and begin anew.

        Raises PySparkRuntimeError when nobody asked for profiles.
        """
        self._profiles().dump_profiles(path)

    def _profiles(self) -> ProfilerCollector:
        if self.profiler_collector is None:
            raise PySparkRuntimeError(errorClass="INCORRECT_CONF_FOR_PROFILE", messageParameters={})
        return self.profiler_collector

    def _collect_profiles(self, settings: Mapping[str, str], *classes: type[Profiler]) -> None:
        """Make profilers of ``classes``: of RDDs, of UDFs, of UDFs' memory; the last two are the SQL library's."""
        of_time = settings_table.value_of(settings, "spark.python.profile")
        of_memory = settings.get("spark.python.profile.memory", "false").lower() == "true"
        self.profiler_collector = None
        if of_time or of_memory:
            dump = settings_table.value_of(settings, "spark.python.profile.dump")
            self.profiler_collector = ProfilerCollector(*classes, dump)
        self._profilers: dict[int, Profiler] = {}
        if of_time:
            self.session.profiler_of = self._profiler_of

    def _profiler_of(self, rdd: SparkRdd) -> Profiler | None:
        if rdd.class_name != "PythonRDD":
            return None
        if rdd.rdd_id not in self._profilers:
            collector = self._profiles()
            self._profilers[rdd.rdd_id] = collector.new_profiler(self)
            collector.add_profiler(rdd.rdd_id, self._profilers[rdd.rdd_id])
        return self._profilers[rdd.rdd_id]
