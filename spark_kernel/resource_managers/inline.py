"""``inline``: no cluster; the driver runs the tasks itself, one after the other. For tests and small things."""

from __future__ import annotations

from collections.abc import Mapping

from spark_kernel.common.errors import ClusterError
from spark_kernel.resource_managers.interface import Application, ClusterAddress, ResourceManager
from spark_kernel.resource_managers.master_url import wrong_form
from spark_kernel.resource_managers.notation import count_setting
from spark_kernel.resource_managers.scratch import remove_scratch_folder


class InlineManager(ResourceManager):
    """Provides one core: the driver's."""

    def __init__(self, url: str, settings: Mapping[str, str]) -> None:
        if url != "inline":
            raise wrong_form(url)
        self.url = url
        self._max_failures = count_setting(settings, "spark.task.maxFailures", 1)
        self._application: Application | None = None
        self._stopped = False

    @classmethod
    def parse(cls, url: str, settings: Mapping[str, str]) -> InlineManager:
        return cls(url, settings)

    def start(self, application: Application) -> ClusterAddress:
        if self._stopped or self._application is not None:
            raise ClusterError(f"{self.url} was {'stopped' if self._stopped else 'started'} already; make another")
        self._application = application
        return ClusterAddress(address=None, cores=1, expected_workers=0, max_task_failures=self._max_failures)

    def scale(self, workers: int) -> None:
        raise ClusterError("inline has no workers to scale; use local[N] as the master")

    def adapt(self, minimum: int, maximum: int) -> None:
        raise ClusterError("inline has no workers to scale; use local[N] as the master")

    def describe(self) -> dict[str, object]:
        state = "stopped" if self._stopped else "not started" if self._application is None else "running"
        return {"master": self.url, "state": state, "address": None, "workers": []}

    def stop(self) -> None:
        self._stopped = True
        if self._application is not None:
            remove_scratch_folder(self._application.scratch)
