"""From a master URL to its resource manager. A manager's module is imported when its scheme is asked for.

Another package adds a scheme by an entry point of the group `GROUP`, named after the scheme, that points to a
`ResourceManager` class:

    [project.entry-points."spark_kernel.resource_managers"]
    nomad = "spark_nomad.manager:NomadManager"
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points

from spark_kernel.common.errors import ClusterError
from spark_kernel.resource_managers.interface import ResourceManager
from spark_kernel.resource_managers.master_url import scheme_of, unknown_scheme, wrong_form

GROUP = "spark_kernel.resource_managers"
"""The entry point group."""

_BUILT_IN: Mapping[str, str] = {
    "inline": "spark_kernel.resource_managers.inline:InlineManager",
    "local": "spark_kernel.resource_managers.local:LocalManager",
    "local-cluster": "spark_kernel.resource_managers.local:LocalClusterManager",
    "dask": "spark_kernel.resource_managers.dask_scheduler:DaskSchedulerManager",
    "tcp": "spark_kernel.resource_managers.dask_scheduler:DaskSchedulerManager",
    "tls": "spark_kernel.resource_managers.dask_scheduler:DaskSchedulerManager",
}


def resource_manager(url: str, settings: Mapping[str, str] | None = None) -> ResourceManager:
    """The manager that the master URL names, with what it needs from ``settings``. Starts nothing.

    >>> resource_manager("inline").url
    'inline'

    Raises MasterUrlError when the URL is wrong, SettingsError when a setting is, ClusterError when a manager that
    another package added can't be loaded.
    """
    if not isinstance(url, str):
        raise wrong_form(url)
    scheme = scheme_of(url)
    place = _BUILT_IN.get(scheme)
    if place is not None:
        module, name = place.split(":")
        manager: type[ResourceManager] = getattr(importlib.import_module(module), name)
    else:
        manager = _added_by_others(url, scheme)
    return manager.parse(url, settings or {})


def _added_by_others(url: str, scheme: str) -> type[ResourceManager]:
    added = {point.name: point for point in entry_points(group=GROUP)}
    if scheme not in added:
        raise unknown_scheme(url, tuple(sorted(added.keys() - _BUILT_IN.keys())))
    return _load(added[scheme])


def _load(point: EntryPoint) -> type[ResourceManager]:
    package = point.dist.name if point.dist is not None else "a package"
    try:
        manager = point.load()
    except Exception as error:
        raise ClusterError(
            f"{package} provides the master {point.name!r}, but {point.value} can't be loaded: "
            f"{type(error).__name__}: {error}; mend or uninstall {package}"
        ) from error
    if not (isinstance(manager, type) and issubclass(manager, ResourceManager)):
        raise ClusterError(
            f"{package} provides the master {point.name!r}, but {point.value} is no ResourceManager class; "
            f"mend or uninstall {package}"
        )
    return manager
