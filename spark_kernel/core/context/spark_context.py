"""SparkContext: the session on a cluster that users hold. Constructor, properties, end of life.

What it makes is in `creation.py`, what it does with jobs in `job_control.py`, what only the notebook asks for in
`notebook_face.py`; the working parts are in `context_session.py`.
"""

from __future__ import annotations

import atexit
import getpass
import os
import sys
import threading
import time
import warnings
from collections.abc import Mapping
from types import TracebackType
from typing import Any, ClassVar, NoReturn

import pyspark
from pyspark.conf import SparkConf
from pyspark.profiler import BasicProfiler, MemoryProfiler, Profiler, UDFBasicProfiler
from pyspark.serializers import AutoBatchedSerializer, CPickleSerializer, Serializer

from spark_kernel.common.call_sites import find_call_site
from spark_kernel.common.ids import new_application_id
from spark_kernel.core.context import settings as settings_table
from spark_kernel.core.context.added_files import AddedFiles
from spark_kernel.core.context.context_session import ContextSession
from spark_kernel.core.context.hadoop_reading import HadoopReading
from spark_kernel.core.context.job_control import JobControl
from spark_kernel.core.context.notebook_face import NotebookFace
from spark_kernel.core.context.profiles import Profiling
from spark_kernel.core.execution.task_scope import current_task
from spark_kernel.core.rdd.driver_only import DriverOnlyError
from spark_kernel.core.rdd.spark_files import SparkFiles
from spark_kernel.resource_managers import head_start
from spark_kernel.resource_managers.master_url import scheme_of
from spark_kernel.resource_managers.notation import wants_web_pages

_SET_BY_PYSPARK = {"spark.serializer.objectStreamReset": "100", "spark.rdd.compress": "True"}


class SparkContext(HadoopReading, AddedFiles, JobControl, Profiling, NotebookFace):
    """The entry point: a connection to a cluster, on which datasets are made and jobs run.

    It is there at once; its cluster starts in the background, and the first job waits for it. One at a time in a
    process: `stop` the active one before making another, or use `getOrCreate`.
    """

    _active_spark_context: ClassVar[SparkContext | None] = None
    _lock = threading.RLock()
    # Of the JVM's properties the one that programs ask for, to learn how they were started.
    _system_properties: ClassVar[dict[str, str]] = {"SPARK_SUBMIT": "true"}

    def __init__(
        self,
        master: str | None = None,
        appName: str | None = None,
        sparkHome: str | None = None,
        pyFiles: list[str] | None = None,
        environment: Mapping[str, Any] | None = None,
        batchSize: int = 0,
        serializer: Serializer = CPickleSerializer(),  # noqa: B008
        conf: SparkConf | None = None,
        gateway: Any = None,
        jsc: Any = None,
        profiler_cls: type[Profiler] = BasicProfiler,
        udf_profiler_cls: type[Profiler] = UDFBasicProfiler,
        memory_profiler_cls: type[Profiler] = MemoryProfiler,
    ) -> None:
        """``master`` and ``appName`` count more than ``conf``; by default ``local[*]`` and ``pyspark-shell``.

        Raises ValueError when another context is active, MasterUrlError and SettingsError for what can't be used.
        """
        if gateway is not None or jsc is not None:
            raise ValueError("gateway and jsc can't be given: there is no JVM here")
        if conf is None or conf.get("spark.executor.allowSparkContext", "false").lower() != "true":
            _require_driver()
        self._callsite = find_call_site("__init__")
        self._conf = SparkConf()
        properties = self._system_properties.items()
        self._conf.setAll([(key, value) for key, value in properties if key.startswith("spark.")])
        self._conf.setAll(conf.getAll() if conf is not None else [])
        self._complete_conf(master, appName, sparkHome, environment)
        self._batchSize = batchSize
        self.serializer: Serializer = AutoBatchedSerializer(CPickleSerializer())
        self.pythonExec = sys.executable
        self.pythonVer = f"{sys.version_info.major}.{sys.version_info.minor}"
        self.environment = {
            key.removeprefix("spark.executorEnv."): value
            for key, value in self._conf.getAll()
            if key.startswith("spark.executorEnv.")
        }
        with SparkContext._lock:
            self._refuse_second()
            self._start_time = int(time.time() * 1000)
            kind = "local" if scheme_of(self.master) in ("local", "inline") else "app"
            started = head_start.take(self.master, dict(self._conf.getAll()))
            app_id = new_application_id(kind=kind) if started is None else started.app_id
            self._conf.set("spark.app.id", app_id).set("spark.app.startTime", str(self._start_time))
            self.session = ContextSession(app_id, dict(self._conf.getAll()), started)
            SparkContext._active_spark_context = self
        settings_table.warn_of_idle(self.session.settings, stacklevel=3)
        if not isinstance(serializer, CPickleSerializer):
            warnings.warn(f"no effect here: {serializer!r}; records are pickled", UserWarning, stacklevel=2)
        self._collect_profiles(self.session.settings, profiler_cls, udf_profiler_cls, memory_profiler_cls)
        self.session.begin()
        SparkFiles._folder_of_driver = self._folder
        for path in [*(pyFiles or []), *self._listed("spark.submit.pyFiles")]:
            self.addPyFile(path)
        for path in self._listed("spark.files"):
            self.addFile(path)
        for path in self._listed("spark.archives"):
            self.addArchive(path)

    def _complete_conf(
        self, master: str | None, app_name: str | None, home: str | None, environment: Mapping[str, Any] | None
    ) -> None:
        conf = self._conf
        given = {"spark.master": master, "spark.app.name": app_name, "spark.home": home}
        conf.setAll([(key, value) for key, value in given.items() if value])
        conf.setAll([(f"spark.executorEnv.{key}", str(value)) for key, value in (environment or {}).items()])
        conf.setIfMissing("spark.master", settings_table.value_of({}, "spark.master"))
        conf.setIfMissing("spark.app.name", settings_table.value_of({}, "spark.app.name"))
        for key, value in {**_SET_BY_PYSPARK, "spark.executor.id": "driver"}.items():
            conf.setIfMissing(key, value)
        self.master: str = conf.get("spark.master")
        self.appName: str = conf.get("spark.app.name")
        self.sparkHome: str | None = conf.get("spark.home", None)

    def _listed(self, setting: str) -> list[str]:
        return [each.strip() for each in self._conf.get(setting, "").split(",") if each.strip()]

    def _refuse_second(self) -> None:
        active = SparkContext._active_spark_context
        if active is not None:
            made = active._callsite
            raise ValueError(
                f"Cannot run multiple SparkContexts at once; existing SparkContext(app={active.appName}, "
                f"master={active.master}) created by {made.function} at {made.file}:{made.line} "
                "- use it with SparkContext.getOrCreate(), or stop() it first"
            )

    def __repr__(self) -> str:
        return f"<SparkContext master={self.master} appName={self.appName}>"

    def _repr_html_(self) -> str:
        # Showing a context must neither wait for its cluster nor fail with it.
        pages = self.uiWebUrl if self.session.cluster_state == "running" else None
        link = f'<p><a href="{pages}">Spark UI</a></p>' if pages else ""
        return f"""
        <div>
            <p><b>SparkContext</b></p>
            {link}
            <dl>
              <dt>Version</dt>
                <dd><code>v{self.version}</code></dd>
              <dt>Master</dt>
                <dd><code>{self.master}</code></dd>
              <dt>AppName</dt>
                <dd><code>{self.appName}</code></dd>
            </dl>
        </div>
        """

    def __reduce__(self) -> NoReturn:
        raise DriverOnlyError("CONTEXT_ONLY_VALID_ON_DRIVER")

    def __enter__(self) -> SparkContext:
        return self

    def __exit__(
        self, type: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @classmethod
    def getOrCreate(cls, conf: SparkConf | None = None) -> SparkContext:
        """The active context, or one made with ``conf``."""
        with SparkContext._lock:
            active = SparkContext._active_spark_context
            return active if active is not None else SparkContext(conf=conf)

    @classmethod
    def setSystemProperty(cls, key: str, value: str) -> None:
        """A setting for contexts that are made later."""
        cls._system_properties[key] = str(value)

    @classmethod
    def getSystemProperty(cls, key: str) -> str | None:
        """What `setSystemProperty` set, else None: there are no Java properties."""
        return cls._system_properties.get(key)

    @property
    def version(self) -> str:
        """The version of Spark whose API this is."""
        version: str = pyspark.__version__
        return version

    @property
    def applicationId(self) -> str:
        """Unique on this machine."""
        return self.session.app_id

    @property
    def uiWebUrl(self) -> str | None:
        """Dask's dashboard, where ``spark.ui.enabled`` or ``spark.kernel.dashboard`` asks for it; else None.

        Waits for the cluster when it was asked for. Raises ClusterError when that did not start.
        """
        if self.session.stopped:
            return None
        if wants_web_pages(self.session.settings):
            self.session.wait_for_cluster()
        dashboard = self.session.manager.describe().get("dashboard")
        return str(dashboard) if dashboard else None

    @property
    def startTime(self) -> int:
        """Milliseconds since the epoch."""
        return self._start_time

    @property
    def stopped(self) -> bool:
        """Whether it can't be used any more."""
        return self.session.stopped

    @property
    def resources(self) -> dict[str, Any]:
        """Special resources of the driver, such as GPUs: none."""
        return {}

    def sparkUser(self) -> str:
        """The user that the application runs as."""
        return os.environ.get("SPARK_USER") or getpass.getuser()

    def getConf(self) -> SparkConf:
        """A copy of the settings."""
        return SparkConf().setAll(self._conf.getAll())

    def stop(self) -> None:
        """Cancel what runs and end the cluster. Idempotent."""
        with SparkContext._lock:
            if SparkContext._active_spark_context is self:
                SparkContext._active_spark_context = None
        if SparkFiles._folder_of_driver == self._folder:
            SparkFiles._folder_of_driver = None
        self.session.stop()


def _require_driver() -> None:
    if current_task() is not None:
        raise DriverOnlyError("CONTEXT_ONLY_VALID_ON_DRIVER")


@atexit.register
def _stop_active() -> None:
    active = SparkContext._active_spark_context
    if active is not None:
        active.stop()
