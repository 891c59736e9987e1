"""What an application's settings say about scheduling, in the words of the scheduler and of the Dask backend.

``spark.scheduler.allocation.file`` is Spark's XML::

    <allocations>
      <pool name="etl"><schedulingMode>FAIR</schedulingMode><weight>2</weight><minShare>1</minShare></pool>
    </allocations>
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from xml.etree import ElementTree

from spark_kernel.common.errors import SettingsError
from spark_kernel.core.context import settings as settings_table
from spark_kernel.core.context.parallelism import promised_task_failures
from spark_kernel.core.execution.pools import Mode, Pool, Pools
from spark_kernel.core.execution.waiting_tasks import Turns
from spark_kernel.core.scheduler.limits import Limits
from spark_kernel.core.scheduler.speculation import Speculation
from spark_kernel.storage.documents import read_text
from spark_kernel.storage.options import StorageOptions

_log = logging.getLogger(__name__)


def limits_of(settings: Mapping[str, str]) -> Limits:
    """How often something may be tried, and how much may come back."""
    failures = settings_table.value_of(settings, "spark.task.maxFailures")
    return Limits(
        task_failures=promised_task_failures(settings["spark.master"], failures),
        stage_attempts=settings_table.value_of(settings, "spark.stage.maxConsecutiveAttempts"),
        result_bytes=settings_table.value_of(settings, "spark.driver.maxResultSize"),
    )


def speculation_of(settings: Mapping[str, str]) -> Speculation | None:
    """The rules for copies of slow tasks; None when there are to be none.

    >>> speculation_of({}), speculation_of({"spark.speculation": "true"}) == Speculation()
    (None, True)
    """
    if not settings_table.value_of(settings, "spark.speculation"):
        return None
    return Speculation(
        interval=settings_table.value_of(settings, "spark.speculation.interval"),
        multiplier=settings_table.value_of(settings, "spark.speculation.multiplier"),
        quantile=settings_table.value_of(settings, "spark.speculation.quantile"),
        min_seconds=settings_table.value_of(settings, "spark.speculation.minTaskRuntime"),
        threshold=settings_table.value_of(settings, "spark.speculation.task.duration.threshold"),
    )


def turns_of(settings: Mapping[str, str], storage: StorageOptions) -> Turns:
    """Which tasks wait for which slot.

    Raises PathNotFoundError, StorageError and SettingsError for an allocation file that can't be read.
    """
    wait = settings_table.value_of(settings, "spark.locality.wait.process")
    if wait is None:
        wait = settings_table.value_of(settings, "spark.locality.wait")
    return Turns(_pools_of(settings, storage), wait)


def _pools_of(settings: Mapping[str, str], storage: StorageOptions) -> Pools:
    mode: Mode = settings_table.value_of(settings, "spark.scheduler.mode")
    url = settings_table.value_of(settings, "spark.scheduler.allocation.file")
    if mode != "FAIR" or url is None:
        return Pools(mode)
    try:
        known = pools_of_xml(read_text(url, storage))
    except ElementTree.ParseError as error:
        raise SettingsError(f"spark.scheduler.allocation.file: {url} is no XML: {error}") from error
    return Pools(mode, known)


def pools_of_xml(text: str) -> dict[str, Pool]:
    """The pools of an allocation file. What is missing or can't be used has Spark's default, as in Spark.

    >>> pools_of_xml("<allocations><pool name='etl'><weight>2</weight></pool></allocations>")["etl"]
    Pool(name='etl', mode='FIFO', weight=2, min_share=0)

    Raises xml.etree.ElementTree.ParseError.
    """
    pools = {}
    for element in ElementTree.fromstring(text.strip()).iter("pool"):
        name = element.get("name", "")
        pools[name] = Pool(
            name,
            _mode(name, (element.findtext("schedulingMode") or "").strip().upper()),
            _at_least(1, name, "weight", element),
            _at_least(0, name, "minShare", element),
        )
    return pools


def _mode(pool: str, text: str) -> Mode:
    if text == "FAIR":
        return "FAIR"
    if text not in ("", "FIFO"):
        _log.warning("pool %s: schedulingMode %r is neither FIFO nor FAIR; FIFO is used", pool, text)
    return "FIFO"


def _at_least(least: int, pool: str, what: str, element: ElementTree.Element) -> int:
    text = (element.findtext(what) or "").strip()
    if text.isdecimal() and int(text) >= least:
        return int(text)
    if text:
        _log.warning("pool %s: %s %r is no whole number from %d; %d is used", pool, what, text, least, least)
    return least
